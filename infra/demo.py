"""The demonstration: every real part on one machine, started in order, watched, and stopped without a trace.

It starts the embedded database and broker, migrates, then starts the processes a hospital would run — Faust
worker, forecaster, API — beside a simulator that plays the partners of Loire-Atlantique. Each is a process of
its own with its own log; a watcher ends it should this one die.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
from rich.console import Console

from infra.database import connect
from infra.errors import MeteoError
from infra.migrations import migrate
from infra.services.embedded import EmbeddedServices
from infra.services.ports import require_free
from infra.services.process import ServiceProcess, last_lines
from infra.settings import Settings
from infra.tuning import tune
from infra.world import World

# A busy or small machine takes several times the usual minute or two; a part that fails is told at once.
_SLOW_SECONDS = 120.0
_READY_SECONDS = 1800.0
_RESTART_PAUSE = 3.0


@dataclass
class _Part:
    """One process of the demonstration."""

    name: str
    arguments: list[str]
    log: Path
    process: ServiceProcess | None = None
    restarts: int = 0
    started: float = field(default=0.0)

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("meteo")), *self.arguments]
        self.started = time.monotonic()
        self.process = ServiceProcess.start(command, port=0, log=self.log, stop_signal=signal.SIGTERM)

    def runs(self) -> bool:
        return self.process is not None and self.process.runs()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop(10)
            self.process = None


def run_demo(settings: Settings, *, speed: str, fresh: bool, offline: bool) -> None:
    """Run the demonstration until Ctrl-C.

    Parameters
    ----------
    speed
        `1440x` is a day a minute.
    fresh
        Forget what an earlier demonstration left.
    offline
        Do not ask the publisher for the current open data.

    Raises
    ------
    MeteoError
        A busy port, a service or a part that does not start, with the end of its log.
    """
    if settings.this_world.is_operational:
        raise MeteoError("the demonstration runs in a demo world: unset METEO_WORLD, or set it to demo")
    _Demonstration(settings, speed, offline).run(fresh)


class _Demonstration:
    """The order in which things start, wait for each other and stop."""

    def __init__(self, settings: Settings, speed: str, offline: bool) -> None:
        self.settings = settings
        self.world: World = settings.this_world
        self.speed = speed
        self.offline = offline
        self.folder = settings.data_dir.absolute()
        self.logs = self.folder / "logs"
        self.console = Console()
        self.services = EmbeddedServices(self.folder, say=self._say)
        self.database_url = ""
        self.address = f"http://{settings.api_host}:{settings.api_port}"
        self.parts: list[_Part] = []
        self.stopping = threading.Event()

    def run(self, fresh: bool) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        began = time.monotonic()
        require_free(
            self.settings.api_port, "API", "stop that program, or choose another with METEO_API_PORT=8001"
        )
        if fresh:
            self._forget()
        self.logs.mkdir(parents=True, exist_ok=True)
        try:
            self._start(began)
            self._watch()
        except KeyboardInterrupt:
            self.console.print("\n[bold]Arrêt demandé[/] · stopping")
        finally:
            self._stop()

    def _start(self, began: float) -> None:
        with self._stage("Kafka et base de données · broker and database"):
            self.services.start()
            self.database_url = self.services.database.url()
        os.environ.update(
            METEO_WORLD=self.world.name,
            METEO_DATA_DIR=str(self.folder),
            METEO_DATABASE_URL=self.database_url,
            METEO_KAFKA_BOOTSTRAP=self.services.broker.bootstrap,
            METEO_LOG_FORMAT="json",
            METEO_PUBLIC_URL=self.address,
        )
        # An accelerated day has two cycles a minute; runs between them would never end.
        os.environ.setdefault("METEO_RUN_ON_NEW_DATA", "false")
        with self._stage("Schéma de la base · database schema"):
            migrate(self.database_url, self.world)
            with connect(self.database_url, self.world) as connection:
                tune(connection)
        self._launch("worker", ["worker"])
        self._launch("api", ["serve"])
        self._launch("simulator", ["simulate", "--live", "--speed", self.speed])
        if not self.offline:
            self._launch("fetch", ["fetch"])
        self._await("Messages des partenaires · partners' messages", self._history_is_in)
        self._launch("forecaster", ["forecaster"])
        self._await("Première prévision · first forecast", self._has_run)
        self._await("Page · page", self._api_answers)
        self._greet(time.monotonic() - began)

    def _launch(self, name: str, arguments: list[str]) -> None:
        part = _Part(name, arguments, self.logs / f"{name}.log")
        part.start()
        self.parts.append(part)

    def _await(self, label: str, ready: Callable[[], tuple[bool, str]]) -> None:
        began = time.monotonic()
        told = False
        with self._stage(label) as tell:
            while True:
                done, detail = ready()
                tell(detail)
                if done:
                    return
                self._check_parts(may_restart=False)
                waited = time.monotonic() - began
                if waited > _READY_SECONDS:
                    raise MeteoError(f"{label}: not ready after {_READY_SECONDS:.0f} s; see {self.logs}")
                if waited > _SLOW_SECONDS and not told:
                    told = True
                    self._say(
                        "plus lent que d’habitude, le calcul continue · slower than usual, still at work"
                    )
                time.sleep(0.2)

    def _history_is_in(self) -> tuple[bool, str]:
        row = self._ask("SELECT document FROM bookmark WHERE name = 'simulator'")
        count = self._ask("SELECT count(*) FROM observation")
        stored = int(count[0]) if count else 0
        if not row or not row[0].get("history_complete"):
            return False, f"{stored:,} observations"
        expected = int(row[0].get("history_observations", 0))
        return stored >= expected, f"{stored:,} / {expected:,} observations"

    def _has_run(self) -> tuple[bool, str]:
        return self._ask("SELECT id FROM run ORDER BY id DESC LIMIT 1") is not None, ""

    def _ask(self, query: LiteralString) -> tuple[Any, ...] | None:
        try:
            with connect(self.database_url, self.world, autocommit=True) as connection:
                return connection.execute(query).fetchone()
        except (psycopg.Error, MeteoError):
            return None

    def _api_answers(self) -> tuple[bool, str]:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.settings.api_port}/readyz", timeout=2)
        except httpx.HTTPError:
            return False, ""
        return answer.status_code == 200, ""

    def _greet(self, seconds: float) -> None:
        self.console.print(f"\n[bold green]Météo santé[/] · {self.address}   ({seconds:.0f} s)")
        link = self._operator_link()
        if link:
            self.console.print(
                f"Opérateur (lien à usage unique) · operator, one-time link:\n{link}", soft_wrap=True
            )
        self.console.print(f"Journaux · logs: {self.logs}", soft_wrap=True)
        self.console.print("Ctrl-C arrête tout · Ctrl-C stops everything\n")

    def _operator_link(self) -> str:
        command = [str(Path(sys.executable).with_name("meteo")), "operator", "link"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        return result.stdout.strip() if result.returncode == 0 else ""

    def _watch(self) -> None:
        while not self.stopping.wait(1.0):
            self._check_parts(may_restart=True)

    def _check_parts(self, *, may_restart: bool) -> None:
        for part in list(self.parts):
            if part.runs():
                continue
            if part.name == "fetch":
                self.parts.remove(part)
                for line in last_lines(part.log, 1).splitlines():
                    self.console.print(f"  [dim]données ouvertes · open data:{line}[/]", soft_wrap=True)
                continue
            if not may_restart and part.restarts >= 2:
                raise MeteoError(
                    f"{part.name} does not start; the end of {part.log}:\n{last_lines(part.log)}"
                )
            if time.monotonic() - part.started < _RESTART_PAUSE:
                continue
            part.restarts += 1
            self.console.print(f"  [yellow]{part.name} s’est arrêté, redémarrage · restarting[/]")
            part.start()

    def _forget(self) -> None:
        self.services.stop()
        for name in ("kafka", "postgres"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _stop(self) -> None:
        # Those who write stop before those who keep.
        for name in ("simulator", "fetch", "forecaster", "api", "worker"):
            for part in self.parts:
                if part.name == name:
                    part.stop()
        self.services.stop()
        self.console.print("Tout est arrêté · everything is stopped")

    def _say(self, message: str) -> None:
        self.console.print(f"  [dim]{message}[/]")

    @contextmanager
    def _stage(self, label: str) -> Iterator[Callable[[str], None]]:
        began = time.monotonic()
        with self.console.status(label) as status:

            def tell(detail: str) -> None:
                status.update(f"{label}  [dim]{detail}[/]")

            yield tell
        self.console.print(f"[green]✓[/] {label} [dim]({time.monotonic() - began:.1f} s)[/]")


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
