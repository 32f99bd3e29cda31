"""A served interface over a real database: one world for reading, and fresh ones for what writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from api.application import create_app
from infra.database import Connection, connect
from infra.migrations import migrate
from infra.services.cluster import PostgresCluster
from infra.services.ports import choose_port
from infra.settings import Settings
from infra.world import World
from infra.world_clock import set_clock
from tests.api.published import AS_OF, populate
from tests.fixtures.databases import fresh_database


@dataclass(frozen=True)
class Served:
    """A running interface.

    Attributes
    ----------
    base
        Its address.
    """

    base: str
    app: FastAPI
    settings: Settings
    database_url: str
    world: World

    def connect(self) -> Connection:
        """Open a connection inside the world."""
        return connect(self.database_url, self.world)

    def client(self, language: str = "fr") -> httpx.Client:
        """Return a client that reads in a language."""
        return httpx.Client(base_url=self.base, headers={"Accept-Language": language}, timeout=20)

    @contextmanager
    def operator(self) -> Iterator[httpx.Client]:
        """Lend a client with an operator's session."""
        with self.connect() as connection:
            link = self.app.state.room.sessions.make_link(connection, self.base)
        with self.client() as client:
            assert client.get(link).status_code == 303
            yield client


@contextmanager
def serving(
    database_url: str,
    folder: Path,
    world: str = "demo",
    fill: Callable[[Connection], object] = populate,
    now: datetime = AS_OF + timedelta(hours=2),
) -> Iterator[Served]:
    """Serve a world of that name, its clock standing at `now`."""
    settings = Settings(
        world=world, data_dir=folder, database_url=database_url, kafka_bootstrap="127.0.0.1:1", _env_file=None
    )
    here = settings.this_world
    migrate(database_url, here)
    with connect(database_url, here) as connection:
        set_clock(connection, now, 0.0)
        connection.commit()
        fill(connection)
    app = create_app(settings)
    port = choose_port()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        _await(lambda: server.started and app.state.room.newsroom.listening)
        yield Served(f"http://127.0.0.1:{port}", app, settings, database_url, here)
    finally:
        server.should_exit = True
        thread.join(15)


def _await(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < deadline, "the interface does not start"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def assets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the chart library is kept between the servers of the session."""
    return tmp_path_factory.mktemp("interface")


@pytest.fixture(scope="session")
def served(embedded_server: PostgresCluster, assets_folder: Path) -> Iterator[Served]:
    """Serve the example world, for tests that only read."""
    with fresh_database(embedded_server.url) as address, serving(address, assets_folder) as running:
        yield running


@pytest.fixture
def fresh(embedded_database: str, assets_folder: Path) -> Iterator[Served]:
    """Serve the example world to one test, which may write."""
    with serving(embedded_database, assets_folder) as running:
        yield running


@pytest.fixture
def public(served: Served) -> Iterator[httpx.Client]:
    """Anybody, reading French."""
    with served.client() as client:
        yield client
