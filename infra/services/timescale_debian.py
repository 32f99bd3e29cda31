"""TimescaleDB Apache edition from Debian 13, in a folder of its own made by debootstrap.

For tests on a machine where one is root and no container engine answers. The folder is made once (about half
a minute, 700 MB) and used again. The server runs in it by `chroot`, inside a mount namespace of its own: what
is mounted there (devices, the data folder) is unknown outside and gone with the server, so removing the folder
can never reach through a mount left behind.

The Apache edition has hypertables, and neither continuous aggregates, columnstore nor retention policies
(https://docs.timescale.com/about/latest/timescaledb-editions/).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from infra.errors import MeteoError
from infra.services.exclusive import exclusively
from infra.services.jars import Say, cache_folder
from infra.services.process import last_lines

SUITE = "trixie"
PACKAGES = ("postgresql-17", "postgresql-17-timescaledb")
_BIN = "/usr/lib/postgresql/17/bin"
_INSIDE = "/srv/meteo"
_BUILD_SECONDS = 900

# $1 the Debian folder, $2 the data folder, the rest the program. `exec` keeps the process number all along.
_ENTER = f"""\
set -eu
root=$1 data=$2
shift 2
mount --rbind /dev "$root/dev"
mkdir -p "$root{_INSIDE}"
mount --bind "$data" "$root{_INSIDE}"
exec chroot --userspec=postgres:postgres "$root" "$@"
"""


class DebianPrograms:
    """PostgreSQL 17 with TimescaleDB inside a Debian folder.

    Parameters
    ----------
    root
        The Debian folder, complete.
    """

    # The command is root's until `chroot` gives it to the folder's own `postgres`.
    account: str | None = None

    def __init__(self, root: Path) -> None:
        self.root = root

    def command(self, program: str, folder: Path) -> list[str]:
        """Return the words that run `program` inside the folder, with `folder` at a fixed place in it."""
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, "enter"]
        return [*enter, str(self.root), str(folder), f"{_BIN}/{program}"]

    def seen(self, folder: Path, path: Path) -> str:
        """Return where the program finds `path`, which lies in `folder`."""
        return f"{_INSIDE}/{path.relative_to(folder)}"

    def hand_over(self, path: Path) -> None:
        """Give `path` to the numbers that are `postgres` inside the folder."""
        for line in (self.root / "etc" / "passwd").read_text().splitlines():
            name, _, user, group, *_ = line.split(":")
            if name == "postgres":
                os.chown(path, int(user), int(group))
                return
        raise MeteoError(f"{self.root}: has no account postgres; delete the folder, it will be made again")


def why_not() -> str | None:
    """Return why the folder cannot be made or used here, or None when it can."""
    if os.geteuid() != 0:
        return "debootstrap and chroot need root"
    if _has_root(_folder()):
        wanted: tuple[str, ...] = ("unshare", "chroot", "mount")
    else:
        wanted = ("debootstrap", "unshare", "chroot", "mount")
    missing = [program for program in wanted if _which(program) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    probe = subprocess.run(  # noqa: S603 - fixed words
        [_which("unshare") or "unshare", "--mount", "true"], capture_output=True, check=False
    )
    return (
        None if probe.returncode == 0 else "this machine lets nobody mount (a container without privileges?)"
    )


def debian_folder(say: Say | None = None) -> Path:
    """Return the complete Debian folder, making it when it is absent or half-made.

    Raises
    ------
    MeteoError
        When debootstrap fails; the message holds the end of its log.
    """
    folder = _folder()
    with exclusively(folder.with_name(folder.name + ".lock")):
        if not _has_root(folder):
            if say:
                say(f"making a Debian {SUITE} folder with TimescaleDB (once, about half a minute)")
            _build(folder)
    return folder


def _folder() -> Path:
    return cache_folder() / f"debian-{SUITE}-timescaledb"


def _has_root(folder: Path) -> bool:
    # The folder takes its name when it is complete; until then it is a draft.
    return (folder / _BIN.lstrip("/") / "postgres").exists()


def _build(folder: Path) -> None:
    draft = folder.with_name(folder.name + ".draft")
    for leftover in (draft, folder):
        _remove(leftover)
    log = folder.with_name(folder.name + ".log")
    command = [_which("debootstrap") or "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    with log.open("wb") as output:
        try:
            result = subprocess.run(  # noqa: S603 - fixed words and our own folder
                [*command, SUITE, str(draft)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_BUILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise MeteoError(f"debootstrap took more than {_BUILD_SECONDS} s; see {log}") from error
    if result.returncode != 0:
        raise MeteoError(f"debootstrap failed; the end of {log}:\n{last_lines(log)}")
    _unmount_below(draft)
    draft.rename(folder)


def _remove(folder: Path) -> None:
    """Remove a folder made here, never through a mount."""
    if folder.exists():
        _unmount_below(folder)
        shutil.rmtree(folder)


def _mounts_below(folder: Path) -> list[str]:
    """Return the mount points in `folder`, the deepest first."""
    points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    above = folder.resolve()
    # The kernel writes a space as \040 (proc(5)).
    found = (Path(point.encode().decode("unicode_escape")) for point in points)
    inside = {str(point) for point in found if point != above and point.is_relative_to(above)}
    return sorted(inside, key=len, reverse=True)


def _unmount_below(folder: Path) -> None:
    for point in _mounts_below(folder):
        subprocess.run(  # noqa: S603 - a mount point read from the kernel
            [_which("umount") or "umount", point], capture_output=True, check=False
        )
    left = _mounts_below(folder)
    if left:
        raise MeteoError(
            f"{', '.join(left)}: still mounted, so {folder} is not touched; unmount it, then try again"
        )


def _which(program: str) -> str | None:
    # Programs of the administrator are not on every user's path.
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
