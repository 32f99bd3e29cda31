"""What an edition of TimescaleDB adds to the same tables, applied again and again without harm.

| edition | hypertables | columnstore |
|---|---|---|
| plain PostgreSQL | no | no |
| TimescaleDB Apache | yes | no |
| TimescaleDB Community | yes | yes |

Retention of observations is our own erasure, since it must leave tombstones; no edition's policy is used for
it. An edition can change under a living database: `meteo db tune` then adds what the new one has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from infra.database import Connection, has_extension

# Table, time column, chunk, segment-by for the columnstore. Chunks are wide, since an identity is looked for in each.
_HYPERTABLES: tuple[tuple[LiteralString, LiteralString, LiteralString, LiteralString], ...] = (
    ("observation", "reference_date", "365 days", "partner, signal"),
)


@dataclass(frozen=True)
class Tuning:
    """What was found and done.

    Attributes
    ----------
    edition
        `postgresql`, `timescaledb-apache` or `timescaledb-community`.
    done
        One line for each thing in force after the call.
    """

    edition: str
    done: tuple[str, ...]


def edition_of(connection: Connection) -> str:
    """Return the edition that serves this database, whether or not its extension is made yet."""
    row = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    preloaded = connection.execute("SHOW shared_preload_libraries").fetchone()
    if row is None or preloaded is None or "timescaledb" not in preloaded[0]:
        return "postgresql"
    licence = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    return "timescaledb-community" if licence and licence[0] == "timescale" else "timescaledb-apache"


def tune(connection: Connection) -> Tuning:
    """Give the world's tables what the edition has; committed by the caller.

    Needs the right to create the extension the first time (superuser or a trusted owner).
    """
    edition = edition_of(connection)
    if edition == "postgresql":
        return Tuning(edition, ("plain tables: this PostgreSQL has no TimescaleDB",))
    if not has_extension(connection, "timescaledb"):
        connection.execute("CREATE EXTENSION timescaledb SCHEMA public")
    done: list[str] = []
    for table, column, chunk, segment in _HYPERTABLES:
        connection.execute(
            "SELECT create_hypertable(format('%%I.%%I', current_schema(), %s::text)::regclass, %s::name,"
            " chunk_time_interval => %s::interval, if_not_exists => true, migrate_data => true)",
            (table, column, chunk),
        )
        done.append(f"{table}: hypertable by {column}, chunks of {chunk}")
        if edition == "timescaledb-community":
            connection.execute(
                f"ALTER TABLE {table} SET (timescaledb.enable_columnstore = true,"
                f" timescaledb.segmentby = '{segment}', timescaledb.orderby = '{column}')"
            )
            connection.execute(
                "CALL add_columnstore_policy(format('%%I.%%I', current_schema(), %s::text)::regclass,"
                " after => INTERVAL '90 days', if_not_exists => true)",
                (table,),
            )
            done.append(f"{table}: columnstore after 90 days, segmented by {segment}")
    return Tuning(edition, tuple(done))
