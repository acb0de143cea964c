"""Every setting: its name in the environment, its type, its default, and its consequence.

Each may also be given as ``NAME_FILE``, the path of a file that holds the value: for secrets.
``creditgate config check`` prints this table with the values in force.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple, Self, get_args

import structlog
from pydantic import SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from config.deployment_settings import DeploymentSettings
from config.gateway_settings import GatewaySettings

_PEPPER_BYTES = range(16, 65)
_TYPE_NAMES = {str: "text", int: "integer", float: "number", bool: "0 or 1", Path: "path", SecretStr: "secret"}
PREFIX = "CREDITGATE_"


class SettingInForce(NamedTuple):
    """One setting by its name in the environment, with its effective value; secrets are masked.

    ``default`` is None where there is none, or where ``meaning`` says what it is.
    """

    name: str
    type: str
    default: str | None
    value: str
    meaning: str


class Settings(GatewaySettings, DeploymentSettings):
    """Settings of all processes. Raises ``pydantic.ValidationError``, which names each invalid setting.

    Paths are absolute: a relative one is resolved once, against the current directory.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    @model_validator(mode="after")
    def _pepper_length(self) -> Self:
        if self.pepper is not None and len(self.pepper.get_secret_value().encode()) not in _PEPPER_BYTES:
            raise ValueError("CREDITGATE_PEPPER must have 16 to 64 bytes")
        return self

    def pepper_bytes(self) -> bytes:
        """The pepper; raises ``ValueError`` when the deployment set none."""
        if self.pepper is None:
            raise ValueError("CREDITGATE_PEPPER (or CREDITGATE_PEPPER_FILE) is not set")
        return self.pepper.get_secret_value().encode()

    def in_force(self) -> list[SettingInForce]:
        """Every setting, in the order of the table."""
        shown = self.shown()
        return [
            SettingInForce(
                name=f"{PREFIX}{name.upper()}",
                type=next(
                    _TYPE_NAMES[kind] for kind in (field.annotation, *get_args(field.annotation)) if kind in _TYPE_NAMES
                ),
                default=None if field.default_factory or field.default is None else str(field.default),
                value=shown[name],
                meaning=field.description or "",
            )
            for name, field in type(self).model_fields.items()
        ]

    def shown(self) -> dict[str, str]:
        """Effective values for logs: secrets are masked, and so are URLs, which may hold passwords."""
        return {name: str(getattr(self, name)) for name in type(self).model_fields}

    def log_effective(self) -> None:
        """Write one log line with every effective setting."""
        structlog.get_logger("config").info("settings", **self.shown())


def load_settings() -> Settings:
    """Settings from the environment; the files of ``NAME_FILE`` variables take precedence. Raises ``OSError``."""
    from_files: dict[str, Any] = {}
    for name in Settings.model_fields:
        path = os.environ.get(f"{PREFIX}{name.upper()}_FILE")
        if path:
            from_files[name] = Path(path).read_text().strip()
    return Settings(**from_files)
