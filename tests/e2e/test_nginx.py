"""The shipped nginx example with real nginx: it refuses, allows, and answers 503 when no decision is available."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.program import ROOT, Answer, Program, credit_code, eventually, free_port, http
from tests.servers import Server, listens, missing, require

EXAMPLE = ROOT / "deploy" / "nginx" / "creditgate.conf"
SELLER = "92320803MA1TE5T18U"
UNLISTED = credit_code(8_500_001)


class Application(ThreadingHTTPServer):
    """The protected application, which stores the headers and bodies that reach it."""

    def __init__(self) -> None:
        self.reached: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Reached)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Reached(BaseHTTPRequestHandler):
    server: Application

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.reached.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the application")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Nginx(Server):
    """The example with its placeholders filled in, run with a private pid file, logs and temporary files."""

    death_signal = "TERM"  # its workers go with it; a killed master would leave them

    def __init__(self, directory: Path, gateway: int, application: int, key: str) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._filled = {"8080": gateway, "9000": application, "8088": self.port}
        self._key = key

    @staticmethod
    def program() -> str | None:
        """The path of nginx, which Debian installs outside the usual PATH."""
        return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

    @staticmethod
    def available() -> str | None:
        """None when nginx is installed, else the one-line reason."""
        return missing(Nginx.program() or "nginx")

    def _prepare(self) -> None:
        text = EXAMPLE.read_text()
        for place, filled in self._filled.items():
            assert text.count(f"127.0.0.1:{place};") == 1
            text = text.replace(f"127.0.0.1:{place};", f"127.0.0.1:{filled};")
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n".join(f"{kind}_temp_path {self.directory / kind};" for kind in kinds)
        text = text.replace("http {", f"http {{\n{temporary}", 1)
        (self.directory / "logs").mkdir(exist_ok=True)
        (self.directory / "creditgate.conf").write_text(f"daemon off;\npid {self.directory / 'pid'};\n{text}")
        (self.directory / "creditgate-key.conf").write_text(f'proxy_set_header Authorization "Bearer {self._key}";\n')

    def _command(self) -> list[str]:
        own = self.directory
        return [self.program() or "nginx", "-p", str(own), "-c", str(own / "creditgate.conf"), "-e", "logs/error.log"]

    def _answers(self) -> bool:
        return listens(self.port)

    def ask(
        self, subject: str, path: str = "/sellers", method: str = "GET", body: object = None, **more: str
    ) -> Answer:
        headers = {"X-CreditGate-Subject": subject} | {name.replace("_", "-"): value for name, value in more.items()}
        return http(method, self.url + path, body, headers=headers)

    def logs(self) -> str:
        return "".join(path.read_text() for path in (self.directory / "logs").iterdir()) + self.log_tail()


@contextmanager
def nginx(folder: Path, gateway: int, application: int, key: str) -> Iterator[Nginx]:
    """nginx between a gateway and an application; skips where it is not installed, or fails where it is required."""
    require(Nginx.available())
    with Nginx(folder, gateway, application, key) as server:
        yield server


@pytest.fixture(scope="module")
def key(program: Program) -> str:
    """A client for the proxy, with fixed operator and purpose."""
    options = ("--scene", "ecommerce.onboarding", "--operator", "nginx", "--purpose", "商家入驻核验")
    made = program.cli("clients", "add", "shop-door", *options)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture
def application() -> Iterator[Application]:
    """An application without requests so far."""
    found = Application()
    yield found
    found.close()


@pytest.fixture
def proxy(program: Program, key: str, application: Application, tmp_path: Path) -> Iterator[Nginx]:
    """nginx in front of the application, checking with the program."""
    with nginx(tmp_path / "nginx", program.port, application.server_port, key) as server:
        yield server


def test_listed_seller_is_stopped_by_nginx(proxy: Nginx, application: Application) -> None:
    """403 with the decision's ID, in both languages; the request does not reach the application."""
    refused = proxy.ask(SELLER)
    assert refused.status == 403
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (refused.json["outcome"], refused.json["title_zh"]) == ("intercept", "信用核查未通过")
    assert refused.json["decision_id"].startswith("dec_")
    assert refused.headers["X-CreditGate-Decision"] == refused.json["decision_id"]
    assert application.reached == []


