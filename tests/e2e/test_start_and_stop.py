"""Start, stop and restart: no orphan process, no second owner of the data, no lost state."""

import os
import signal
import socket
import subprocess

import pytest

from tests.e2e.program import CREDITGATE, Program, descendants, eventually, free_port, http, running

BIDDER = "91320800MA1TE5T0XK"


def test_ctrl_c_stops_all_and_restart_keeps_data(own_program: Program) -> None:
    """After Ctrl-C no process runs; after a restart, listings, keys and locks are unchanged."""
    program = own_program.start("--seed")
    made = program.cli("clients", "add", "shop", "--scene", "*").stdout.strip()
    lock = program.check("bidding.qualification", BIDDER, "bidder", account_id="a-1").json["locks"][0]
    before = program.cli("register", "stats", "--json").stdout
    key, pids = program.key, list(program.children().values())
    assert len(pids) >= 3
    assert program.stop() == 0
    assert not any(running(pid) for pid in pids)

    program.start()
    assert program.key == key
    assert program.cli("register", "stats", "--json").stdout == before
    assert program.check("bidding.qualification", BIDDER, "bidder", key=made).json["outcome"] == "intercept"
    again = program.check("bidding.qualification", BIDDER, "bidder", account_id="a-1").json["locks"][0]
    assert again == lock


def test_kill_9_of_the_parent_leaves_no_orphan(own_program: Program) -> None:
    """The kernel ends all descendants; a start right after waits for them and has all data, locks included."""
    program = own_program.start("--seed", "--workers", "2")
    lock = program.check("bidding.qualification", BIDDER, "bidder", account_id="a-9").json["locks"][0]
    assert program.process is not None
    pids = [pid for pid, _ in descendants(program.process.pid)]
    assert program.stop(signal.SIGKILL) == -signal.SIGKILL
    program.start()  # at once: the directory is free as soon as the last child let go
    assert eventually(lambda: not any(running(pid) for pid in pids), 30)
    again = program.check("bidding.qualification", BIDDER, "bidder", account_id="a-9").json
    assert (again["outcome"], again["locks"]) == ("intercept", [lock])


def test_a_second_start_on_the_same_data_is_refused(program: Program) -> None:
    """The second ends with one clear line and exit code 1; the first goes on."""
    second = subprocess.run(
        [CREDITGATE, "up"],
        env=program.environment | {"CREDITGATE_PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert "Another CreditGate" in second.stderr
    assert http("GET", f"{program.url}/livez").status == 200


def test_a_taken_port_is_refused(own_program: Program) -> None:
    """A second listener, which SO_REUSEPORT would let share the port silently, is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", own_program.port))
        taken.listen()
        done = own_program.cli("up")
    assert done.returncode == 1
    assert "is taken" in done.stderr


@pytest.mark.parametrize("victim", ["valkey-server", "creditgate worker", "creditgate serve"])
def test_a_killed_part_comes_back(own_program: Program, victim: str) -> None:
    """Each process is restarted and checks answer as before; meanwhile they fail or review and never allow."""
    program = own_program.start("--seed")
    os.kill(program.children()[victim], signal.SIGKILL)

    def stopped() -> bool:
        answer = program.check("bidding.qualification", BIDDER, "bidder")
        assert answer.status == 200 or answer.status >= 500
        assert answer.status != 200 or answer.json["outcome"] in ("intercept", "review")
        return bool(answer.json["outcome"] == "intercept")

    assert eventually(stopped)
    assert eventually(lambda: program.children().get(victim))


def test_invalid_settings_are_refused(own_program: Program) -> None:
    """A wrong setting is named, with exit 2, before anything starts."""
    own_program.environment["CREDITGATE_PORT"] = "many"
    done = own_program.cli("up")
    assert done.returncode == 2
    assert "port" in done.stderr


def test_the_demo_key_can_be_set(own_program: Program) -> None:
    """CREDITGATE_DEMO_KEY is the demo platform's key when set."""
    own_program.environment["CREDITGATE_DEMO_KEY"] = "chosen-by-the-operator"
    program = own_program.start()
    assert program.key == "chosen-by-the-operator"
    assert http("GET", f"{program.url}/metrics", key=program.key).status == 200
