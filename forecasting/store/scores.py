"""What published forecasts were worth, once the truth had matured: the live verification.

One row per run, series and horizon, appended once. Relative skill is the ratio of summed scores on the same
tasks, ours over the yardstick's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from infra.database import Connection


@dataclass(frozen=True)
class Score:
    """The score of one horizon of one published series.

    Attributes
    ----------
    wis
        Weighted interval score, in the unit of the series.
    baseline_wis
        The same of the persistence yardstick from the same inputs; None where it could not be made.
    pit
        Probability integral transform.
    truth_as_of
        When the truth was read.
    """

    run_id: int
    territory: str
    target: str
    facility: str
    horizon: int
    day: date
    observed: float
    median: float
    wis: float
    baseline_wis: float | None
    covered_50: bool
    covered_80: bool
    covered_95: bool
    pit: float
    truth_as_of: datetime


@dataclass(frozen=True)
class Skill:
    """Scores of one target at one horizon, over the runs of a time.

    Attributes
    ----------
    tasks
        Forecasts scored.
    wis, mean_absolute_error
        Means, in the unit of the series.
    relative_wis
        Summed score over the yardstick's, on the tasks both have; None without one.
    coverage_50, coverage_80, coverage_95
        Shares of truths inside the central intervals.
    """

    target: str
    horizon: int
    tasks: int
    wis: float
    mean_absolute_error: float
    relative_wis: float | None
    coverage_50: float
    coverage_80: float
    coverage_95: float


_COLUMNS = (
    "run_id, territory, target, facility, horizon, day, observed, median, wis, baseline_wis, covered_50,"
    " covered_80, covered_95, pit, truth_as_of"
)


def record_scores(connection: Connection, scores: Iterable[Score]) -> int:
    """Append scores; one that stands is kept. Return how many were given."""
    rows = [
        (
            s.run_id,
            s.territory,
            s.target,
            s.facility,
            s.horizon,
            s.day,
            s.observed,
            s.median,
            s.wis,
            s.baseline_wis,
            s.covered_50,
            s.covered_80,
            s.covered_95,
            s.pit,
            s.truth_as_of,
        )
        for s in scores
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO score ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608 - constant columns
            " ON CONFLICT DO NOTHING",
            rows,
        )
    return len(rows)


def scores(
    connection: Connection,
    territory: str,
    *,
    target: str | None = None,
    facility: str = "",
    since: date | None = None,
    limit: int = 5000,
) -> list[Score]:
    """Return the scores of a territory, the newest day first.

    Parameters
    ----------
    since
        Earliest day scored.
    """
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM score WHERE territory = %(territory)s AND facility = %(facility)s"  # noqa: S608 - constant columns
        " AND (%(target)s::text IS NULL OR target = %(target)s) AND (%(since)s::date IS NULL OR day >= %(since)s)"
        " ORDER BY day DESC, target, horizon, run_id DESC LIMIT %(limit)s",
        {"territory": territory, "facility": facility, "target": target, "since": since, "limit": limit},
    )
    return [Score(*row) for row in rows]


def skill(connection: Connection, territory: str | None = None, *, since: date | None = None) -> list[Skill]:
    """Return mean scores by target and horizon, of one territory or of all; facilities are left out."""
    rows = connection.execute(
        "SELECT target, horizon, count(*), avg(wis), avg(abs(observed - median)),"
        " sum(wis) FILTER (WHERE baseline_wis IS NOT NULL) / nullif(sum(baseline_wis), 0),"
        " avg(covered_50::int)::float8, avg(covered_80::int)::float8, avg(covered_95::int)::float8 FROM score"
        " WHERE facility = '' AND (%(territory)s::text IS NULL OR territory = %(territory)s)"
        " AND (%(since)s::date IS NULL OR day >= %(since)s) GROUP BY target, horizon ORDER BY target, horizon",
        {"territory": territory, "since": since},
    )
    return [Skill(*row) for row in rows]


def unscored_runs(connection: Connection, matured_until: date, since: date) -> list[int]:
    """Return runs that have horizons with matured truth and no score of any of them yet beyond.

    Parameters
    ----------
    matured_until
        Newest day whose truth has matured.
    since
        Runs of earlier origins are not asked for.
    """
    rows = connection.execute(
        "SELECT r.id FROM run r WHERE r.origin >= %(since)s AND r.origin <= %(until)s AND"
        " coalesce((SELECT max(day) FROM score s WHERE s.run_id = r.id), r.origin - 1)"
        " < least(%(until)s::date, r.origin + 14) ORDER BY r.id",
        {"since": since, "until": matured_until},
    )
    return [row[0] for row in rows]
