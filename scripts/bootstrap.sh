#!/bin/sh
# Create the virtual environment $1, install the locked dependencies $2, then the project itself (editable).
set -eu
venv=$1; lock=$2; python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "CreditGate needs Python 3.11 or later; '$python' is older. Try: make PYTHON=python3.11 run" >&2; exit 1; }
if [ ! -x "$venv/bin/python" ]; then
    echo "· creating the virtual environment $venv"
    "$python" -m venv "$venv" || {
        rm -rf "$venv"
        echo "This Python cannot create virtual environments (on Debian, install the package python3-venv)." >&2; exit 1; }
fi
echo "· installing locked dependencies from $lock"
"$venv/bin/python" -m pip install --disable-pip-version-check --quiet --require-hashes -r "$lock"
"$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
