"""``creditgate ledger`` and ``creditgate listing``: verify the ledger, and read the life of one listing from it."""

import re
from typing import Annotated, Any

import orjson
import typer
from sqlalchemy import or_, select

from creditgate.cli.stores import Stores, with_stores
from creditgate.cli.terminal import REFUSED, JsonOption, fail, out, print_json, settings_or_fail
from rules.calendar import from_milliseconds, rfc3339
from rules.listings.life import life_of
from rules.records.feed_record import FeedRecord, feed_record_from_json
from store.db.schema import CHAINED, feed_events, listings, notices
from store.ledger.listing_queries import ListingEvent, ListingQueries
from store.ledger.listing_row import ListingRow
from store.register import keys as register_keys

_LISTING_ID = re.compile(r"[0-9a-f]{32}")
_RECORD_FIELDS = (
    *("document_no", "correction_document_no", "objection_no", "result", "reason"),
    *("publicity_from", "corrected_on"),
)
listing_app = typer.Typer(no_args_is_help=True, help="One listing. / 单条记录。")
ledger_app = typer.Typer(no_args_is_help=True, help="The ledger: everything that was received and decided. / 档案。")


@ledger_app.callback()
def ledger() -> None:
    """The ledger: everything that was received and decided. / 档案。"""


@ledger_app.command("verify")
def verify_ledger(json: JsonOption = False) -> None:
    """Verify every row against its hash chain; exits with 1 when one was altered or is missing. / 核验档案链。"""
    checked, faults = with_stores(settings_or_fail(), _ledger_faults)
    if json:
        print_json({"tables": checked, "faults": faults})
    else:
        for fault in faults:
            out.print(fault, style="red", highlight=False, markup=False, soft_wrap=True)
        rows = ", ".join(f"{name} {count}" for name, count in checked.items())
        out.print(
            f"{rows}: {'clean / 无异常' if not faults else 'NOT clean / 存在异常'}", highlight=False, soft_wrap=True
        )
    if faults:
        raise typer.Exit(REFUSED)


async def _ledger_faults(stores: Stores) -> tuple[dict[str, int], list[str]]:
    chain = stores.listing_store.chain
    faults = [fault for table in CHAINED async for fault in chain.verify(stores.engine, table)]
    checked = {}
    async with stores.engine.connect() as connection:
        for table in CHAINED:
            checked[table.name], _ = await chain.head(connection, table)
    # A chain cannot show that its end was cut off; the register keeps the last id that it applied.
    mark = int(await stores.redis.hget(register_keys.METADATA, "ledger_id") or 0)
    if mark > checked[feed_events.name]:
        faults.append(f"{feed_events.name}: rows {checked[feed_events.name] + 1} to {mark} are missing at the end")
    return checked, faults


@listing_app.callback()
def listing() -> None:
    """One listing. / 单条记录。"""


@listing_app.command()
def history(
    id: Annotated[str, typer.Argument(help="Id of the listing, or AUTHORITY/RECORD_NO.")], json: JsonOption = False
) -> None:
    """Print the life of a listing: each event, its sender, what it changed, and the present state. / 记录经过。"""
    document = with_stores(settings_or_fail(), lambda stores: _history(stores, id))
    if document is None:
        fail(f"No such listing. / 没有该记录。{'' if _LISTING_ID.fullmatch(id) else ' (AUTHORITY/RECORD_NO)'}", REFUSED)
    if json:
        print_json(document)
    else:
        _print(document)


async def _history(stores: Stores, name: str) -> dict[str, Any] | None:
    queries = ListingQueries(stores.engine)
    key = name if _LISTING_ID.fullmatch(name) else stores.keys.listing(*name.partition("/")[::2])
    row = await queries.find(key)
    events = await queries.events(row.origin_key or key if row else key)
    if row is None and not events:
        return None
    return {
        "listing": key,
        "origin": row.origin_key if row else None,
        "authority": (row or events[0]).authority,
        "record_no": row.record_no if row else None,
        "events": _event_lines(stores, events),
        "now": _now(row) if row else None,
        "follows_from_it": await _derived(stores, key),
        "notices": await _notices(stores, key),
    }


