"""A PostgreSQL server with its data in one folder, whatever its programs come from.

`infra.services.postgres` runs the programs of a wheel, `infra.services.timescale_debian` those of a Debian
folder; how a program is run is the only difference, and is told by `Programs`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, Self

import psycopg
from psycopg import sql

from infra.errors import MeteoError
from infra.services import ports
from infra.services.exclusive import exclusively
from infra.services.folder_server import FolderServer
from infra.services.process import ServiceProcess, last_lines

_START_SECONDS = 60.0


class Programs(Protocol):
    """Where PostgreSQL's programs are and how they are run."""

    account: str | None
    """System account to run as, when this program runs as root and the command does not change it itself."""

    def command(self, program: str, folder: Path) -> list[str]:
        """Return the words that run `program` so that it can use `folder`."""

    def seen(self, folder: Path, path: Path) -> str:
        """Return how the program sees `path`, which lies in `folder`."""

    def hand_over(self, path: Path) -> None:
        """Give `path` to the account the programs run as."""


@dataclass
class PostgresCluster(FolderServer):
    """One server and its folder.

    Parameters
    ----------
    folder
        Where data, log and record are kept; made when absent.
    programs
        How its programs are run.
    port
        Port to listen on; when None, the one used last or a free one.
    options
        Settings of the server, added to the few set here.
    with_password
        Whether clients must show the password kept in the folder. Without, anybody on this machine may
        connect: for tests only.
    """

    # PostgreSQL's "fast" stop: it waits for no client.
    _stop_signal: ClassVar[signal.Signals] = signal.SIGINT

    folder: Path
    programs: Programs
    port: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    with_password: bool = True
    _process: ServiceProcess | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.absolute()

    @property
    def log(self) -> Path:
        """File with the server's messages."""
        return self.folder / "postgres.log"

    @property
    def data(self) -> Path:
        """The server's data directory."""
        return self.folder / "data"

    def url(self, database: str = "meteo") -> str:
        """Return the address of a database of the running server.

        Raises
        ------
        MeteoError
            When no server runs on this folder.
        """
        record = self.record
        if record is None:
            raise MeteoError(f"no PostgreSQL runs on {self.folder}; start one with `meteo services up`")
        return self._address(record.port, database)

    def start(self, *, detached: bool = False) -> Self:
        """Start the server and return when it answers; join the one already running on this folder.

        Parameters
        ----------
        detached
            Leave it running when this program ends.

        Raises
        ------
        MeteoError
            Busy port, unusable folder, or a server that ended.
        """
        self._prepare_folder()
        # Two programs may want the same server at the same moment: the second joins.
        with exclusively(self.folder / "starting.lock"):
            if self.record is None:
                self._refuse_half_made()
                self._initialise_once()
                self._launch(detached)
                self._ensure_database("meteo")
        return self

    @property
    def _password_path(self) -> Path:
        return self.folder / "password"

    def _address(self, port: int, database: str) -> str:
        login = f"postgres:{self._password_path.read_text().strip()}" if self.with_password else "postgres"
        return f"postgresql://{login}@{ports.LOOPBACK}:{port}/{database}"

    def _prepare_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.programs.hand_over(self.folder)
        except OSError as error:
            raise MeteoError(
                f"{self.folder}: cannot be used for PostgreSQL's data ({error.strerror})"
            ) from error

    def _refuse_half_made(self) -> None:
        if self.data.exists() and not (self.data / "global" / "pg_control").exists():
            raise MeteoError(
                f"{self.data}: PostgreSQL's data is half-made (no pg_control); move the folder away to keep it "
                "for inspection, or delete it, then start again"
            )

    def _initialise_once(self) -> None:
        """Make the data directory; a crash in between leaves a draft, which is made again."""
        if self.data.exists():
            return
        draft = self.folder / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        arguments = [
            *("--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"),
            # Sorting and case rules of PostgreSQL itself: the same on every machine.
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ]
        if self.with_password:
            self._write_password()
            pwfile = self.programs.seen(self.folder, self._password_path)
            arguments += ["--auth=scram-sha-256", f"--pwfile={pwfile}"]
        else:
            arguments += ["--auth=trust", "--no-sync"]
        self._run("initdb", *arguments, "-D", self.programs.seen(self.folder, draft))
        draft.rename(self.data)

    def _write_password(self) -> None:
        path = self._password_path
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24) + "\n")
        self.programs.hand_over(path)

    def _run(self, program: str, *arguments: str) -> None:
        account = self.programs.account
        result = subprocess.run(  # noqa: S603 - our own programs and arguments
            [*self.programs.command(program, self.folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=account,
            group=account,
            extra_groups=[] if account else None,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )
        if result.returncode != 0:
            raise MeteoError(f"{self.folder}: {program} failed:\n{result.stderr.strip()[-1000:]}")

    def _settings(self, port: int) -> dict[str, str]:
        return {
            "port": str(port),
            "listen_addresses": ports.LOOPBACK,
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": "200",
            **self.options,
        }

    def _launch(self, detached: bool) -> None:
        for last_try in (False, False, True):
            port = self._choose_port()
            command = [*self.programs.command("postgres", self.folder)]
            command += ["-D", self.programs.seen(self.folder, self.data)]
            for name, value in self._settings(port).items():
                command += ["-c", f"{name}={value}"]
            process = ServiceProcess.start(
                command,
                port=port,
                log=self.log,
                stop_signal=self._stop_signal,
                detached=detached,
                user=self.programs.account,
            )
            if self._wait_until_ready(process, port):
                process.record.write(self._record_path)
                self._process = process
                return
            process.stop(5)
            if last_try or self.port is not None:
                raise MeteoError(f"PostgreSQL did not start; the end of {self.log}:\n{last_lines(self.log)}")
            # The port was taken a moment after it was seen free, or a killed server's last
            # processes still hold its memory: both pass.
            time.sleep(1)

    def _choose_port(self) -> int:
        if self.port is not None:
            return ports.require_free(self.port, "PostgreSQL", "stop that program, or choose another port")
        return ports.choose_port(self._former_port())

    def _wait_until_ready(self, process: ServiceProcess, port: int) -> bool:
        deadline = time.monotonic() + _START_SECONDS
        while process.runs() and time.monotonic() < deadline:
            try:
                psycopg.connect(self._address(port, "postgres"), connect_timeout=5).close()
                return process.runs()
            except psycopg.OperationalError:
                time.sleep(0.05)
        return False

    def _ensure_database(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
