"""kill -9 of worker, Valkey and gateway during a feed: every accepted record is applied exactly once."""

import json
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import Program, court_record, credit_code, eventually, http

ROUNDS, RECORDS = (5, 20_000) if os.environ.get("CREDITGATE_SOAK") else (3, 3_000)
BATCH = 250


class Department(threading.Thread):
    """Feeds records in batches, resends each that was not answered with 202, and keeps the accepted ones."""

    def __init__(self, program: Program, key: str, first: int, count: int) -> None:
        super().__init__(daemon=True)
        self.program, self.key = program, key
        self.first, self.count = first, count
        self.accepted: dict[str, str] = {}
        self.again = 0

    def run(self) -> None:
        for start in range(self.first, self.first + self.count, BATCH):
            serials = range(start, min(start + BATCH, self.first + self.count))
            lines = [court_record(f"K-{n}", credit_code(n)) for n in serials]
            body = "\n".join(json.dumps(line) for line in lines).encode()
            while not self._deliver(body):
                self.again += 1
                time.sleep(0.1)
            self.accepted |= {f"K-{n}": credit_code(n) for n in serials}

    def _deliver(self, body: bytes) -> bool:
        url = f"{self.program.url}/v1/feeds/court/records"
        try:
            answer = http("POST", url, body, key=self.key, headers={"Content-Type": "application/x-ndjson"})
        except OSError:
            return False
        return answer.status == 202


@pytest.mark.timeout(900)
def test_worker_kill_applies_each_record_once(own_program: Program) -> None:
    """Each round kills worker, Valkey and gateway in turn during a feed; then the ledger is compared."""
    program = own_program.start()
    key = program.cli("clients", "add", "court-feed", "--feed", "court").stdout.strip()
    accepted: dict[str, str] = {}
    for number in range(ROUNDS):
        department = Department(program, key, number * RECORDS, RECORDS)
        department.start()
        for victim in ("creditgate worker", "valkey-server", "creditgate serve"):
            time.sleep(0.7)
            pid = eventually(lambda name=victim: program.children().get(name))  # type: ignore[misc]
            assert pid
            os.kill(pid, signal.SIGKILL)
        department.join(300)
        assert not department.is_alive()
        accepted |= department.accepted
    assert len(accepted) == ROUNDS * RECORDS
    stats = eventually(lambda: settled(program, len(accepted)), 120)
    assert stats["listings"] == len(accepted), stats
    for twice_or_missing in in_ledger(program.data / "ledger.sqlite3", accepted):
        raise AssertionError(twice_or_missing)
    for who in list(accepted.values())[:: len(accepted) // 50]:
        assert program.check("bidding.qualification", who, "bidder").json["outcome"] == "intercept"


def settled(program: Program, expected: int) -> dict[str, Any]:
    done = program.cli("register", "stats", "--json")
    stats: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return stats if stats.get("listings") == expected else {}


def in_ledger(path: Path, accepted: dict[str, str]) -> list[str]:
    """Record numbers that the ledger did not apply exactly once."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as ledger:
        rows = ledger.execute("SELECT record FROM feed_events WHERE outcome = 'applied'").fetchall()
    counts: dict[str, int] = dict.fromkeys(accepted, 0)
    for (record,) in rows:
        counts[json.loads(record)["record_no"]] += 1
    return [f"{number} applied {count} times" for number, count in counts.items() if count != 1]
