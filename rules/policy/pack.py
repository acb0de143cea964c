"""The policy pack (策略包): which listing, in which scene, has which consequence, and by which article.

A pack is data (``config/policy/*.yaml``), loaded whole or not at all (``rules.policy.faults``). Every rule whose
scene and conditions hold fires; the strictest outcome wins; red counts only where no black listing does. The
articles are in the data: each measure and each rule cites its basis, as 办法一 Art. 13 and 14, 办法二 Art. 23,
电商意见 五（一）（二）.
"""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from rules.policy.condition import RuleCondition
from rules.vocabulary import LockScope, Outcome, Role

ON_UNKNOWN = (Outcome.ALLOW, Outcome.REVIEW, Outcome.LOCK, Outcome.INTERCEPT)
"""What a scene may answer when the register's data may be incomplete."""
_RuleId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]


class Basis(Struct, frozen=True, forbid_unknown_fields=True):
    """A place in the law (依据): a document of the pack and an article of it."""

    document: str
    article: str


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """A document that rules cite."""

    title: str
    title_en: str


class Measure(Struct, frozen=True, forbid_unknown_fields=True):
    """A disciplinary measure (惩戒措施, 办法一 Art. 14) or an incentive (激励措施, Art. 13)."""

    text: str
    text_en: str
    basis: Basis


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """What the person at the counter reads."""

    zh: Annotated[str, Meta(min_length=1)]
    en: Annotated[str, Meta(min_length=1)]


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of transaction (场景), and what applies in it when the register's data may be incomplete."""

    title: str
    title_en: str
    owner: str
    """The office that answers for this part of the pack."""
    on_unknown: Outcome
    """The mildest outcome while data may be missing: one of ``ON_UNKNOWN``."""
    max_staleness: Annotated[int, Meta(ge=1, le=86_400 * 7)] = 300
    """Seconds without a heartbeat of a worker after which the register is too old to rely on."""
    relies_on: tuple[str, ...] = ()
    """Authorities whose feed, when in quarantine or silent too long, makes the answer unknown."""
    weights: dict[Role, Outcome] = {}
    """By role, the strictest outcome that such a party can give the transaction; absent: any."""
    lock_days: Annotated[int, Meta(ge=1, le=3660)] = 30
    """Days after which a lock expires on which no officer has decided."""
    feedback_working_days: Annotated[int, Meta(ge=1, le=250)] = 5
    """Working days in which the platform reports its feedback (反馈, for the quarterly report of 办法一 Art. 21)."""
    ticket_minutes: Annotated[int, Meta(ge=1, le=60 * 24 * 60)] = 60
    """How long a clearance ticket may be used."""


class RuleConsequence(Struct, frozen=True, forbid_unknown_fields=True):
    """The consequence of a rule: outcome, message, measures by code, and the scope of a lock."""

    outcome: Outcome
    message: Message
    measures: tuple[str, ...] = ()
    lock: LockScope | None = None
    """A ``lock`` outcome locks the transaction unless this is ``account``; an intercept locks only what this names."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_day": "from"}):
    """One line of the policy. Its id appears unchanged in the answer and in the ledger."""

    id: _RuleId
    scenes: Annotated[tuple[str, ...], Meta(min_length=1)]
    when: RuleCondition
    then: RuleConsequence
    basis: Annotated[tuple[Basis, ...], Meta(min_length=1)]
    owner: str | None = None
    """The office that answers for it; None: the pack's owner."""
    from_day: date | None = None
    """The first day on which it is in force (Asia/Shanghai)."""
    until: date | None = None
    """The last day on which it is in force."""
    shadow: bool = False
    """Evaluated, counted and recorded, without effect on the outcome."""

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on that day."""
        return (self.from_day is None or self.from_day <= day) and (self.until is None or day <= self.until)


class Precedence(Struct, frozen=True, forbid_unknown_fields=True):
    """How consequences are ranked: stated in every file, and the same in every file."""

    outcomes: tuple[Outcome, ...]
    red: Literal["only-without-black"]


class Pack(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole policy as its file states it."""

    pack: str
    version: str
    regime: str
    owner: str
    precedence: Precedence
    documents: dict[str, Document]
    scenes: Annotated[dict[str, Scene], Meta(min_length=1)]
    measures: dict[str, Measure]
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)]
    remedy: dict[str, str]


class Policy:
    """A pack ready for use: its rules by scene, and the digest of the file it came from."""

    def __init__(self, pack: Pack, digest: str) -> None:
        self.pack = pack
        self.digest = digest
        self._by_scene: Mapping[str, tuple[Rule, ...]] = {
            scene: tuple(rule for rule in pack.rules if scene in rule.scenes) for scene in pack.scenes
        }

    def rules_of(self, scene: str) -> tuple[Rule, ...]:
        """The rules of a scene in the order of the file. Raises ``KeyError`` for an unknown scene."""
        return self._by_scene[scene]

    @cached_property
    def facts_needed(self) -> Mapping[str, frozenset[str]]:
        """By scene, the facts of the transaction that its rules refer to: ``amount``, ``region``.

        A check must state them; otherwise omitting one would avoid a rule.
        """
        needed = {}
        for scene, rules in self._by_scene.items():
            amount = any(r.when.amount_from is not None or r.when.amount_below is not None for r in rules)
            region = any(rule.when.regions is not None for rule in rules)
            needed[scene] = frozenset(["amount"] * amount + ["region"] * region)
        return MappingProxyType(needed)

    def cite(self, basis: Basis) -> str:
        """A basis as people read it."""
        return f"《{self.pack.documents[basis.document].title}》{basis.article}"

    @cached_property
    def reference(self) -> dict[str, str]:
        """How a decision names the policy: pack, version and digest."""
        return {"pack": self.pack.pack, "version": self.pack.version, "digest": self.digest}

    @cached_property
    def reference_json(self) -> bytes:
        """``reference`` as JSON."""
        return msgspec.json.encode(self.reference)
