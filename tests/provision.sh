#!/bin/sh
# Install what the tests need from the system, where this is Debian and one is root; otherwise say what is missing.
# Nothing here fails: a test that lacks its service is listed as not run at the end of the tests.
set -u

missing=
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome >/dev/null 2>&1 || [ -n "${METEO_TEST_CHROMIUM:-}" ] || missing=" chromium fonts-dejavu-core fonts-liberation"
if [ -z "${METEO_TEST_DATABASE_URL:-}" ] && ! PATH="$PATH:/usr/sbin:/sbin" command -v debootstrap >/dev/null 2>&1; then
    missing="$missing debootstrap debian-archive-keyring"
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "==> not installed, and not to be installed from here (needs root and apt):$missing"
    exit 0
fi
echo "==> installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # words
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null ||
    echo "==> could not be installed: $missing"
exit 0
