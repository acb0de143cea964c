"""What a caller sends. ``repr`` masks the identifiers and names of subjects."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class OnFailure(StrEnum):
    """What a check returns when the gateway cannot decide: this outcome, or an exception."""

    RAISE = "raise"
    ALLOW = "allow"
    REVIEW = "review"
    LOCK = "lock"
    INTERCEPT = "intercept"


@dataclass(frozen=True, slots=True, repr=False)
class Subject:
    """A person or organisation in a transaction: its role, and its identifier, its name or both.

    Only a complete identifier identifies a subject. ``id_type`` is needed only if the identifier could be both a
    person's and an organisation's.
    """

    role: str
    id: str | None = None
    name: str | None = None
    id_type: str | None = None

    def __repr__(self) -> str:
        return f"Subject(role={self.role!r}, id={masked(self.id)!r}, name={masked_name(self.name)!r})"

    def body(self) -> dict[str, Any]:
        """The JSON of the request."""
        return given(role=self.role, id=self.id, id_type=self.id_type, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: the subjects of one transaction.

    ``amount`` is in yuan, ``region`` is a code of GB/T 2260, ``max_staleness_ms`` is the greatest age of the register's
    data, and ``ticket`` requests a clearance ticket.
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
        """The JSON of the request, without members that are None."""
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
    """A subject to watch: your reference, which events repeat, and its identifier."""

    reference: str
    id: str

    def __repr__(self) -> str:
        return f"Watch(reference={self.reference!r}, id={masked(self.id)!r})"

    def body(self) -> dict[str, Any]:
        """The JSON of the request."""
        return {"reference": self.reference, "id": self.id}


def given(**members: Any) -> dict[str, Any]:  # noqa: ANN401
    """The members that are not None: an older gateway may not know a member that the caller does not use."""
    return {name: value for name, value in members.items() if value is not None}


def masked(number: str | None) -> str | None:
    """The identifier with most characters masked; the birth date, characters 7 to 14, is never shown."""
    if number is None or len(number) < 15:
        return number and "*" * len(number)
    tail = 4 if len(number) >= 18 else 2
    return number[:3] + "*" * (len(number) - 3 - tail) + number[-tail:]


def masked_name(name: str | None) -> str | None:
    """The first character of the name, then "*"."""
    return name and name[0] + "*"
