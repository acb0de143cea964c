#!/bin/sh
# Make the virtual environment $1 and install the locked dependencies $2 into it, then the project itself.
set -eu
venv=$1; lock=$2; python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "CreditGate needs Python 3.11 or newer; '$python' is not. Try: make PYTHON=python3.11 run" >&2; exit 1; }
if [ ! -x "$venv/bin/python" ]; then
    echo "· making the virtual environment $venv"
    "$python" -m venv "$venv" || {
        rm -rf "$venv"
        echo "This Python cannot make virtual environments (Debian keeps that in the package python3-venv)." >&2; exit 1; }
fi
echo "· installing locked dependencies from $lock"
"$venv/bin/python" -m pip install --disable-pip-version-check --quiet --require-hashes -r "$lock"
"$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