def _event_lines(stores: Stores, events: list[ListingEvent]) -> list[dict[str, Any]]:
    """Each event in the order of arrival, with the state of the listing before and after it."""
    lines, records, before = [], dict[str, FeedRecord](), _state(stores, {})
    for event in events:
        record = feed_record_from_json(event.record) if event.record is not None else None
        if record is not None and event.ordering is not None:
            records[event.ordering] = record
        after = _state(stores, records)
        line = {
            "number": event.id,
            "at": rfc3339(from_milliseconds(event.recorded_at)),
            "operation": event.operation,
            "outcome": event.outcome,
            "client": event.client or ("creditgate" if record is None else "topic"),
            "hold": event.hold_id,
            "acted_on": record.determined_on.isoformat() if record is not None else None,
        }
        fields = {name: getattr(record, name, None) for name in _RECORD_FIELDS}
        line |= {name: str(value) for name, value in fields.items() if value is not None}
        lines.append(line | {"before": before, "after": after} if after != before else line)
        before = after
    return lines


def _state(stores: Stores, records: dict[str, FeedRecord]) -> dict[str, Any]:
    life = life_of([records[order] for order in sorted(records)], stores.listing_store.working_days)
    ending = life.termination.state.value if life.termination else None
    return {
        "listed": life.record is not None,
        "last_day": life.last_day.isoformat() if life.last_day and life.last_day.year > 1 else None,
        "ended_as": ending,
        "open_objections": len(life.objections),
    }


def _now(row: ListingRow) -> dict[str, Any]:
    shown = orjson.loads(row.listing) if row.listing is not None else {}
    names = ("list", "category", "severity", "document_no", "determined_on", "valid_until", "pattern", "flags")
    return {
        "state": row.state,
        "struck_by": row.struck,
        "provisional": row.provisional,
        "open_objections": row.objections,
    } | {name: shown[name] for name in names if name in shown}


async def _derived(stores: Stores, key: str) -> list[dict[str, Any]]:
    query = select(listings).where(listings.c.origin_key == key).order_by(listings.c.key)
    async with stores.engine.connect() as connection:
        rows = [ListingRow(*row) for row in await connection.execute(query)]
    return [{"listing": row.key} | _now(row) for row in rows]


async def _notices(stores: Stores, key: str) -> list[dict[str, Any]]:
    query = select(notices).where(or_(notices.c.listing_key == key, notices.c.cause_key == key)).order_by(notices.c.id)
    async with stores.engine.connect() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [
        {
            "at": rfc3339(from_milliseconds(row["created_at"])),
            "to": row["authority"],
            "kind": row["kind"],
            "listing": row["listing_key"],
            "cause": row["cause_key"],
        }
        for row in rows
    ]


def _print(document: dict[str, Any]) -> None:
    out.print(f"{document['authority']} {document['record_no'] or ''} {document['listing']}", highlight=False)
    if document["origin"]:
        out.print(f"follows from / 源自 {document['origin']}", highlight=False)
    for event in document["events"]:
        more = ", ".join(f"{name} {event[name]}" for name in (*_RECORD_FIELDS, "hold") if event.get(name))
        what = f"{event['operation']} ({event['acted_on'] or '—'}) → {event['outcome']}"
        out.print(
            f"  #{event['number']} {event['at']} {what}, {event['client']}{': ' + more if more else ''}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        if "after" in event:
            changed = {name: value for name, value in event["after"].items() if event["before"][name] != value}
            changes = ", ".join(f"{name}: {event['before'][name]} → {value}" for name, value in changed.items())
            out.print(f"      {changes}", highlight=False, markup=False, soft_wrap=True)
    for title, rows in (
        ("now / 现状", [document["now"]] if document["now"] else []),
        ("recorded against people / 责任人员", document["follows_from_it"]),
        ("notices / 通知", document["notices"]),
    ):
        for row in rows:
            text = ", ".join(f"{name} {value}" for name, value in row.items() if value not in (None, [], False))
            out.print(f"{title}: {text}", highlight=False, markup=False, soft_wrap=True)
