"""What a caller asks. Numbers and names of subjects are sent, and never shown by ``repr``."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class OnFailure(StrEnum):
    """What a check means when the gateway cannot decide: an exception, or this outcome."""

    RAISE = "raise"
    ALLOW = "allow"
    REVIEW = "review"
    LOCK = "lock"
    INTERCEPT = "intercept"


@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """A person or organisation in a transaction: its role, and its number, its name or both.

    Only a whole number says who somebody is. ``id_type`` is needed only where a number could be both a
    person's and an organisation's.
    """

    role: str
    id: str | None = None
    name: str | None = None
    id_type: str | None = None

    def __repr__(self) -> str:
        return f"Subject(role={self.role!r}, id={masked(self.id)!r}, name={masked_name(self.name)!r})"

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        return given(role=self.role, id=self.id, id_type=self.id_type, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question: the subjects of one transaction.

    ``amount`` is in yuan, ``region`` a code of GB/T 2260, ``max_staleness_ms`` how old the register may be that is
    read, and ``ticket`` asks for a clearance ticket with the answer.
    """

    scene: str
    transaction_id: str
    subjects: Sequence[Subject]
    operator: str | None = None
    purpose: str | None = None
    account_id: str | None = None
    amount: float | None = None
    region: str | None = None
    max_staleness_ms: int | None = None
    ticket: bool = False

    def body(self) -> dict[str, Any]:
        """As it is sent: what was not given is left out."""
        return given(
            scene=self.scene,
            transaction_id=self.transaction_id,
            subjects=[subject.body() for subject in self.subjects],
            operator=self.operator,
            purpose=self.purpose,
            account_id=self.account_id,
            amount=self.amount,
            region=self.region,
            max_staleness_ms=self.max_staleness_ms,
            ticket=True if self.ticket else None,
        )


@dataclass(frozen=True, slots=True, repr=False)
class Watch:
    """A subject to be told about: your reference, by which you are told, and its number."""

    reference: str
    id: str

    def __repr__(self) -> str:
        return f"Watch(reference={self.reference!r}, id={masked(self.id)!r})"

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        return {"reference": self.reference, "id": self.id}


def given(**members: Any) -> dict[str, Any]:  # noqa: ANN401
    """Those that are not None: the gateway may not know a member that this caller does not use."""
    return {name: value for name, value in members.items() if value is not None}


def masked(number: str | None) -> str | None:
    """Enough to recognise a number that one knows: the digits of birth, 7th to 14th, are never shown."""
    if number is None or len(number) < 15:
        return number and "*" * len(number)
    tail = 4 if len(number) >= 18 else 2
    return number[:3] + "*" * (len(number) - 3 - tail) + number[-tail:]


def masked_name(name: str | None) -> str | None:
    """The first character only."""
    return name and name[0] + "*"
