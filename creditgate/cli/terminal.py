"""What all commands share: options, output, exit codes, and the gateway's address and key."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console

from config.settings import Settings
from creditgate.embedded.data_dir import demo_key, operator_settings

out = Console()
err = Console(stderr=True)

REFUSED = 1
MISUSE = 2

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts. / 输出 JSON。")]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="CREDITGATE_URL", help="Address of the gateway. Default: the local one."),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", envvar="CREDITGATE_KEY", help="API key. Default in the embedded mode: a demo client's."),
]


def fail(line: str, code: int = REFUSED) -> NoReturn:
    """Print a line on stderr and exit."""
    err.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code)


def print_json(value: Any) -> None:  # noqa: ANN401
    """Print JSON on stdout."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def settings_or_fail() -> Settings:
    """The operator's settings; exits with 2 when they are not valid."""
    try:
        return operator_settings()
    except (ValidationError, ValueError, OSError) as error:
        fail(f"settings: {error}", MISUSE)


def gateway_url(given: str | None, settings: Settings) -> str:
    """Address of the gateway, without a slash at the end."""
    return (given or f"http://{settings.host}:{settings.port}").rstrip("/")


def api_key(given: str | None, settings: Settings, demo: str) -> str:
    """The given key, or in the embedded mode the key of the demo client ``demo``; exits with 2 when there is none."""
    if given:
        return given
    if settings.pepper is not None and _is_embedded(settings.data):
        return demo_key(settings, demo)
    fail("An API key is needed: --key or CREDITGATE_KEY. / 需要 API 密钥。", MISUSE)


def _is_embedded(data: Path) -> bool:
    return (data / "pepper").exists() and "CREDITGATE_LEDGER_URL" not in os.environ
