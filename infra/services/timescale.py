"""A real TimescaleDB for tests, had in the first way that works on this machine.

1. `METEO_TEST_DATABASE_URL`: a server given by whoever runs the tests (any edition).
2. A container engine that answers: the usual image, Community edition.
3. As root: Debian's package in a folder of its own, Apache edition (`infra.services.timescale_debian`).

Where none works, `TimescaleMissing` says why for each.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit, urlunsplit

from infra.errors import MeteoError
from infra.services import timescale_container, timescale_debian
from infra.services.cluster import PostgresCluster
from infra.services.jars import Say

GIVEN = "METEO_TEST_DATABASE_URL"

# A test's data need not survive a power cut.
_HASTE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
}


class TimescaleMissing(MeteoError):
    """No real TimescaleDB can be had here; the message says why for each way."""


class Server(Protocol):
    """A running server."""

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of its databases."""

    def stop(self) -> None:
        """Stop it."""


@dataclass(frozen=True)
class GivenServer:
    """A server that somebody else runs.

    Parameters
    ----------
    address
        Address of one of its databases, with an account that may create databases.
    """

    address: str

    def url(self, database: str = "postgres") -> str:
        """Return the address of another database of that server."""
        return urlunsplit(urlsplit(self.address)._replace(path=f"/{database}"))

    def stop(self) -> None:
        """Leave it as it is: it is not ours."""


@dataclass(frozen=True)
class Timescale:
    """A real TimescaleDB, until it is stopped.

    Attributes
    ----------
    server
        The running server.
    origin
        Where it comes from, in words.
    """

    server: Server
    origin: str

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of its databases."""
        return self.server.url(database)

    def stop(self) -> None:
        """Stop what was started here."""
        self.server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_timescale(folder: Path, say: Say | None = None) -> Timescale:
    """Start a real TimescaleDB with its data below `folder`, or use the one given.

    Parameters
    ----------
    folder
        An empty folder that lives as long as the server.
    say
        Told what takes time.

    Raises
    ------
    TimescaleMissing
        When it cannot be had in any way.
    """
    given = os.environ.get(GIVEN)
    if given:
        return Timescale(GivenServer(given), GIVEN)
    reasons = []
    for name, start in (("container engine", _from_container), ("Debian folder", _from_debian)):
        try:
            return Timescale(start(folder, say), name)
        except MeteoError as error:
            reasons.append(f"{name}: {error}")
    raise TimescaleMissing("; ".join([f"{GIVEN} is not set", *reasons]))


def _from_container(folder: Path, say: Say | None) -> Server:
    return timescale_container.start(say)


def _from_debian(folder: Path, say: Say | None) -> Server:
    reason = timescale_debian.why_not()
    if reason is not None:
        raise MeteoError(reason)
    programs = timescale_debian.DebianPrograms(timescale_debian.debian_folder(say))
    return PostgresCluster(folder, programs, options=_HASTE, with_password=False).start()
