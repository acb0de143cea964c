"""A record validator for tests, with the shipped authorities and working days and a test pepper."""

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
    """The life of the listing that these records describe, in any order of the records."""
    claims = sorted((admit(value, today=today) for value in values), key=lambda claim: claim.order)
    return life_of([claim.record for claim in claims], WORKING_DAYS)


def filed(*values: dict[str, Any]) -> Sequence[IndexedListing]:
    """The register entries for these records about one listing; the listing itself comes first."""
    return VALIDATOR.listing_indexer.index(admit(values[0]).key, life(*values))
