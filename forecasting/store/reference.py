"""Versioned data that runs read by name: colour rules, capacities, stay tables. Appended, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from forecasting.run import Colour
from forecasting.store import canonical
from infra.database import Connection


def reference_document(connection: Connection, name: str) -> tuple[int, Mapping[str, Any]] | None:
    """Return the newest version of a reference table and its document, or None when there is none."""
    row = connection.execute(
        "SELECT version, document FROM reference_table WHERE name = %s ORDER BY version DESC LIMIT 1", (name,)
    ).fetchone()
    return (row[0], row[1]) if row else None


def append_reference(connection: Connection, name: str, document: Mapping[str, Any]) -> int:
    """Append a version of a reference table; the same content again is no version.

    Returns
    -------
    int
        The version in force, counted from 1.
    """
    known = reference_document(connection, name)
    if known is not None and canonical.document(known[1]) == canonical.document(dict(document)):
        return known[0]
    version = known[0] + 1 if known else 1
    content = canonical.document(dict(document))
    connection.execute(
        "INSERT INTO reference_table (name, version, document, digest) VALUES (%s, %s, %s, %s)",
        (name, version, Jsonb(dict(document)), bytes.fromhex(canonical.digest(content))),
    )
    return version


def previous_colours(
    connection: Connection, hour: str, as_of: datetime, first_day: date
) -> dict[tuple[str, str, str, str], Colour]:
    """Return what the rule said at the newest earlier cycle of the same hour that could know.

    Parameters
    ----------
    hour
        Civil time of day of the cycle, `05:30`.
    as_of
        The run's as-of; cycles of the four days before it count.
    first_day
        Civil date from which days are wanted.

    Returns
    -------
    dict
        Raw colour by territory, facility, unit and day (ISO text).
    """
    rows = connection.execute(
        "SELECT DISTINCT ON (d.territory, d.facility, d.unit, d.day)"
        " d.territory, d.facility, d.unit, d.day, d.raw_colour FROM run_day d JOIN run r ON r.id = d.run_id"
        " WHERE r.reason IN ('cycle', 'catch-up') AND right(r.cycle, 5) = %(hour)s"
        " AND r.as_of < %(as_of)s AND r.as_of >= %(as_of)s - interval '4 days'"
        " AND d.day >= %(day)s AND d.raw_colour <> 'grey'"
        " ORDER BY d.territory, d.facility, d.unit, d.day, r.as_of DESC, r.id DESC",
        {"hour": hour, "as_of": as_of, "day": first_day},
    )
    return {(row[0], row[1], row[2], row[3].isoformat()): row[4] for row in rows}
