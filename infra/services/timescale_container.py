"""TimescaleDB Community edition in a container, for tests, where an engine answers.

The image's name carries no registry: the engine's own settings say where images come from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass

import psycopg

from infra.errors import MeteoError
from infra.services import ports
from infra.services.jars import Say

IMAGE = "timescale/timescaledb:latest-pg17"
_ENGINES = ("docker", "podman")
_PULL_SECONDS = 600
_START_SECONDS = 60.0


@dataclass(frozen=True)
class ContainerServer:
    """A server in a container.

    Attributes
    ----------
    engine
        Program that runs it.
    container
        Its identifier.
    port
        Port on the loopback address.
    """

    engine: str
    container: str
    port: int

    def url(self, database: str = "postgres") -> str:
        """Return the address of one of its databases."""
        return f"postgresql://postgres@{ports.LOOPBACK}:{self.port}/{database}"

    def stop(self) -> None:
        """Stop the container; it was started to be removed then, with its data."""
        _run([self.engine, "stop", "--time", "5", self.container], 60)

    def answers(self) -> bool:
        """Return whether the server accepts connections."""
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def start(say: Say | None = None) -> ContainerServer:
    """Start a container and return when its server answers.

    Raises
    ------
    MeteoError
        When no engine answers, the image cannot be had, or the server does not start.
    """
    engine = _answering_engine()
    image = os.environ.get("METEO_TEST_TIMESCALE_IMAGE", IMAGE)
    if say:
        say(f"starting {image} with {engine}")
    port = ports.choose_port()
    words = [engine, "run", "--detach", "--rm", "--publish", f"{ports.LOOPBACK}:{port}:5432"]
    words += ["--env", "POSTGRES_HOST_AUTH_METHOD=trust", image]
    words += ["-c", "fsync=off", "-c", "timescaledb.telemetry_level=off"]
    result = _run(words, _PULL_SECONDS)
    if result.returncode != 0:
        raise MeteoError(f"{engine} cannot run {image}: {result.stderr.strip()[-300:]}")
    server = ContainerServer(engine, result.stdout.strip(), port)
    if not _wait(server):
        server.stop()
        raise MeteoError(f"{image} did not answer within {_START_SECONDS:.0f} s")
    return server


def _wait(server: ContainerServer) -> bool:
    """Wait until the server answers twice: the image starts it once to prepare the data, then again."""
    deadline = time.monotonic() + _START_SECONDS
    answers_in_a_row = 0
    while time.monotonic() < deadline and answers_in_a_row < 2:
        answers_in_a_row = answers_in_a_row + 1 if server.answers() else 0
        time.sleep(1)
    return answers_in_a_row == 2


def _answering_engine() -> str:
    installed = [engine for engine in _ENGINES if shutil.which(engine)]
    for engine in installed:
        if _run([engine, "info"], 10).returncode == 0:
            return engine
    raise MeteoError(
        f"{' and '.join(installed)} installed but not answering" if installed else "none installed"
    )


def _run(words: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - our own words
            words, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"no answer within {seconds:.0f} s")
