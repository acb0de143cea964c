"""A real Apache Kafka without Docker: jars through Maven, one broker in KRaft combined mode on loopback.

mvn dependency:copy-dependencies  ->  target/dependency/*.jar     once per version of pom.xml
kafka.tools.StorageTool format    ->  DIRECTORY/data              once per directory
kafka.Kafka server.properties     ->  127.0.0.1:PORT              every start, also after kill -9
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from tests.servers import LOOPBACK, Server, free_port, listens, missing, run

HERE = Path(__file__).parent
JARS = HERE / "target" / "dependency"
OLDEST_JAVA = 17
CLUSTER_ID = "Y3JlZGl0Z2F0ZS10ZXN0cw"  # 16 bytes in base64url: "creditgate-tests"

Answer = TypeVar("Answer")


class KafkaBroker(Server):
    """`bootstrap` is its address; a restart on the same object keeps data and ports."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.controller_port = free_port()
        self.bootstrap = f"{LOOPBACK}:{self.port}"

    @staticmethod
    def available() -> str | None:
        """None when java and mvn are here, else the one-line reason."""
        reason = missing("java", "mvn")
        if reason:
            return reason
        shown = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
        found = re.search(r'version "(\d+)', shown)
        if not found or int(found[1]) < OLDEST_JAVA:
            return f"Kafka needs Java {OLDEST_JAVA} or newer; here is {shown.partition(chr(10))[0]}"
        return None

    def create_topics(self, partitions: int, *names: str) -> None:
        """Make topics; the broker makes none on its own."""

        async def create(admin: AIOKafkaAdminClient) -> None:
            answer = await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
            for name, code, *_ in answer.topic_errors:
                if code:
                    raise RuntimeError(f"cannot create the topic {name}: {for_code(code).__name__}")

        self._ask(create)

    def _prepare(self) -> None:
        fetch_jars()
        properties = self.directory / "server.properties"
        if (self.directory / "data" / "meta.properties").exists():
            return
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._settings().items()))
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
        run(_java(*tool))

    def _command(self) -> list[str]:
        return _java("kafka.Kafka", str(self.directory / "server.properties"))

    def _settings(self) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self.controller_port}",
            "listeners": f"CLIENT://{self.bootstrap},CONTROLLER://{LOOPBACK}:{self.controller_port}",
            "advertised.listeners": f"CLIENT://{self.bootstrap}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.directory / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            # After kill -9 the broker is taken back only when its old session has ended (default 9 s).
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            # A small machine: few threads, and no 128 MB of the heap for the log cleaner.
            "num.network.threads": "2",
            "num.io.threads": "2",
            "log.cleaner.dedupe.buffer.size": "4194304",
        }

    def _answers(self) -> bool:
        async def has_a_broker(admin: AIOKafkaAdminClient) -> bool:
            return bool((await admin.describe_cluster())["brokers"])

        try:
            return listens(self.port) and self._ask(has_a_broker)
        except (KafkaError, OSError, TimeoutError):
            return False

    def _ask(self, question: Callable[[AIOKafkaAdminClient], Awaitable[Answer]]) -> Answer:
        """Query the broker on a thread of its own, because the caller may run in an event loop."""

        async def ask() -> Answer:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5000)
            try:
                await admin.start()
                return await question(admin)
            finally:
                await admin.close()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(asyncio.wait_for(ask(), 15))).result()


def fetch_jars() -> None:
    """Have Maven copy the jars, unless those of this pom.xml are there already."""
    pom = HERE / "pom.xml"
    stamp = JARS / f"{hashlib.sha256(pom.read_bytes()).hexdigest()[:16]}.complete"
    if stamp.exists():
        return
    shutil.rmtree(JARS, ignore_errors=True)
    run(["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"], timeout=600)
    stamp.touch()


def _java(*arguments: str) -> list[str]:
    options = ["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"]
    return [shutil.which("java") or "java", *options, "-cp", f"{JARS}{os.sep}*", *arguments]
