#!/bin/sh
# Make .venv with the pinned dependencies and the project itself, or finish at once when it is there.
#
#   sh infra/deploy/environment.sh demo|test
#
# Checks what it stands on first (Linux x86-64, glibc 2.28, Python 3.11 to 3.13 with venv) and says what is missing.
# Every file is checked against the hashes of the lock files. A second call reads stamps only, so it needs no
# network; an environment left half-made by a crash is made again. PYTHON=… chooses the interpreter.
set -eu
cd "$(dirname "$0")/../.."

kind=${1:?demo or test}
case $kind in
    demo) lock=requirements.lock ;;
    test) lock=requirements-test.lock ;;
    *) echo "environment.sh: demo or test, not $kind" >&2; exit 2 ;;
esac
home=.venv
halfmade=$home/.half-made
say() { printf '==> %s\n' "$*"; }
refuse() { printf 'meteo: %s\n' "$*" >&2; exit 2; }

# What was installed follows from these files, the interpreter, and the place (scripts hold absolute paths).
wanted() { { cat "$1" requirements-build.lock pyproject.toml; pwd; } | cksum; }
is_complete() { [ ! -e $halfmade ] && [ "$(cat "$home/.complete-$1" 2>/dev/null)" = "$(wanted "$2")" ]; }

if [ -x $home/bin/meteo ] && $home/bin/python -c '' 2>/dev/null; then
    if is_complete "$kind" $lock; then exit 0; fi
    # What tests need holds all that the demonstration needs.
    if [ "$kind" = demo ] && is_complete test requirements-test.lock; then exit 0; fi
fi

[ "$(uname -s)" = Linux ] || refuse "this runs on Linux (here: $(uname -s)); see docs/guides/installer.md"
[ "$(uname -m)" = x86_64 ] || refuse "this runs on x86-64 machines (here: $(uname -m)); see docs/guides/installer.md"
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc //p')
[ -n "$glibc" ] || refuse "this needs glibc 2.28 or newer, and this system has another C library"
[ "$(printf '2.28\n%s\n' "$glibc" | sort -V | head -n 1)" = 2.28 ] || refuse "this needs glibc 2.28 or newer (here: $glibc)"

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }
python=
if [ -n "${PYTHON:-}" ]; then
    fits "$PYTHON" || refuse "PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13"
    python=$PYTHON
else
    for candidate in python3.13 python3.12 python3.11 python3 python; do
        if fits "$candidate"; then python=$candidate; break; fi
    done
fi
[ -n "$python" ] || refuse "no Python 3.11, 3.12 or 3.13 found: install one, or name it with PYTHON=/path/to/python3"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    refuse "Python $version has no venv module: install it (on Debian and Ubuntu: the package python$version-venv)"

began=$(date +%s)
if [ -e $home ]; then
    if [ -e $halfmade ]; then
        say "the environment in $home was left half-made: making it again"
        rm -rf $home
    elif ! [ -e $home/.complete-demo ] && ! [ -e $home/.complete-test ]; then
        say "the environment in $home was not made by this program: making it again"
        rm -rf $home
    elif ! $home/bin/python -c '' 2>/dev/null; then
        say "the environment in $home lost its Python: making it again"
        rm -rf $home
    fi
fi
if [ ! -d $home ]; then
    say "making $home with Python $version"
    mkdir $home
    : > $halfmade
    "$python" -m venv $home || refuse "$python -m venv failed; see the lines above"
fi
: > $halfmade
rm -f $home/.complete-demo $home/.complete-test

say "installing the pinned dependencies of $kind"
quiet="--quiet --disable-pip-version-check"
# shellcheck disable=SC2086 # words
$home/bin/python -m pip install $quiet --require-hashes --only-binary :all: -r requirements-build.lock ||
    refuse "the installer could not be had: the first time needs the network and a package index that pip can reach"
# uv asks the index that pip is set to, where it is set to one.
index=$($home/bin/python -m pip config get global.index-url 2>/dev/null || true)
index=${PIP_INDEX_URL:-$index}
if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    UV_DEFAULT_INDEX=$index
    export UV_DEFAULT_INDEX
fi
if ! $home/bin/uv pip install --quiet --python $home/bin/python --require-hashes -r $lock; then
    say "the fast installer failed; trying pip"
    # shellcheck disable=SC2086 # words
    $home/bin/python -m pip install $quiet --require-hashes -r $lock ||
        refuse "the dependencies could not be installed; see the lines above"
fi
$home/bin/uv pip install --quiet --offline --python $home/bin/python --no-deps --no-build-isolation -e . ||
    refuse "the project itself could not be installed; see the lines above"

wanted $lock > "$home/.complete-$kind"
rm -f $halfmade
say "environment ready in $(($(date +%s) - began)) s"
