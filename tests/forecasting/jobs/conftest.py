"""A migrated world of its own for each test that stores runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.database import Connection, connect
from infra.migrations import migrate
from streams.store.partners import apply_open_data
from tests.forecasting.jobs.reports import WORLD, report


@pytest.fixture
def world_url(embedded_database: str) -> str:
    """Return the address of a database that holds one empty, migrated world."""
    migrate(embedded_database, WORLD)
    return embedded_database


@pytest.fixture
def connection(world_url: str) -> Iterator[Connection]:
    """Open a connection inside the world."""
    with connect(world_url, WORLD) as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def filled(connection: Connection) -> Connection:
    """Return the connection of a world with 150 days of reports of two départements."""
    apply_open_data(connection)
    report(connection, "44", level=12.0)
    report(connection, "49", level=5.0)
    connection.commit()
    return connection
