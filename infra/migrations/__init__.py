"""Migrations of a world's schema, by Alembic, the same on every edition of the database.

The SQL of each step stands in `versions/`, upward and downward. The version is kept inside the schema, so
each world migrates alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from infra.world import World


def _engine(database_url: str, world: World) -> Engine:
    address = database_url.replace("postgresql://", "postgresql+psycopg://", 1).replace(
        "postgres://", "postgresql+psycopg://", 1
    )
    options = f"-c search_path={world.schema},public -c timezone=UTC"
    return create_engine(address, poolclass=NullPool, connect_args={"options": options})


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def migrate(database_url: str, world: World, revision: str = "head") -> None:
    """Bring the schema of `world` up to `revision`, making it first when it is not there.

    One process migrates at a time: a lock of the transaction makes the others wait and find it done.
    """
    _run(database_url, world, lambda config: command.upgrade(config, revision))


def downgrade(database_url: str, world: World, revision: str) -> None:
    """Take the schema of `world` back down to `revision` (`base` for an empty schema)."""
    _run(database_url, world, lambda config: command.downgrade(config, revision))


def _run(database_url: str, world: World, action: Callable[[Config], None]) -> None:
    engine = _engine(database_url, world)
    config = _config()
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('meteo migrate'))"))
        connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{world.schema}"'))
        config.attributes["connection"] = connection
        config.attributes["schema"] = world.schema
        action(config)
    engine.dispose()
