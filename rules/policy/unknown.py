"""What holds while the register cannot say all: unknown is an answer, and a line of policy per scene."""

from dataclasses import dataclass, replace

from rules.policy.decision import Verdict
from rules.policy.pack import Scene
from rules.vocabulary import Outcome, strictest

REGISTER_CAUSES = ("register_not_loaded", "register_empty", "register_unreachable", "register_stale")
FEED_CAUSES = ("feed_held", "feed_silent", "feeds_unknown")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why what is known may not be all: one of the causes, and the authority whose feed it is, if one."""

    code: str
    authority: str | None = None
    detail: str = ""


def under_doubt(verdict: Verdict, scene: Scene) -> Verdict:
    """The verdict when something may be missing: what was found stands, and the scene's answer is the least.

    Nobody is sent through faster on a register that may lack a black listing, and nobody is called unlisted.
    """
    least = scene.on_unknown
    parties = tuple(
        replace(party, outcome=_at_least(party.outcome, least), weighed=_at_least(party.weighed, least))
        for party in verdict.parties
    )
    helped = verdict.outcome.rank <= Outcome.ALLOW.rank
    return replace(
        verdict,
        outcome=_at_least(verdict.outcome, least),
        parties=parties,
        measures=() if helped else verdict.measures,
        rules=() if helped else verdict.rules,
    )


def _at_least(outcome: Outcome, least: Outcome) -> Outcome:
    return strictest(outcome, least, Outcome.ALLOW)
