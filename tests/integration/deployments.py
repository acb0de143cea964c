"""The same program on two sets of backends: the embedded ones and those of production."""

import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from store.broker.stream_entry import Record, TopicPartition
from store.broker.stream_log import StreamLog
from tests.e2e.program import Answer, eventually, free_port, http
from tests.integration.valkey_server import ValkeyServer
from tests.kafka.broker import KafkaBroker
from tests.postgresql import PostgreSQLServer
from tests.redis_server import RedisServer
from tests.servers import require

CREDITGATE = str(Path(sys.executable).parent / "creditgate")
Letter = tuple[bytes | None, dict[str, bytes]]


class Deployment(ABC):
    """Backends, one gateway, and workers that a test may kill."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.keys = 0
        self.settings: dict[str, str] = {}

    @abstractmethod
    def start_backends(self) -> dict[str, str]:
        """Start the servers and return the settings that point at them."""

    @abstractmethod
    def stop_backends(self) -> None:
        """Stop the servers."""

    @abstractmethod
    async def produce(self, topic: str, values: Sequence[bytes | None]) -> None:
        """Publish values to a topic as an authority's own producer would."""

    @abstractmethod
    async def read(self, topic: str) -> list[Letter]:
        """Every record of a topic, as value and headers."""

    def start(self) -> None:
        """Start the backends, set them up, and start a worker and a gateway."""
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CREDITGATE_")},
            "CREDITGATE_DATA": str(self.directory / "data"),
            "CREDITGATE_PORT": str(self.port),
            "CREDITGATE_PEPPER": "an-invented-pepper-for-tests-only",
            **self.start_backends(),
            **self.settings,
        }
        subprocess.run([CREDITGATE, "setup"], env=self.environment, check=True, capture_output=True)
        self.run("worker")
        self.run("serve")
        assert eventually(lambda: http("GET", f"{self.url}/readyz").status == 200, 40)

    def run(self, command: str) -> None:
        """Start a process: ``worker`` or ``serve``."""
        with (self.directory / f"{command}.log").open("ab") as log:
            self.processes[command] = subprocess.Popen([CREDITGATE, command], env=self.environment, stderr=log)

    def kill(self, command: str) -> None:
        """Kill a process with SIGKILL."""
        self.processes[command].send_signal(signal.SIGKILL)
        self.processes.pop(command).wait()

    def stop(self) -> None:
        """Stop every process and backend; each process must exit with 0."""
        for process in self.processes.values():
            process.terminate()
        codes = {name: process.wait(40) for name, process in self.processes.items()}
        self.stop_backends()
        assert set(codes.values()) <= {0}, codes

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an operator's command."""
        command = [CREDITGATE, *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=120, check=False, cwd=self.directory
        )

    def client(self, *options: str) -> str:
        """Register a client and return its key."""
        self.keys += 1
        added = self.cli("clients", "add", f"client-{self.keys}", *options)
        assert added.returncode == 0, added.stderr
        return added.stdout.strip()

    def check(self, who: str, key: str) -> Answer:
        """Check a bidder."""
        subjects = [{"role": "bidder", "id": who}]
        payload = {"scene": "bidding.qualification", "transaction_id": "T", "operator": "o", "purpose": "p"}
        return http("POST", f"{self.url}/v1/checks", payload | {"subjects": subjects}, key=key)


class Embedded(Deployment):
    """Valkey Streams, Valkey, SQLite."""

    def start_backends(self) -> dict[str, str]:
        self.valkey = ValkeyServer(self.directory / "valkey")
        self.valkey.start()
        self.broker = f"rstream://{self.valkey.socket}"
        return {
            "CREDITGATE_BROKER_URL": self.broker,
            "CREDITGATE_REDIS_URL": self.valkey.url,
            "CREDITGATE_LEDGER_URL": f"sqlite+aiosqlite:///{self.directory / 'ledger.sqlite3'}",
        }

    def stop_backends(self) -> None:
        self.valkey.stop()

    async def produce(self, topic: str, values: Sequence[bytes | None]) -> None:
        log = StreamLog.connect(self.broker)
        await log.append([Record(topic, value) for value in values])
        await log.close()

    async def read(self, topic: str) -> list[Letter]:
        log = StreamLog.connect(self.broker)
        places = {TopicPartition(topic, n): 0 for n in range(await log.partition_count(topic))}
        found = await log.read(places, 1000, 0.2)
        await log.close()
        return [(entry.value, dict(entry.headers)) for entries in found.entries.values() for entry in entries]


class Production(Deployment):
    """Apache Kafka, redis-server, PostgreSQL."""

    @staticmethod
    def available() -> str | None:
        return KafkaBroker.available() or RedisServer.available() or PostgreSQLServer.available()

    def start_backends(self) -> dict[str, str]:
        self.kafka = KafkaBroker(self.directory / "kafka")
        self.redis = RedisServer(self.directory / "redis")
        self.postgresql = PostgreSQLServer(self.directory / "postgresql")
        for server in (self.kafka, self.redis, self.postgresql):
            server.start()
        return {
            "CREDITGATE_BROKER_URL": f"kafka://{self.kafka.bootstrap}",
            "CREDITGATE_REDIS_URL": self.redis.url,
            "CREDITGATE_LEDGER_URL": self.postgresql.url,
        }

    def stop_backends(self) -> None:
        for server in (self.kafka, self.redis, self.postgresql):
            server.stop()

    async def produce(self, topic: str, values: Sequence[bytes | None]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap, acks="all") as producer:
            for value in values:
                await producer.send_and_wait(topic, value, key=b"the authority's own")

    async def read(self, topic: str) -> list[Letter]:
        options = {"bootstrap_servers": self.kafka.bootstrap, "auto_offset_reset": "earliest"}
        async with AIOKafkaConsumer(topic, **options) as consumer:
            found = await consumer.getmany(timeout_ms=2000, max_records=1000)
        return [(message.value, dict(message.headers)) for messages in found.values() for message in messages]


DEPLOYMENT_KINDS = [
    pytest.param(Embedded, id="embedded"),
    pytest.param(
        Production,
        id="kafka-redis-postgresql",
        marks=[pytest.mark.kafka, pytest.mark.postgresql, pytest.mark.redis_server],
    ),
]
"""Parameters of a fixture that runs on both sets of backends."""


def create_deployment(kind: type[Deployment], directory: Path) -> Deployment:
    """Make a deployment that is not started yet; skips where its servers are not installed, or fails as required."""
    if kind is Production:
        require(Production.available())
    return kind(directory)
