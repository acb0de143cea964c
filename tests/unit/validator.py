"""The validator of records for tests: the shipped authorities and working days, and keys of no deployment."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from config.files import load_departments, load_working_days
from config.settings import Settings
from rules.admission.feed_event import FeedEvent
from rules.admission.validator import RecordValidator
from rules.identity.subject import SubjectKeys
from rules.listings.indexer import IndexedListing
from rules.listings.life import Life, life_of

TODAY = date(2026, 11, 23)
KEYS = SubjectKeys(b"p" * 32)
DEPARTMENTS = load_departments(Settings().departments)
VALIDATOR = RecordValidator(DEPARTMENTS, KEYS)
WORKING_DAYS = load_working_days(Settings().holidays)


def admit(value: Any, sender: str | None = None, today: date = TODAY) -> FeedEvent:  # noqa: ANN401
    return VALIDATOR.validate(value, today=today, default_version=1_700_000_000_000, sender=sender)


def life(*values: dict[str, Any], today: date = TODAY) -> Life:
    """What these records about one listing come to, in whatever order they are given."""
    claims = sorted((admit(value, today=today) for value in values), key=lambda claim: claim.order)
    return life_of([claim.record for claim in claims], WORKING_DAYS)


def filed(*values: dict[str, Any]) -> Sequence[IndexedListing]:
    """What the register holds for these records about one listing: the listing first."""
    return VALIDATOR.listing_indexer.index(admit(values[0]).key, life(*values))
