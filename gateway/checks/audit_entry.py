"""The ledger's entry of an answer: enough to give it back in full, and to decide it again under another policy."""

from collections.abc import Sequence
from typing import Any

import orjson

from gateway.checks.lookup_keys import PartyKeys
from gateway.checks.request import Check
from gateway.checks.response import DecisionContext
from rules.calendar import to_milliseconds
from rules.policy.replay import PastCheck, encode_check, past_party
from rules.policy.verdict import Verdict
from store.ledger.decisions import DecisionEntry
from store.platforms.clients import Client


def decision_entry(
    client: Client, context: DecisionContext, party_keys: Sequence[PartyKeys], body: bytes
) -> DecisionEntry:
    """The entry of one answer. ``body`` is the answer without its ticket, which is a credential."""
    check, verdict = context.check, context.verdict
    detail: dict[str, Any] = {
        "answer": orjson.Fragment(body),
        "check": orjson.Fragment(encode_check(_past_check(check, context, party_keys))),
        "account_id": check.account_id,
    }
    if verdict.shadow is not None:
        detail["shadow"] = {"outcome": verdict.shadow.outcome, "rules": verdict.shadow.rules}
    return DecisionEntry(
        id=context.decision_id,
        decided_at=to_milliseconds(context.now),
        client=client.id,
        operator=check.operator,
        purpose=check.purpose,
        scene=check.scene,
        transaction_id=check.transaction_id,
        outcome=verdict.outcome.value,
        detail=orjson.dumps(detail),
        feedback_due=to_milliseconds(context.feedback_due) if context.feedback_due else None,
        listings=listing_keys(verdict),
    )


def listing_keys(verdict: Verdict) -> tuple[str, ...]:
    """The listings that counted for any party."""
    return tuple(dict.fromkeys(listing.key for party in verdict.parties for listing in party.listings))


def _past_check(check: Check, context: DecisionContext, party_keys: Sequence[PartyKeys]) -> PastCheck:
    parties = tuple(
        past_party(party.profile, *keys, verdict)
        for party, keys, verdict in zip(check.parties, party_keys, context.verdict.parties, strict=True)
    )
    return PastCheck(check.scene, context.judged, parties, check.amount, check.region, bool(context.unknown))
