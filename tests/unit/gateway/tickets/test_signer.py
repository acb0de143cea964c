"""Clearance tickets: what they are bound to, what voids them, and that they cannot be forged or altered."""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy_file import load_policy
from config.settings import Settings
from gateway.tickets.signer import Clearance, TicketSigner, party_snapshots, void_reason
from rules.calendar import SHANGHAI, to_milliseconds
from rules.identity.subject import SubjectKeys
from rules.listings.listing import Listing
from rules.policy.pack import Policy
from rules.vocabulary import DataClass
from store.register.reader import LookUp, RegisterState
from tests.unit.records import record
from tests.unit.validator import KEYS, filed

TODAY = date(2026, 11, 23)
POLICY = load_policy(Settings().policy)
SIGNER = TicketSigner(KEYS)
ALL = frozenset(DataClass)
NOON = datetime(2026, 11, 23, 12, tzinfo=SHANGHAI)
MINUTES = POLICY.pack.scenes["bidding.qualification"].ticket_minutes
PARTY = [("n" * 32, "m" * 32)]


def looked_up(*by_number: Listing, by_name: tuple[Listing, ...] = (), epoch: str = "e", locks: int = 0) -> LookUp:
    state = RegisterState(epoch, 1, 1, 1, 5)
    held = {f"target-{n}": f"lock_{n}" for n in range(locks)}
    return LookUp({"n" * 32: list(by_number), "m" * 32: list(by_name)}, held, state)


def clearance(found: LookUp, **changes: Any) -> Clearance:  # noqa: ANN401
    made = Clearance(
        decision="dec_1",
        client="shop",
        scene="bidding.qualification",
        transaction="t" * 32,
        account=None,
        operator="o",
        purpose="p",
        seen=party_snapshots(PARTY, found, ALL, TODAY),
        epoch=found.state.epoch,
        policy=POLICY.digest,
        expires=to_milliseconds(NOON + timedelta(minutes=MINUTES)),
    )
    return msgspec.structs.replace(made, **changes)


def listing(**changes: Any) -> Listing:  # noqa: ANN401
    return filed(record(**changes))[0].listing


def void(then: LookUp, now: LookUp, visible: frozenset[DataClass] = ALL, **changes: Any) -> str | None:  # noqa: ANN401
    return void_reason(clearance(then, **changes), party_snapshots(PARTY, now, visible, TODAY), now, POLICY, TODAY)


def test_ticket_round_trips() -> None:
    """The deployment that made a ticket reads the same clearance from it."""
    made = clearance(looked_up())
    assert SIGNER.read(SIGNER.make(made)["token"]) == made


@given(st.data())
def test_altered_ticket_is_refused(data: st.DataObject) -> None:
    """A ticket with a character changed or removed, or of another deployment, is refused."""
    token = SIGNER.make(clearance(looked_up()))["token"]
    at = data.draw(st.integers(0, len(token) - 1))
    with_other = token[:at] + data.draw(st.sampled_from("AZaz09-_.=")) + token[at + 1 :]
    for bent in (with_other, token[:at] + token[at + 1 :], token[:at]):
        if bent != token:
            found = SIGNER.read(bent)
            assert found is None or bent.rstrip("=") == token
    assert TicketSigner(SubjectKeys(b"q" * 32)).read(token) is None


@pytest.mark.parametrize("token", ["", ".", "a.b", "é.ü", "{}.{}", "x" * 5000])
def test_invalid_ticket_is_none(token: str) -> None:
    """No input raises an exception."""
    assert SIGNER.read(token) is None


def test_ticket_is_valid_without_changes() -> None:
    """The ticket stays valid with the same listings, fewer, or none."""
    warned = looked_up(listing(severity="general"))
    assert void(looked_up(), looked_up()) is None
    assert void(warned, warned) is None
    assert void(warned, looked_up()) is None


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (looked_up(listing()), "listing_arrived"),
        (looked_up(by_name=(listing(subject={"id": "91320800****E5T0XK"}),)), "listing_arrived"),
        (looked_up(epoch="other"), "register_renewed"),
        (looked_up(locks=1), "lock_held"),
    ],
)
def test_later_listing_voids_the_ticket(now: LookUp, reason: str) -> None:
    """A listing under the number or possibly under the name, a rebuilt register, or a lock voids the ticket."""
    assert void(looked_up(), now) == reason


def test_a_changed_listing_is_another_one() -> None:
    """A listing that changed from general to severe voids the ticket."""
    assert void(looked_up(listing(severity="general")), looked_up(listing())) == "listing_arrived"


def test_numbered_namesake_voids_nothing() -> None:
    """A listing of the same name with another number belongs to another subject."""
    assert void(looked_up(), looked_up(by_name=(listing(),))) is None


def test_what_the_caller_may_not_see_voids_nothing() -> None:
    """Otherwise the ticket would reveal a listing that the check must not show."""
    hidden = looked_up(listing(data_class="government"))
    assert void(looked_up(), hidden, frozenset({DataClass.PUBLIC})) is None


def test_another_policy_voids_only_what_rested_on_a_listing() -> None:
    """Every policy allows a subject without listings; a subject with a listing must be checked again."""
    warned = looked_up(listing(severity="general"))
    assert void(looked_up(), looked_up(), policy="another") is None
    assert void(warned, warned, policy="another") == "policy_changed"


@pytest.mark.parametrize(("begins", "reason"), [(22, None), (23, None), (24, "policy_changed"), (25, None)])
def test_newly_effective_rule_voids_a_ticket(begins: int, reason: str | None) -> None:
    """A rule that takes effect at midnight in Beijing voids the tickets of the day before, without a new file."""
    pack, (first, *others) = POLICY.pack, POLICY.rules_of("bidding.qualification")
    begun = msgspec.structs.replace(first, from_day=date(2026, 11, begins))
    dated = Policy(msgspec.structs.replace(pack, rules=(begun, *others)), POLICY.digest)
    tomorrow = date(2026, 11, 24)
    warned = looked_up(listing(severity="general"))
    now_seen = party_snapshots(PARTY, warned, ALL, tomorrow)
    assert void_reason(clearance(warned), now_seen, warned, dated, tomorrow) == reason
    assert (
        void_reason(
            clearance(looked_up()), party_snapshots(PARTY, looked_up(), ALL, tomorrow), looked_up(), dated, tomorrow
        )
        is None
    )
