"""The option that ``up`` and ``serve`` share."""

from typing import Annotated

import typer

WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, max=64, help="Number of gateway processes that share the port.")
]
