"""The started program as its users see it: a process, HTTP and the command line. Imports none of its code."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
CREDITGATE = str(Path(sys.executable).parent / "creditgate")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.body)


def http(
    method: str,
    url: str,
    body: object | None = None,
    *,
    key: str | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Send one request; ``body`` is bytes or a value that is sent as JSON."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - loopback only
    request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(ask: Callable[[], T], seconds: float = 20) -> T:
    """Call until the result is truthy and return it; at the deadline raise or return the last one."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if (answer := ask()) or time.monotonic() > deadline:
                return answer
        except (OSError, AssertionError, KeyError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


class Program:
    """``creditgate up`` on its own data directory and port."""

    executable = CREDITGATE

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CREDITGATE_")},
            "CREDITGATE_DATA": str(data),
            "CREDITGATE_PORT": str(self.port),
            "CREDITGATE_CANARY_SECONDS": "0",
            **environment,
        }
        self.output = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self, *options: str, seconds: float = 60) -> "Program":
        with (self.data.parent / "stderr.txt").open("a") as stderr:
            self.process = subprocess.Popen(
                [self.executable, "up", *options],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=self.data.parent,
            )
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        self.output = ""
        while "Ctrl-C" not in self.output:
            line = self.process.stdout.readline()
            assert line, f"ended early: {self.output} {(self.data.parent / 'stderr.txt').read_text()}"
            self.output += line
            assert time.monotonic() < deadline
        return self

    @property
    def key(self) -> str:
        found = re.search(r"demo key / \S+ +(\S+)", self.output)
        assert found, self.output
        return found[1]

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(45)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def children(self) -> dict[str, int]:
        """Names and pids of the processes that run on this data directory, children of children too."""
        assert self.process is not None
        return {name: pid for pid, name in descendants(self.process.pid)}

    def cli(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.executable, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=120,
            check=False,
            cwd=self.data.parent,
        )

    def check(self, scene: str, identifier: str, role: str = "applicant", **more: Any) -> Answer:  # noqa: ANN401
        key = more.pop("key", self.key)
        body = {
            "scene": scene,
            "transaction_id": more.pop("transaction_id", f"T-{uuid4().hex}"),
            "operator": "clerk-7",
            "purpose": "受理审查",
            "subjects": [{"role": role, "id": identifier}],
        }
        return http("POST", f"{self.url}/v1/checks", body | more, key=key)


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    for child in _children_of(pid):
        command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        name = next(
            (n for n in ("valkey-server", "creditgate worker", "creditgate serve") if n in command), command[:40]
        )
        yield child, name
        yield from descendants(child)


def _children_of(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def running(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def court_record(number: str, identifier: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """An invented severe public court listing of an organisation."""
    return {
        "operation": "list",
        "record_no": number,
        "version": 1,
        "list": "black",
        "category": "C07",
        "severity": "severe",
        "data_class": "public",
        "subject": {"kind": "organisation", "name": "淮安澄观测试有限公司", "id": identifier},
        "facts": "有履行能力而拒不履行生效法律文书确定的义务",
        "basis": "《最高人民法院关于公布失信被执行人名单信息的若干规定》第一条",
        "document_no": f"（2026）苏0811执{number}号",
        "determined_on": "2026-08-12",
    } | changes


_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def credit_code(serial: int) -> str:
    """An invented 统一社会信用代码 with valid check digits."""
    body = f"91320800{_organisation_code(serial)}"
    total = sum(_ALPHABET.index(c) * pow(3, place, 31) for place, c in enumerate(body))
    return body + _ALPHABET[-total % 31]


def _organisation_code(serial: int) -> str:
    text = f"T{serial:07d}"
    values = [int(c) if c.isdigit() else ord(c) - 55 for c in text]
    check = -sum(v * w for v, w in zip(values, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return text + ("X" if check == 10 else str(check))
