"""``creditgate policy explain|replay``: try a pack on the present register and on past decisions."""

import getpass
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import orjson
import typer

from creditgate.cli.policy import PackOption, app, load_or_fail
from creditgate.cli.stores import Stores, with_stores
from creditgate.cli.terminal import MISUSE, REFUSED, JsonOption, fail, out, print_json, settings_or_fail
from rules.calendar import civil_day, from_milliseconds, to_milliseconds
from rules.identity.identifiers import Identifier, InvalidIdentifierError, parse_identifier
from rules.identity.names import normalise_name
from rules.policy.condition import Transaction
from rules.policy.decision import decide, legal_limit
from rules.policy.matching import Match, Party, matches_of, visible_matches
from rules.policy.pack import Policy, Rule
from rules.policy.replay import outcome_under
from rules.vocabulary import DataClass, Role
from store.ledger.decisions import DecisionEntry, DecisionStore, past_decisions
from store.register.reader import RegisterReader, RegisterUnavailableError

_PERIOD_FORM = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LOOK_UP_DEADLINE_S = 5.0


@app.command()
def explain(
    scene: Annotated[str, typer.Option("--scene", "-s", help="Kind of transaction.")],
    id: Annotated[str, typer.Option("--id", help="Identifier; '-' reads it from stdin, so that no history has it.")],
    name: Annotated[str | None, typer.Option("--name", help="Name given with the number.")] = None,
    role: Annotated[Role, typer.Option("--role", help="Role of the subject.")] = Role.APPLICANT,
    amount: Annotated[float | None, typer.Option("--amount", help="Amount in yuan.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="Region, six digits.")] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="Purpose, kept in the ledger.")] = "策略解释",
    pack: PackOption = None,
    json: JsonOption = False,
) -> None:
    """Print for each rule of a scene whether it fires for a subject, or why not. The query is on record. / 解释。"""
    settings = settings_or_fail()
    policy = load_or_fail(pack or settings.policy)
    if scene not in policy.pack.scenes:
        fail(f"no such scene; scenes: {', '.join(policy.pack.scenes)}", MISUSE)
    today = civil_day(datetime.now(UTC))
    try:
        number = parse_identifier(sys.stdin.readline() if id == "-" else id, today=today)
    except InvalidIdentifierError as fault:
        fail(f"{fault.code}: {fault.text.en} / {fault.text.zh}", MISUSE)
    party = Party(role, number, name)
    transaction = Transaction(scene, amount, region)
    try:
        matches = with_stores(settings, lambda stores: _look_up(stores, party, scene, purpose))
    except RegisterUnavailableError as error:
        fail(f"register: {error.code}")
    document = explanation(policy, transaction, party, visible_matches(matches, set(DataClass), today))
    if json:
        print_json(document)
    else:
        _print_explanation(document)


async def _look_up(stores: Stores, party: Party, scene: str, purpose: str) -> list[Match]:
    """The listings of a subject. The query, its operator and purpose are written to the ledger first."""
    keys = [stores.keys.subject(party.number.canonical)] if isinstance(party.number, Identifier) else []
    names = [stores.keys.name(normalise_name(party.name))] if party.name else []
    now = to_milliseconds(datetime.now(UTC))
    content = orjson.dumps({"subject_keys": keys, "name_keys": names})
    entry = DecisionEntry(
        f"dec_{uuid4().hex}", now, "operator", getpass.getuser(), purpose, scene, "explain", "explained", content
    )
    await DecisionStore(stores.engine, stores.listing_store.chain).record([entry])
    found = await RegisterReader(stores.redis, _LOOK_UP_DEADLINE_S).look_up([*keys, *names])
    by_number, by_name = ([item for key in some for item in found.listings[key]] for some in (keys, names))
    return matches_of(party, by_number, by_name)


def explanation(policy: Policy, transaction: Transaction, party: Party, matches: list[Match]) -> dict[str, Any]:
    """The verdict, and for each listing whether each rule of the scene fires."""
    today = civil_day(datetime.now(UTC))
    verdict = decide(policy, transaction, [(party.profile, matches)], today)
    rules = policy.rules_of(transaction.scene)
    listings = [
        {
            "listing": match.listing.key,
            "list": match.listing.list,
            "category": match.listing.category,
            "severity": match.listing.severity,
            "authority": match.listing.authority,
            "document_no": match.listing.document_no,
            "at_most": legal_limit(match),
            "rules": [_rule_trial(rule, match, party, transaction) for rule in rules],
        }
        for match in matches
    ]
    (judged,) = verdict.parties
    return {
        "policy": policy.reference,
        "scene": transaction.scene,
        "outcome": verdict.outcome,
        "party": judged.outcome,
        "notes": judged.notes,
        "rules": [rule.id for rule in verdict.rules],
        "measures": verdict.measures,
        "shadow": {"outcome": verdict.shadow.outcome, "rules": verdict.shadow.rules} if verdict.shadow else None,
        "listings": listings,
    }


def _rule_trial(rule: Rule, match: Match, party: Party, transaction: Transaction) -> dict[str, Any]:
    profile, today = party.profile, civil_day(datetime.now(UTC))
    misses = list(rule.when.misses(match.listing, profile.kind, profile.role, transaction))
    misses += [] if rule.holds_on(today) else ["not in force today"]
    return {"rule": rule.id, "fired": not misses, "outcome": rule.then.outcome, "misses": misses, "shadow": rule.shadow}


def _print_explanation(document: dict[str, Any]) -> None:
    out.print(f"{document['scene']}: {document['outcome']}", style="bold", highlight=False)
    for listing in document["listings"]:
        summary = f"{listing['list']} {listing['category']} {listing['severity']} {listing['authority']}"
        out.print(f"{summary} {listing['document_no']} (by law at most {listing['at_most']})", highlight=False)
        for rule in listing["rules"]:
            trial = " shadow" if rule["shadow"] else ""
            if rule["fired"]:
                out.print(f"  ✓ {rule['rule']} → {rule['outcome']}{trial}", style="green", highlight=False)
            else:
                out.print(f"  · {rule['rule']}{trial}: {', '.join(rule['misses'])}", style="dim", highlight=False)
    for note in document["notes"]:
        out.print(f"note: {note}")
    if not document["listings"]:
        out.print("no listing in force / 无在效记录")


@app.command()
def replay(
    pack: Annotated[Path, typer.Option("--pack", help="Policy pack to try.")],
    since: Annotated[str, typer.Option("--since", help="How far back: 30m, 12h, 7d.")] = "7d",
    show: Annotated[int, typer.Option("--show", min=0, help="How many changed decisions to list.")] = 20,
    json: JsonOption = False,
) -> None:
    """Decide past checks again under a pack; exits with 1 when an outcome would change. / 回放历史处置。"""
    period = _PERIOD_FORM.fullmatch(since)
    if period is None:
        fail("--since needs a number and m, h or d, as 7d / 须为数字加 m、h 或 d", MISUSE)
    policy = load_or_fail(pack)
    start = datetime.now(UTC) - timedelta(**{_UNITS[period[2]]: int(period[1])})
    found = with_stores(settings_or_fail(), lambda stores: _replay(stores, policy, to_milliseconds(start), show))
    if json:
        print_json({"policy": policy.reference, "since": start.isoformat()} | found)
    else:
        out.print(f"{found['decisions']} decisions, {found['changed']} would change", style="bold", highlight=False)
        for line in found["changes"]:
            change = f"  {line['scene']}: {line['before']} → {line['after']}: {line['count']}"
            out.print(change, style="yellow", highlight=False)
        for item in found["listed"]:
            out.print(f"    {item['decision_id']} {item['before']} → {item['after']}", highlight=False)
        if found["not_replayable"]:
            out.print(f"{found['not_replayable']} cannot be decided again: too little was kept", style="dim")
    if found["changed"]:
        raise typer.Exit(REFUSED)


async def _replay(stores: Stores, policy: Policy, since: int, show: int) -> dict[str, Any]:
    changes: Counter[tuple[str, str, str]] = Counter()
    listed: list[dict[str, str]] = []
    total = not_replayable = 0
    async for past in past_decisions(stores.engine, since):
        total += 1
        if past.check is None:
            not_replayable += 1
            continue
        after = outcome_under(policy, past.check, civil_day(from_milliseconds(past.decided_at)))
        if after is past.check.outcome:
            continue
        changes[past.check.scene, past.check.outcome, after or "no such scene"] += 1
        if len(listed) < show:
            what = {"before": str(past.check.outcome), "after": str(after or "no such scene")}
            listed.append({"decision_id": past.id, "scene": past.check.scene} | what)
    return {
        "decisions": total,
        "changed": sum(changes.values()),
        "not_replayable": not_replayable,
        "changes": [
            {"scene": scene, "before": before, "after": after, "count": count}
            for (scene, before, after), count in changes.most_common()
        ],
        "listed": listed,
    }
