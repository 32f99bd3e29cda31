"""The database of a world: one pool per process, every connection inside the world's schema.

Three bases are served by the same code: the embedded PostgreSQL, PostgreSQL with TimescaleDB Apache, and
TimescaleDB Community. What an edition adds is applied by `infra.tuning`, never asked for by a query.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from infra.errors import MeteoError
from infra.world import World

Connection = psycopg.Connection[tuple[Any, ...]]


def _search_path(world: World) -> str:
    return f"-c search_path={world.schema},public -c timezone=UTC"


def connect(database_url: str, world: World, *, autocommit: bool = False) -> Connection:
    """Open one connection inside the schema of `world`.

    Raises
    ------
    MeteoError
        When no server answers at that address.
    """
    try:
        return psycopg.connect(database_url, options=_search_path(world), autocommit=autocommit)
    except psycopg.OperationalError as error:
        raise MeteoError(f"no database answers at METEO_DATABASE_URL: {error}".strip()) from error


def open_pool(database_url: str, world: World, *, size: int = 8) -> ConnectionPool[Connection]:
    """Open the process's pool; connections that broke are replaced, so a restart of the server heals alone."""
    return ConnectionPool(
        database_url,
        min_size=1,
        max_size=size,
        kwargs={"options": _search_path(world)},
        check=ConnectionPool.check_connection,
        name=world.name,
        open=True,
    )


def has_extension(connection: Connection, name: str) -> bool:
    """Return whether an extension is installed in this database."""
    row = connection.execute("SELECT 1 FROM pg_extension WHERE extname = %s", (name,)).fetchone()
    return row is not None


@contextmanager
def advisory_lock(connection: Connection, name: str) -> Iterator[bool]:
    """Hold the session lock of that name, or yield False when another process has it.

    The name is scoped by the connection's schema, so worlds do not wait for each other. The caller's
    transaction is left as it was: taken and released outside any of the caller's transactions.
    """
    key = "hashtextextended(current_schema() || '/' || %s, 0)"
    query: LiteralString = f"SELECT pg_try_advisory_lock({key})"
    row = connection.execute(query, (name,)).fetchone()
    held = bool(row and row[0])
    try:
        yield held
    finally:
        if held:
            release: LiteralString = f"SELECT pg_advisory_unlock({key})"
            connection.execute(release, (name,))


def drop_world(connection: Connection, world: World) -> None:
    """Erase a world's schema with everything in it.

    Raises
    ------
    MeteoError
        For the operational world, which is never erased by a program.
    """
    if world.is_operational:
        raise MeteoError(f"world {world.name!r} is operational: drop its schema by hand if you mean it")
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(world.schema)))
