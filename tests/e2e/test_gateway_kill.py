"""kill -9 of the gateway under load: the answers that are not recorded yet are few, and counted."""

import os
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import NamedTuple

from tests.e2e.program import Program, court_record, credit_code, eventually, http

LISTED = credit_code(8_700_001)
SECONDS = 1.5
BOUND = 1.0
"""Seconds before the kill within which a record may be lost: the 20 ms flush interval on a busy machine."""


class RecordedAnswer(NamedTuple):
    """One answer and the time of its arrival."""

    decision: str
    outcome: str
    at: float


def asking(program: Program, key: str, number: int, until: float) -> list[RecordedAnswer]:
    """Send checks until that time or until the gateway is gone; every fourth is about the listed subject."""
    found, turn = list[RecordedAnswer](), 0
    while time.monotonic() < until:
        turn += 1
        who = LISTED if turn % 4 == 0 else credit_code(8_710_000 + number * 10_000 + turn)
        with suppress(OSError):
            answer = program.check("bidding.qualification", who, "bidder", key=key)
            if answer.status == 200:
                found.append(RecordedAnswer(answer.json["decision_id"], answer.json["outcome"], time.monotonic()))
    return found


def recorded(program: Program) -> set[str]:
    with closing(sqlite3.connect(program.data / "ledger.sqlite3", timeout=30)) as ledger:
        return {row[0] for row in ledger.execute("SELECT id FROM decisions")}


def test_gateway_kill_loses_no_lock_or_intercept(own_program: Program) -> None:
    """Every answered denial is in the ledger; of the allows, only those of the last moment may be missing."""
    program = own_program.start()
    feeder = program.cli("clients", "add", "court-feed", "--feed", "court").stdout.strip()
    key = program.cli("clients", "add", "busy-shop", "--scene", "*").stdout.strip()
    fed = http("POST", f"{program.url}/v1/feeds/court/records", court_record("K-1", LISTED), key=feeder)
    assert fed.status == 202, fed.body
    assert eventually(
        lambda: program.check("bidding.qualification", LISTED, "bidder", key=key).json["outcome"] == "intercept"
    )
    with ThreadPoolExecutor(4) as pool:
        until = time.monotonic() + 2 * SECONDS
        running = [pool.submit(asking, program, key, number, until) for number in range(4)]
        time.sleep(SECONDS)
        os.kill(program.children()["creditgate serve"], signal.SIGKILL)
        killed = time.monotonic()
        answers = [answer for found in running for answer in found.result()]
    before = [answer for answer in answers if answer.at <= killed]
    denied = {answer.decision for answer in before if answer.outcome == "intercept"}
    early = {answer.decision for answer in before if answer.at < killed - BOUND}
    assert denied
    assert early
    assert eventually(lambda: denied | early <= recorded(program), 30)
    lost = [answer for answer in before if answer.decision not in recorded(program)]
    print(f"{len(before)} answered before the kill, {len(lost)} of them allows not on record")
    assert all(answer.outcome == "allow" for answer in lost)
