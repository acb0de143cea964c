"""Settings of a deployment: addresses, stores, secrets, and the files that operators edit."""

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from config.data_location import absolute_ledger_url, absolute_path, default_data_directory, default_ledger_url

_CONFIG_DIRECTORY = Path(__file__).absolute().parent


def _ledger_in(validated: dict[str, Any]) -> SecretStr:
    """The default ledger of the data directory, which was validated before it."""
    return SecretStr(default_ledger_url(validated.get("data", Path("/"))))


class DeploymentSettings(BaseSettings):
    """What all processes of a deployment share."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 accepts other machines.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port of the gateway.")
    worker_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="TCP port of the stream worker's own /livez, /readyz and /metrics; not served unless set.",
    )
    data: Path = Field(
        default_factory=default_data_directory,
        description="Data directory: the embedded mode's files, the gateway's spool, the worker's state. Default: var/ "
        "of a checkout, else creditgate/ in $XDG_DATA_HOME or ~/.local/share.",
    )
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"), description="URL of the register: Valkey, or Redis 7 and later."
    )
    ledger_url: SecretStr = Field(
        default_factory=_ledger_in,
        description="SQLAlchemy URL of the ledger: sqlite+aiosqlite or postgresql+asyncpg. Default: ledger.sqlite3 in "
        "the data directory.",
    )
    broker_url: SecretStr = Field(
        SecretStr("kafka://127.0.0.1:9092"),
        description="URL of the broker: kafka://host:port, or rstream:// with a URL of Valkey.",
    )
    pepper: SecretStr | None = Field(
        None,
        description="Secret of 16 to 64 bytes from which subject keys are derived; `creditgate up` makes one. If it is "
        "lost, no stored subject can be found again.",
    )
    demo_key: SecretStr | None = Field(
        None, description="API key of the demo platform of `creditgate up`; derived from the pepper unless set."
    )
    policy: Path = Field(
        _CONFIG_DIRECTORY / "policy" / "huaian-2018.yaml",
        description="Policy pack that decides checks; reloaded when the file changes.",
    )
    departments: Path = Field(
        _CONFIG_DIRECTORY / "departments.yaml", description="Authorities, and what each may determine."
    )
    formats: Path = Field(
        _CONFIG_DIRECTORY / "formats", description="Directory of the formats in which departments deliver files."
    )
    holidays: Path = Field(
        _CONFIG_DIRECTORY / "holidays", description="Directory of China's public holidays, one file a year."
    )
    regime: str = Field(
        "huaian2018",
        pattern="^(huaian2018|ndrc36)$",
        description="Rules of credit repair that are shown as in force: huaian2018 or ndrc36.",
    )
    partitions: int = Field(
        4, ge=1, le=1024, description="Partitions of each topic; has an effect only when a topic is created."
    )
    replication: int = Field(
        1, ge=1, le=7, description="Replicas of each topic in Kafka; has an effect only when a topic is created."
    )
    log_format: str = Field(
        "json", pattern="^(json|console)$", description="Log lines as JSON objects, or as text for a console."
    )

    @field_validator("data", "policy", "departments", "formats", "holidays")
    @classmethod
    def _absolute_path(cls, path: Path) -> Path:
        return absolute_path(path)

    @field_validator("ledger_url")
    @classmethod
    def _absolute_ledger_url(cls, url: SecretStr) -> SecretStr:
        return SecretStr(absolute_ledger_url(url.get_secret_value()))
