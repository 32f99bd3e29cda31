"""The jars of Apache Kafka: locked by SHA-256, fetched once by `jgo`, checked before every start.

`locks/jgo.toml` names what is wanted, `locks/jgo.lock.toml` every file that follows from it, with its hash and
without any address. The files come from the repositories that jgo is set to on this machine; whatever those
serve, only what has the hash of the lock is started.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.errors import MeteoError
from infra.services.exclusive import exclusively

LOCK_FILE = Path(__file__).parent / "locks" / "jgo.lock.toml"
Say = Callable[[str], None]


@dataclass(frozen=True)
class LockedJar:
    """One file of the lock.

    Attributes
    ----------
    group, artifact, version
        Its Maven coordinates.
    sha256
        Hash of its bytes, in hexadecimal.
    """

    group: str
    artifact: str
    version: str
    sha256: str

    def path_under(self, folder: Path) -> Path:
        """Return where the file lies in a repository folder of Maven's layout."""
        name = f"{self.artifact}-{self.version}.jar"
        return folder.joinpath(*self.group.split("."), self.artifact, self.version, name)

    def is_sound(self, folder: Path) -> bool:
        """Return whether the file is there with the hash of the lock."""
        try:
            with self.path_under(folder).open("rb") as content:
                return hashlib.file_digest(content, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def cache_folder() -> Path:
    """Return the folder of what is downloaded once for all uses: `METEO_CACHE_DIR`, or the user's cache."""
    chosen = os.environ.get("METEO_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "meteo-sante"


@cache
def locked_jars(lock_file: Path = LOCK_FILE) -> tuple[LockedJar, ...]:
    """Read the lock.

    Raises
    ------
    MeteoError
        When an entry lacks its hash: what cannot be checked is not started.
    """
    entries = tomllib.loads(lock_file.read_text())["dependencies"]
    for entry in entries:
        if "sha256" not in entry:
            raise MeteoError(
                f"{lock_file}: {entry['artifactId']} has no sha256; make the lock again (make lock)"
            )
    return tuple(LockedJar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries)


def kafka_jars(
    folder: Path | None = None, say: Say | None = None, lock_file: Path = LOCK_FILE
) -> tuple[Path, ...]:
    """Return the jars of the broker, every one checked against the lock, fetching those not yet here.

    Parameters
    ----------
    folder
        Repository folder; `cache_folder() / "jars"` when not given.
    say
        Told what takes time.
    lock_file
        The lock.

    Raises
    ------
    MeteoError
        When a file cannot be fetched, or has not the hash of the lock.
    """
    folder = folder or cache_folder() / "jars"
    wanted = locked_jars(lock_file)
    if not all(jar.is_sound(folder) for jar in wanted):
        with exclusively(folder / ".lock"):
            missing = [jar for jar in wanted if not jar.is_sound(folder)]
            if missing and say:
                say(f"fetching Apache Kafka: {len(missing)} of {len(wanted)} files")
            _fetch(missing, folder)
    return tuple(jar.path_under(folder) for jar in wanted)


def _fetch(missing: list[LockedJar], folder: Path) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        failures = [failure for failure in pool.map(lambda jar: _fetch_one(jar, folder), missing) if failure]
    if failures:
        raise MeteoError(
            f"Apache Kafka: {len(failures)} of {len(missing)} files could not be had, the first: {failures[0]}. "
            "The first start needs the network (later ones do not); a mirror can be named in jgo's own settings."
        )


def _fetch_one(jar: LockedJar, folder: Path) -> str | None:
    """Fetch one jar; return what went wrong, or None."""
    import requests
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    path = jar.path_under(folder)
    path.unlink(missing_ok=True)  # a file of another hash, or half of one
    repositories = GlobalSettings.load().repositories or None
    context = MavenContext(repo_cache=folder, remote_repos=repositories, timeout=30)
    try:
        context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except (requests.RequestException, OSError, RuntimeError, ValueError) as error:
        return f"{path.name}: {type(error).__name__}: {error}"
    if jar.is_sound(folder):
        return None
    path.unlink(missing_ok=True)
    return f"{path.name}: what was served has not the SHA-256 of the lock, so it was thrown away"
