"""A migrated world of its own for each test that stores runs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from infra.database import Connection, connect, drop_world
from infra.migrations import migrate
from infra.world import World

WORLD = World.named("demo_runs")


@pytest.fixture
def database_url() -> str:
    """Return the address of the database."""
    return os.environ["METEO_TEST_EMBEDDED_URL"]


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """Open a connection inside an empty, migrated world, erased afterwards."""
    with connect(database_url, WORLD) as opened:
        drop_world(opened, WORLD)
        opened.commit()
    migrate(database_url, WORLD)
    with connect(database_url, WORLD) as opened:
        yield opened
        opened.rollback()
    with connect(database_url, WORLD) as opened:
        drop_world(opened, WORLD)
