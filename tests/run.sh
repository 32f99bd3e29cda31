#!/bin/sh
# Everything `make test` runs, in order; each stage is run whatever the others found, and the last line tells.
set -u
cd "$(dirname "$0")/.." || exit 2
bin=.venv/bin
failed=

stage() {
    name=$1
    shift
    began=$(date +%s)
    printf '==> %s\n' "$name"
    "$@" || failed="$failed $name"
    printf '==> %s: %s s\n' "$name" "$(($(date +%s) - began))"
}

sh tests/provision.sh
stage lint $bin/ruff check .
stage format $bin/ruff format --check .
stage imports $bin/lint-imports
stage types $bin/mypy
# Numerical libraries would each take every core; the tests and their services share them.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# A file that cannot be collected is a failure, and no reason to leave the others untested.
stage tests $bin/pytest --continue-on-collection-errors "$@"

if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