def test_proxy_decision_is_recorded_under_its_operator(program: Program, proxy: Nginx, key: str) -> None:
    """Operator, purpose, scene and role come from registration and configuration, not from a visitor's headers."""
    made_up = {"Operator": "somebody", "Purpose": "none", "Scene": "finance.loan", "Role": "agent"}
    refused = proxy.ask(SELLER, **{f"X_CreditGate_{name}": value for name, value in made_up.items()})
    assert refused.status == 403
    kept = http("GET", f"{program.url}/v1/decisions/{refused.json['decision_id']}", key=key).json
    assert (kept["operator"], kept["purpose"]) == ("nginx", "商家入驻核验")
    assert (kept["decision"]["scene"], kept["decision"]["subjects"][0]["role"]) == ("ecommerce.onboarding", "seller")


def test_unlisted_seller_reaches_the_application(proxy: Nginx, application: Application) -> None:
    """It arrives with its body and the real decision ID, not a forged one, and without the number."""
    answer = proxy.ask(UNLISTED, method="POST", body={"shop": 18}, X_CreditGate_Decision="dec_made_up")
    assert (answer.status, answer.body) == (200, b"the application")
    ((headers, body),) = application.reached
    assert body == b'{"shop": 18}'
    assert headers["x-creditgate-decision"].startswith("dec_")
    assert headers["x-creditgate-decision"] == answer.headers["X-CreditGate-Decision"] != "dec_made_up"
    assert headers["x-creditgate-outcome"] == answer.headers["X-CreditGate-Outcome"] == "allow"
    assert "x-creditgate-subject" not in headers


@pytest.mark.parametrize(
    ("subject", "problem"),
    [("", "subject_unidentified"), ("9232", "identifier_invalid"), (SELLER[:-1] + "A", "identifier_invalid")],
)
def test_missing_or_invalid_number_is_stopped(
    proxy: Nginx, application: Application, subject: str, problem: str
) -> None:
    """Without a number, or with an invalid one, the answer is a 403 that says so."""
    answer = proxy.ask(subject)
    assert (answer.status, answer.json["problem"], answer.json["decision_id"]) == (403, problem, "")
    assert application.reached == []


def test_review_is_stopped_by_the_proxy(proxy: Nginx, application: Application) -> None:
    """A proxy cannot perform a review, so it refuses, and the answer has the outcome."""
    answer = proxy.ask(SELLER, X_CreditGate_Name="%E6%B7%AE%E5%AE%89")
    assert (answer.status, answer.json["outcome"]) == (403, "review")
    assert application.reached == []


def test_nginx_logs_hold_no_number(proxy: Nginx) -> None:
    """The logs hold the decision, and neither headers nor queries."""
    refused = proxy.ask(SELLER, path=f"/sellers?id={SELLER}")
    assert proxy.ask(UNLISTED).status == 200
    logs = eventually(lambda: proxy.logs() if refused.json["decision_id"] in proxy.logs() else "")
    assert "decision=dec_" in logs
    assert SELLER not in logs
    assert UNLISTED not in logs


def test_application_outage_is_not_a_check_failure(program: Program, key: str, tmp_path: Path) -> None:
    """When the application is down after an allow, the answer is 502 with the decision, not the 503 for no decision."""
    with nginx(tmp_path / "nginx", program.port, free_port(), key) as proxy:
        answer = proxy.ask(UNLISTED)
    assert answer.status == 502
    assert answer.headers["X-CreditGate-Decision"].startswith("dec_")
    assert "未作出任何处置".encode() not in answer.body


@pytest.mark.parametrize("why", ["away", "wrong key", "no answer"])
def test_gateway_outage_answers_503(program: Program, application: Application, tmp_path: Path, why: str) -> None:
    """Without an answer of the gateway every request gets a 503 with Retry-After and none reaches the application."""
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections and says nothing
    port = {"away": free_port(), "wrong key": program.port, "no answer": silent.getsockname()[1]}[why]
    with silent, nginx(tmp_path / "nginx", port, application.server_port, "cgk_of_nobody") as proxy:
        for subject in (SELLER, UNLISTED):
            answer = proxy.ask(subject)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert "未作出任何处置" in answer.json["title_zh"]
            assert "X-CreditGate-Decision" not in answer.headers
        assert application.reached == []
        logs = proxy.logs()
    assert "/sellers" in logs
    assert SELLER not in logs
    assert UNLISTED not in logs
