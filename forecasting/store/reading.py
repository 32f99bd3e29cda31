"""Reading what runs published: always the newest run at or before a moment that speaks of what is asked.

A run may cover one territory only, so the newest bulletin of a territory is asked for by territory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from forecasting.run import (
    Message,
    RunRecord,
    SeriesForecast,
    Target,
    TerritoryBulletin,
    VigilanceDay,
)
from forecasting.store import canonical
from forecasting.store.encoding import freshness_of, leadlag_of, message_of
from infra.database import Connection

_RUN = (
    "r.id, r.cycle, r.origin, r.as_of, r.created, r.reason, r.scope, r.seed, r.code_digest, r.config_digest,"
    " r.rules_digest, r.panel_digest, r.state_digest, r.manifest, r.previous_digest, r.digest, r.trust"
)
_BULLETIN = (
    "b.territory, b.trust, b.trust_causes, b.colour, b.headline_day, b.headline_unit, b.message_key,"
    " b.message_params, b.freshness, b.leadlag, b.valid_until"
)
_DAY = (
    "territory, facility, unit, day, horizon, colour, raw_colour, probability, beds_needed, beds_free, basis,"
    " driver"
)
_SERIES = (
    "s.territory, s.target, s.facility, s.unit_of_measure, s.horizons, s.levels, s.quantiles, s.mean, s.draws,"
    " s.models, s.explanation"
)
RUN_COLUMNS = 17


def _run(row: tuple[Any, ...]) -> RunRecord:
    digests = [value.hex() for value in row[8:13]]
    return RunRecord(
        id=row[0],
        cycle=row[1],
        origin=row[2],
        as_of=row[3].astimezone(UTC),
        created=row[4].astimezone(UTC),
        reason=row[5],
        scope=row[6],
        seed=row[7],
        code_digest=digests[0],
        config_digest=digests[1],
        rules_digest=digests[2],
        panel_digest=digests[3],
        state_digest=digests[4],
        manifest=row[13],
        previous_digest=row[14].hex() if row[14] else None,
        digest=row[15].hex(),
        trust=row[16],
    )


def _bulletin(row: tuple[Any, ...], days: Iterable[VigilanceDay]) -> TerritoryBulletin:
    return TerritoryBulletin(
        territory=row[0],
        trust=row[1],
        trust_causes=tuple(message_of(m) for m in row[2]),
        colour=row[3],
        headline_day=row[4],
        headline_unit=row[5],
        message=Message(row[6], row[7]),
        freshness=tuple(freshness_of(f) for f in row[8]),
        leadlag=tuple(leadlag_of(r) for r in row[9]),
        valid_until=row[10].astimezone(UTC),
        days=tuple(days),
    )


def _days(connection: Connection, run_id: int, territory: str | None = None) -> dict[str, list[VigilanceDay]]:
    rows = connection.execute(
        f"SELECT {_DAY} FROM run_day WHERE run_id = %s AND (%s::text IS NULL OR territory = %s)"  # noqa: S608 - constant columns
        " ORDER BY territory, facility, unit, horizon",
        (run_id, territory, territory),
    )
    found: dict[str, list[VigilanceDay]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(VigilanceDay(*row))
    return found


def _series(row: tuple[Any, ...]) -> SeriesForecast:
    horizons = tuple(row[4])
    draws = None if row[8] is None else np.frombuffer(row[8], dtype="<f4").reshape(len(horizons), -1)
    return SeriesForecast(
        territory=row[0],
        target=Target.parse(row[1]),
        facility=row[2],
        unit_of_measure=row[3],
        horizons=horizons,
        levels=tuple(row[5]),
        quantiles=np.asarray(row[6], dtype=np.float64),
        mean=np.asarray(row[7], dtype=np.float64),
        draws=draws,
        models=row[9],
        explanation=row[10],
    )


def run(connection: Connection, run_id: int) -> RunRecord | None:
    """Return the run of that number, or None."""
    row = connection.execute(f"SELECT {_RUN} FROM run r WHERE r.id = %s", (run_id,)).fetchone()  # noqa: S608 - constant columns
    return _run(row) if row else None


def runs(connection: Connection, limit: int = 50, before: int | None = None) -> list[RunRecord]:
    """Return runs, the newest first.

    Parameters
    ----------
    before
        Only runs with a number below this one.
    """
    rows = connection.execute(
        f"SELECT {_RUN} FROM run r WHERE (%s::bigint IS NULL OR r.id < %s) ORDER BY r.id DESC LIMIT %s",  # noqa: S608 - constant columns
        (before, before, limit),
    )
    return [_run(row) for row in rows]


def bulletin(connection: Connection, run_id: int, territory: str) -> TerritoryBulletin | None:
    """Return the bulletin of a territory in one run, or None when the run does not speak of it."""
    row = connection.execute(
        f"SELECT {_BULLETIN} FROM run_territory b WHERE b.run_id = %s AND b.territory = %s",  # noqa: S608 - constant columns
        (run_id, territory),
    ).fetchone()
    return _bulletin(row, _days(connection, run_id, territory)[territory]) if row else None


def latest_bulletin(
    connection: Connection, territory: str, as_of: datetime | None = None
) -> tuple[RunRecord, TerritoryBulletin] | None:
    """Return the newest bulletin of a territory, of a run whose as-of is at or before `as_of`."""
    row = connection.execute(
        f"SELECT {_RUN}, {_BULLETIN} FROM run_territory b JOIN run r ON r.id = b.run_id"  # noqa: S608 - constant columns
        " WHERE b.territory = %s AND (%s::timestamptz IS NULL OR r.as_of <= %s)"
        " ORDER BY r.as_of DESC, r.id DESC LIMIT 1",
        (territory, as_of, as_of),
    ).fetchone()
    if row is None:
        return None
    record = _run(row[:RUN_COLUMNS])
    days = _days(connection, record.id, territory)[territory]
    return record, _bulletin(row[RUN_COLUMNS:], days)


def latest_bulletins(
    connection: Connection, as_of: datetime | None = None
) -> list[tuple[RunRecord, TerritoryBulletin]]:
    """Return the newest bulletin of every territory, ordered by territory."""
    rows = connection.execute(
        f"SELECT DISTINCT ON (b.territory) {_RUN}, {_BULLETIN} FROM run_territory b"  # noqa: S608 - constant columns
        " JOIN run r ON r.id = b.run_id WHERE (%s::timestamptz IS NULL OR r.as_of <= %s)"
        " ORDER BY b.territory, r.as_of DESC, r.id DESC",
        (as_of, as_of),
    ).fetchall()
    days = {run_id: _days(connection, run_id) for run_id in {row[0] for row in rows}}
    found = [(_run(row[:RUN_COLUMNS]), row[RUN_COLUMNS:]) for row in rows]
    return [(record, _bulletin(rest, days[record.id][rest[0]])) for record, rest in found]


def series(
    connection: Connection,
    territory: str,
    target_key: str,
    as_of: datetime | None = None,
    facility: str = "",
) -> tuple[RunRecord, SeriesForecast] | None:
    """Return the newest forecast of a target of a territory (or of one of its facilities)."""
    row = connection.execute(
        f"SELECT {_RUN}, {_SERIES} FROM run_series s JOIN run r ON r.id = s.run_id"  # noqa: S608 - constant columns
        " WHERE s.territory = %s AND s.target = %s AND s.facility = %s"
        " AND (%s::timestamptz IS NULL OR r.as_of <= %s) ORDER BY r.as_of DESC, r.id DESC LIMIT 1",
        (territory, target_key, facility, as_of, as_of),
    ).fetchone()
    return (_run(row[:RUN_COLUMNS]), _series(row[RUN_COLUMNS:])) if row else None


def run_series(connection: Connection, run_id: int) -> list[SeriesForecast]:
    """Return every series of one run, ordered by territory, target and facility."""
    rows = connection.execute(
        f"SELECT {_SERIES} FROM run_series s WHERE s.run_id = %s"  # noqa: S608 - constant columns
        ' ORDER BY s.territory COLLATE "C", s.target COLLATE "C", s.facility COLLATE "C"',
        (run_id,),
    )
    return [_series(row) for row in rows]


def run_bulletins(connection: Connection, run_id: int) -> list[TerritoryBulletin]:
    """Return every bulletin of one run, ordered by territory."""
    days = _days(connection, run_id)
    rows = connection.execute(
        f"SELECT {_BULLETIN} FROM run_territory b WHERE b.run_id = %s ORDER BY b.territory",  # noqa: S608 - constant columns
        (run_id,),
    )
    return [_bulletin(row, days[row[0]]) for row in rows]


def targets(
    connection: Connection, territory: str, as_of: datetime | None = None, facility: str = ""
) -> list[str]:
    """Return the keys of the targets in the newest run that speaks of a territory."""
    rows = connection.execute(
        "SELECT target FROM run_series WHERE territory = %s AND facility = %s AND run_id = ("
        " SELECT r.id FROM run_territory b JOIN run r ON r.id = b.run_id WHERE b.territory = %s"
        " AND (%s::timestamptz IS NULL OR r.as_of <= %s) ORDER BY r.as_of DESC, r.id DESC LIMIT 1)"
        " ORDER BY target",
        (territory, facility, territory, as_of, as_of),
    )
    return [row[0] for row in rows]


def facilities(connection: Connection, territory: str, as_of: datetime | None = None) -> list[str]:
    """Return the facilities forecast in the newest run that speaks of a territory; private unless opened."""
    rows = connection.execute(
        "SELECT DISTINCT facility FROM run_series WHERE territory = %s AND facility <> '' AND run_id = ("
        " SELECT r.id FROM run_territory b JOIN run r ON r.id = b.run_id WHERE b.territory = %s"
        " AND (%s::timestamptz IS NULL OR r.as_of <= %s) ORDER BY r.as_of DESC, r.id DESC LIMIT 1)"
        " ORDER BY facility",
        (territory, territory, as_of, as_of),
    )
    return [row[0] for row in rows]


def inputs(connection: Connection, run_id: int) -> dict[str, bytes]:
    """Return the canonical bytes of everything a run read, by name."""
    rows = connection.execute(
        "SELECT i.name, c.content FROM run_input i JOIN run_content c USING (digest)"
        " WHERE i.run_id = %s ORDER BY i.name",
        (run_id,),
    )
    return {name: canonical.decompress(content) for name, content in rows}


def states(connection: Connection, scope: str, as_of: datetime) -> dict[str, bytes]:
    """Return the newest model state of a scope that a run before `as_of` left, by name.

    Strictly before: a run made twice starts twice from the same state.
    """
    rows = connection.execute(
        "SELECT DISTINCT ON (m.name) m.name, c.content FROM model_state m JOIN run_content c USING (digest)"
        " WHERE m.scope = %s AND m.as_of < %s ORDER BY m.name, m.as_of DESC, m.run_id DESC",
        (scope, as_of),
    )
    return {name: canonical.decompress(content) for name, content in rows}


def last_moments(connection: Connection) -> tuple[datetime | None, datetime | None]:
    """Return the as-of of the newest run of a cycle, and of the newest run for whatever reason."""
    row = connection.execute(
        "SELECT max(as_of) FILTER (WHERE reason IN ('cycle', 'catch-up')), max(as_of) FROM run"
    ).fetchone()
    return (row[0], row[1]) if row else (None, None)


def published_ahead(
    connection: Connection, target: str, as_of: datetime, first: date
) -> dict[tuple[str, str], tuple[list[float], list[float]]]:
    """Return what cycles published of a target one and seven days ahead.

    Parameters
    ----------
    as_of
        Only runs before this moment.
    first
        Earliest origin.

    Returns
    -------
    dict
        Quantiles of days 1 and 7, by territory and origin (ISO text); the newest run of each origin.
    """
    rows = connection.execute(
        "SELECT DISTINCT ON (s.territory, r.origin) s.territory, r.origin, s.quantiles[2:2], s.quantiles[8:8]"
        " FROM run_series s JOIN run r ON r.id = s.run_id WHERE s.target = %s AND s.facility = ''"
        " AND r.reason IN ('cycle', 'catch-up') AND r.as_of < %s AND r.origin >= %s"
        " ORDER BY s.territory, r.origin, r.as_of DESC, r.id DESC",
        (target, as_of, first),
    )
    return {(row[0], row[1].isoformat()): (row[2][0], row[3][0]) for row in rows}
