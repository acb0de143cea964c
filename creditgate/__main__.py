"""``python -m creditgate``."""

from creditgate.cli import main

main()
