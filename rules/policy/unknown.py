"""What applies while the register's data may be incomplete: each scene of the policy states it (``on_unknown``)."""

from dataclasses import dataclass, replace

from rules.policy.pack import Scene
from rules.policy.verdict import Verdict
from rules.vocabulary import Outcome, strictest

REGISTER_CAUSES = ("register_not_loaded", "register_empty", "register_unreachable", "register_stale")
FEED_CAUSES = ("feed_held", "feed_silent", "feeds_unknown")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why data may be missing: ``code`` is one of the causes, ``authority`` the feed concerned, if it is one."""

    code: str
    authority: str | None = None
    detail: str = ""


def apply_on_unknown(verdict: Verdict, scene: Scene) -> Verdict:
    """The verdict when a listing may be missing: no outcome is milder than the scene's ``on_unknown``.

    What was found still counts. A fast track becomes at least allow, without its incentives, because a black
    listing may be among the missing data.
    """
    least = scene.on_unknown
    parties = tuple(
        replace(
            party,
            outcome=_at_least(party.outcome, least),
            weighted_outcome=_at_least(party.weighted_outcome, least),
        )
        for party in verdict.parties
    )
    without_black = verdict.outcome.rank <= Outcome.ALLOW.rank
    return replace(
        verdict,
        outcome=_at_least(verdict.outcome, least),
        parties=parties,
        measures=() if without_black else verdict.measures,
        rules=() if without_black else verdict.rules,
    )


def _at_least(outcome: Outcome, least: Outcome) -> Outcome:
    return strictest(outcome, least, Outcome.ALLOW)
