"""Every setting: its name in the environment, its type, its default, and what it changes.

Each may also be given as ``NAME_FILE``, the path of a file that holds the value: for secrets.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Self

import structlog
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_HERE = Path(__file__).parent
PREFIX = "CREDITGATE_"


class Settings(BaseSettings):
    """Settings of all processes. Raises ``pydantic.ValidationError`` naming what is wrong."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address the gateway listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port of the gateway.")
    worker_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of the worker's own /livez, /readyz, /metrics; none unless set.",
    )
    data: Path = Field(Path("var"), description="Directory of everything the embedded mode keeps.")
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"), description="The register: Valkey, or Redis 7+."
    )
    ledger_url: SecretStr = Field(
        SecretStr("sqlite+aiosqlite:///var/ledger.sqlite3"), description="The ledger: SQLite or PostgreSQL."
    )
    broker_url: SecretStr = Field(
        SecretStr("kafka://127.0.0.1:9092"), description="Topics: kafka://host:port or rstream://…"
    )
    pepper: SecretStr | None = Field(
        None,
        description="Secret of 16–64 bytes under which subject keys are made. Losing it unfiles every subject.",
    )
    demo_key: SecretStr | None = Field(None, description="Key of the demo platform; made from the pepper unless set.")
    policy: Path = Field(_HERE / "policy" / "huaian-2018.yaml", description="The policy pack in force.")
    departments: Path = Field(_HERE / "departments.yaml", description="The authorities and what they may determine.")
    formats: Path = Field(_HERE / "formats", description="Folder of the formats in which departments deliver files.")
    holidays: Path = Field(_HERE / "holidays", description="Working days of China, one file a year.")
    regime: str = Field(
        "huaian2018", pattern="^(huaian2018|ndrc36)$", description="Rules of credit repair that are shown as in force."
    )
    partitions: int = Field(4, ge=1, le=1024, description="Partitions of each topic, set when it is created.")
    replication: int = Field(1, ge=1, le=7, description="Copies that Kafka keeps of each topic.")
    look_up_deadline: Annotated[
        float, Field(gt=0, le=30, description="Seconds a check waits for the register; then it does not know.")
    ] = 0.5
    durable_deadline: Annotated[
        float, Field(gt=0, le=120, description="Seconds a delivery waits until the broker holds it durably.")
    ] = 10.0
    body_limit: int = Field(1024 * 1024, ge=1024, description="Largest request body in bytes; larger is 413.")
    file_limit: int = Field(
        256 * 1024 * 1024, ge=1024, description="Largest uploaded file in bytes; it is held in memory, one at a time."
    )
    rate_limit: float = Field(
        20_000, gt=0, description="Checks a second that a client may ask of one gateway process, unless it has its own."
    )
    rate_burst: float = Field(
        40_000, ge=1, description="Checks that a client may ask at once; a client's own rate changes it in proportion."
    )
    max_in_hand: int = Field(
        512, ge=1, description="Checks that one gateway process works on at once; more are 503 `overloaded`."
    )
    max_feeds_in_hand: int = Field(128, ge=1, description="The same for feeds, which checks shall not starve.")
    max_connections: int = Field(10_000, ge=16, description="Connections to one gateway process; more are refused.")
    keep_alive: float = Field(
        75, gt=0, le=3600, description="Seconds a connection may be idle, or take to send the head of a request."
    )
    body_deadline: float = Field(
        30,
        gt=0,
        le=600,
        description="Seconds for a request's body, each next piece of a long one, or a reader to read.",
    )
    canary_seconds: float = Field(
        0, ge=0, le=3600, description="Seconds between rounds of the canary through the feed road; 0 is none."
    )
    fast_lane: bool = Field(True, description="Whether plain checks are served past the web framework.")
    drain_seconds: float = Field(
        0.5, ge=0, le=60, description="Seconds a stopping gateway says that it is draining and still takes connections."
    )
    webhook_private: bool = Field(
        False, description="Whether webhooks may call private addresses and plain http; for one's own network only."
    )
    authz_scene_header: str = Field("X-CreditGate-Scene", description="Header in which a proxy names the scene.")
    authz_subject_header: str = Field("X-CreditGate-Subject", description="Header with the subject's number.")
    authz_name_header: str = Field("X-CreditGate-Name", description="Header with its name, percent-encoded UTF-8.")
    authz_role_header: str = Field("X-CreditGate-Role", description="Header with its role; applicant unless given.")
    authz_transaction_header: str = Field("X-Request-Id", description="Header with the id of the transaction.")
    authz_operator_header: str = Field("X-CreditGate-Operator", description="Header that says who asks.")
    authz_purpose_header: str = Field("X-CreditGate-Purpose", description="Header that says what for.")
    log_format: str = Field("json", pattern="^(json|console)$", description="Log lines as JSON or for people.")

    @model_validator(mode="after")
    def _pepper_length(self) -> Self:
        if self.pepper is not None and not 16 <= len(self.pepper.get_secret_value().encode()) <= 64:
            raise ValueError("CREDITGATE_PEPPER must have 16 to 64 bytes")
        return self

    def pepper_bytes(self) -> bytes:
        """The pepper; raises ``ValueError`` when the deployment set none."""
        if self.pepper is None:
            raise ValueError("CREDITGATE_PEPPER (or CREDITGATE_PEPPER_FILE) is not set")
        return self.pepper.get_secret_value().encode()

    def shown(self) -> dict[str, str]:
        """Effective values for the log: secrets masked, and passwords in URLs with them."""
        return {name: str(getattr(self, name)) for name in type(self).model_fields}

    def log_effective(self) -> None:
        """Write one line with every effective setting."""
        structlog.get_logger("config").info("settings", **self.shown())


def load_settings() -> Settings:
    """Settings from the environment, ``NAME_FILE`` variables read first."""
    from_files: dict[str, Any] = {}
    for name in Settings.model_fields:
        path = os.environ.get(f"{PREFIX}{name.upper()}_FILE")
        if path:
            from_files[name] = Path(path).read_text().strip()
    return Settings(**from_files)
