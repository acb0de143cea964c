"""The command line. Exit codes: 0 done, 1 refused or negative, 2 misuse."""

import typer

from creditgate.cli import (
    check,
    clients,
    config_check,
    ledger,
    policy,
    policy_trial,
    register,
    repair,
    serve,
)
from creditgate.cli.feeds import files, operations

app = typer.Typer(
    name="creditgate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="CreditGate 信用闸门: red and black lists, in force at the moment of the transaction.",
)
app.command("up")(serve.up)
app.command("serve")(serve.serve)
app.command("worker")(serve.worker)
app.command("setup")(serve.setup)
app.add_typer(files.app, name="feed")
app.add_typer(operations.app, name="feeds")
app.add_typer(repair.app, name="repair")
app.command("check")(check.check)
app.add_typer(register.app, name="register")
app.add_typer(ledger.ledger_app, name="ledger")
app.add_typer(ledger.listing_app, name="listing")
policy.app.command("explain")(policy_trial.explain)
policy.app.command("replay")(policy_trial.replay)
app.add_typer(policy.app, name="policy")
app.add_typer(clients.app, name="clients")
app.add_typer(config_check.app, name="config")


def main() -> None:
    """Run the command line."""
    app()
