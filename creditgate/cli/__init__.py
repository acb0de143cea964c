"""The command line. Exit codes: 0 done, 1 refused or negative, 2 misuse.

    creditgate COMMAND ─▶ the one module of that command (importing all takes two seconds)
         ├─ up, serve, worker, setup            processes/
         ├─ check, feed, feeds, repair          api_client    HTTP, with a key, like any client
         ├─ register, ledger, listing, policy   stores        Redis and SQL, for the operator
         └─ clients, config                                   SQL; files

``terminal`` has what all share: options, output, exit codes. Modules are named as their commands; ``check_csv`` reads
and writes the files of ``check``, ``policy_trial`` has ``policy explain`` and ``replay``. May import every package.
"""

import sys
from importlib import import_module

import typer

_COMMANDS = {
    "up": "processes.up:up",
    "serve": "processes.serve:serve",
    "worker": "processes.worker:worker",
    "setup": "processes.setup:setup",
    "check": "check:check",
    "feed": "feeds.files:app",
    "feeds": "feeds.operations:app",
    "repair": "repair:app",
    "register": "register:app",
    "ledger": "ledger:ledger_app",
    "listing": "ledger:listing_app",
    "policy": "policy_trial:app",
    "clients": "clients:app",
    "config": "config_check:app",
}
"""Each command's module and its name there: a function, or a group of commands."""


def command_line(command: str | None = None) -> typer.Typer:
    """The command line with one command, or with all of them when ``command`` is none of them."""
    app = typer.Typer(
        name="creditgate",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        callback=lambda: None,
        help="CreditGate 信用闸门: red and black lists, in force at the moment of the transaction.",
    )
    for name in [command] if command in _COMMANDS else _COMMANDS:
        module, _, attribute = _COMMANDS[name].partition(":")
        target = getattr(import_module(f"creditgate.cli.{module}"), attribute)
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name)
        else:
            app.command(name)(target)
    return app


def main() -> None:
    """Run the command line."""
    command_line(sys.argv[1] if len(sys.argv) > 1 else None)()
