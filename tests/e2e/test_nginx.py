"""The shipped nginx example with real nginx: refused, let through, and never decided for want of an answer."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.program import ROOT, Answer, Program, credit_code, eventually, free_port, http
from tests.servers import listens, require

EXAMPLE = ROOT / "deploy" / "nginx" / "creditgate.conf"
SELLER = "92320803MA1TE5T18U"


class Application(ThreadingHTTPServer):
    """What is guarded: it says that it was reached, and keeps the headers it was reached with."""

    def __init__(self) -> None:
        self.reached: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", free_port()), _Reached)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Reached(BaseHTTPRequestHandler):
    server: Application

    def do_GET(self) -> None:
        self.server.reached.append(dict(self.headers))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the application")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclass
class Door:
    """nginx before the application."""

    url: str
    folder: Path
    application: Application

    def ask(self, subject: str, path: str = "/sellers", **headers: str) -> Answer:
        sent = {"X-CreditGate-Subject": subject} | {name.replace("_", "-"): value for name, value in headers.items()}
        return http("GET", self.url + path, headers=sent)

    def logs(self) -> str:
        return "".join(path.read_text() for path in (self.folder / "logs").iterdir())


def started(folder: Path, gateway: int, key: str) -> Iterator[Door]:
    """The example with its places filled in, run by nginx as nobody in particular."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    require(None if nginx else "not installed: nginx")
    application, port = Application(), free_port()
    text = EXAMPLE.read_text()
    for place, filled in (("8080", gateway), ("9000", application.server_port), ("8088", port)):
        assert text.count(f"127.0.0.1:{place}") >= 1
        text = text.replace(f"127.0.0.1:{place}", f"127.0.0.1:{filled}")
    temporary = [f"{kind}_temp_path {folder / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    text = text.replace("http {", "http {\n    " + "\n    ".join(temporary), 1)
    (folder / "logs").mkdir(parents=True)
    (folder / "creditgate.conf").write_text(f"daemon off;\npid {folder / 'pid'};\nerror_log logs/error.log;\n{text}")
    (folder / "creditgate-key.conf").write_text(f'proxy_set_header Authorization "Bearer {key}";\n')
    command = [str(nginx), "-p", str(folder), "-c", str(folder / "creditgate.conf"), "-e", "logs/error.log"]
    process = subprocess.Popen(command)
    try:
        assert eventually(lambda: listens(port), 10)
        yield Door(f"http://127.0.0.1:{port}", folder, application)
    finally:
        process.terminate()
        process.wait(10)
        application.shutdown()
        application.server_close()


@pytest.fixture(scope="module")
def key(program: Program) -> str:
    """A client for the door, with operator and purpose fixed."""
    options = ("--scene", "ecommerce.onboarding", "--operator", "nginx", "--purpose", "商家入驻核验")
    made = program.cli("clients", "add", "shop-door", *options)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="module")
def door(program: Program, key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """nginx before the application, asking the program."""
    yield from started(tmp_path_factory.mktemp("nginx") / "p", program.port, key)


def test_a_listed_seller_is_stopped_at_the_door(door: Door) -> None:
    """403 with the decision's id; the application hears nothing of it."""
    before = len(door.application.reached)
    refused = door.ask(SELLER)
    assert refused.status == 403
    assert refused.json["outcome"] == "intercept"
    assert refused.json["decision_id"].startswith("dec_")
    assert refused.headers["X-CreditGate-Decision"] == refused.json["decision_id"]
    assert len(door.application.reached) == before


def test_an_unlisted_seller_reaches_the_application(door: Door) -> None:
    """With the decision that let it through, and without the number."""
    answer = door.ask(credit_code(8_500_001))
    assert (answer.status, answer.body) == (200, b"the application")
    headers = {name.lower(): value for name, value in door.application.reached[-1].items()}
    assert headers["x-creditgate-decision"].startswith("dec_")
    assert headers["x-creditgate-outcome"] == "allow"
    assert "x-creditgate-subject" not in headers


@pytest.mark.parametrize("subject", ["", "9232", SELLER[:-1] + "A"])
def test_who_cannot_be_told_is_stopped(door: Door, subject: str) -> None:
    """No number, or one that is none: never through."""
    before = len(door.application.reached)
    assert door.ask(subject).status == 403
    assert len(door.application.reached) == before


def test_another_name_is_for_a_person_to_look_at(door: Door) -> None:
    """A review cannot be carried by a proxy: stopped, and the outcome says why."""
    answer = door.ask(SELLER, X_CreditGate_Name="%E6%B7%AE%E5%AE%89")
    assert (answer.status, answer.json["outcome"]) == (403, "review")


def test_no_number_is_in_the_logs(door: Door) -> None:
    """Neither headers nor queries are written; the decision is."""
    door.ask(SELLER, path=f"/sellers?id={SELLER}")
    logs = eventually(lambda: door.logs() if "decision=dec_" in door.logs() else "")
    assert logs
    assert SELLER not in logs


def test_without_an_answer_nothing_is_decided(key: str, tmp_path: Path) -> None:
    """The gateway is away: 503 to be tried again, for the listed and the unlisted alike, and never the application."""
    for door in started(tmp_path / "p", free_port(), key):
        for subject in (SELLER, credit_code(8_500_001)):
            answer = door.ask(subject)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert "未作出任何处置" in json.loads(answer.body)["title_zh"]
        assert door.application.reached == []
