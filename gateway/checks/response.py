"""The answer to a check: the outcome, with the measure, article and document behind every denial."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.checks.request import Check
from gateway.data_freshness import as_of
from rules.calendar import from_milliseconds, rfc3339
from rules.identity.identifiers import MaskedNumber
from rules.listings.listing import Listing
from rules.policy.matching import Party
from rules.policy.pack import Policy
from rules.policy.unknown import Unknown
from rules.policy.verdict import PartyVerdict, Verdict
from rules.records.departments import Departments
from rules.vocabulary import Outcome
from store.locks.rows import Lock
from store.register.reader import RegisterState


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """Everything that an answer is made of. ``state`` is None when the register could not be read."""

    decision_id: str
    check: Check
    verdict: Verdict
    judged: Outcome
    """As judged, before held and released locks changed it."""
    locks: Sequence[Lock]
    unknown: Sequence[Unknown]
    state: RegisterState | None
    now: datetime
    feedback_due: datetime | None = None
    ticket: dict[str, str] | None = None
    watermarks: Mapping[str, int] = field(default_factory=dict)
    """When each authority whose listing counted was last heard, in milliseconds."""


def decision_body(context: DecisionContext, policy: Policy, departments: Departments) -> bytes:
    """The body of a decision, as JSON."""
    check, verdict = context.check, context.verdict
    document: dict[str, Any] = {
        "decision_id": context.decision_id,
        "outcome": verdict.outcome,
        "scene": check.scene,
        "transaction_id": check.transaction_id,
        "indeterminate": bool(context.unknown),
        "unknown": [{"code": u.code, "authority": u.authority, "detail": u.detail} for u in context.unknown],
        "subjects": [
            _subject(party, verdict, departments) for party, verdict in zip(check.parties, verdict.parties, strict=True)
        ],
        "measures": [_measure(code, policy) for code in verdict.measures],
        "messages": [
            {"rule": rule.id, "zh": rule.then.message.zh, "en": rule.then.message.en} for rule in verdict.rules
        ],
        "rules": [rule.id for rule in verdict.rules],
        "locks": [lock_document(lock) for lock in context.locks],
        "remedy": None,
        "ticket": context.ticket,
        "feedback_due": rfc3339(context.feedback_due) if context.feedback_due else None,
        "as_of": as_of(context.state, context.now, context.watermarks),
        "policy": policy.reference,
    }
    if verdict.outcome.rank > Outcome.ALLOW.rank:
        document["remedy"] = policy.pack.remedy | {"where": _where(verdict, departments)}
    return orjson.dumps(document)


def authorities_of(verdict: Verdict) -> Iterator[str]:
    """The authority of each listing that counted; one may occur several times."""
    return (listing.authority for party in verdict.parties for listing in party.listings)


def masked(party: Party) -> str | None:
    """The number of a party, masked for display."""
    match party.number:
        case None:
            return None
        case MaskedNumber(pattern=pattern):
            return pattern
        case number:
            return number.masked()


def lock_document(lock: Lock) -> dict[str, Any]:
    """A lock as its client sees it."""
    return {
        "id": lock.id,
        "state": lock.state,
        "scope": lock.scope,
        "target": lock.target,
        "scene": lock.scene,
        "decision_id": lock.decision_id,
        "held_since": rfc3339(from_milliseconds(lock.created_at)),
        "expires_at": rfc3339(from_milliseconds(lock.expires_at)),
    }


def _subject(party: Party, verdict: PartyVerdict, departments: Departments) -> dict[str, Any]:
    return {
        "role": party.role,
        "masked_id": masked(party),
        "outcome": verdict.outcome,
        "counts_as": verdict.weighted_outcome,
        "notes": verdict.notes,
        "listings": [_listing(listing, departments) for listing in verdict.listings],
    }


def _listing(listing: Listing, departments: Departments) -> dict[str, Any]:
    department = departments.find(listing.authority)
    return {
        "id": listing.key,
        "list": listing.list,
        "category": listing.category,
        "severity": listing.severity,
        "determination": listing.determination,
        "authority": listing.authority,
        "authority_name": department.name if department else listing.authority,
        "document_no": listing.document_no,
        "determined_on": listing.determined_on.isoformat(),
        "valid_until": listing.valid_until.isoformat() if listing.valid_until else None,
        "basis": listing.basis,
        "objection_open": listing.objection_open,
        "flags": listing.flags,
        "answers_for": listing.origin_role,
    }


def _measure(code: str, policy: Policy) -> dict[str, Any]:
    measure = policy.pack.measures[code]
    return {
        "code": code,
        "text": measure.text,
        "text_en": measure.text_en,
        "basis": policy.cite(measure.basis),
    }


def _where(verdict: Verdict, departments: Departments) -> list[dict[str, str]]:
    """Where the subject may object: each authority whose listing counted."""
    found = ((code, departments.find(code)) for code in dict.fromkeys(authorities_of(verdict)))
    return [
        {"authority": code, "name": d.name, "name_en": d.name_en, "text": d.remedy, "text_en": d.remedy_en}
        for code, d in found
        if d is not None
    ]
