"""Counts as they were known at a moment: from count reports, and from individual events counted by day.

A row of `observation` is in force at T when `reported <= T` and it was not superseded by T; that single
condition picks the latest revision known then, whichever date or place an earlier one named, and leaves out
what was cancelled or retracted. What erased events had added stays, as changes by the moment they became known.

Sources are never added unless their agreements declare them disjoint; of several that tell the same count the
one with the smallest precedence is read. `all` is every cause together: an explicit report, or else every
individual event of that source. A day on which a source of individual events was heard, and on which it saw
none of a syndrome, is a zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import LiteralString

import numpy as np
import pandas as pd

from infra.database import Connection
from streams.store.partners import agreements_in_force, source_groups

COLUMNS = [
    "place",
    "facility",
    "signal",
    "syndrome",
    "age_band",
    "reference_date",
    "reference_end",
    "value",
    "reported",
    "partner",
]
_SERIES = ["signal", "syndrome", "place", "facility", "age_band", "reference_date", "reference_end"]

IN_FORCE: LiteralString = (
    "o.reported <= %(as_of)s AND (o.superseded IS NULL OR o.superseded > %(as_of)s) AND o.kind <> 'cancel'"
)
_SCOPE: LiteralString = """
    {a}.signal = ANY(%(signals)s) AND {a}.place = ANY(%(places)s)
    AND {a}.reference_date >= %(start)s AND {a}.reference_date < %(end)s
"""

_REPORTS: LiteralString = f"""
    SELECT o.partner, o.signal, o.syndrome, o.place, coalesce(o.facility, '') AS facility, o.age_band,
           o.reference_date, o.reference_end, o.value, o.reported, coalesce(o.unit, '') AS unit
    FROM observation o
    WHERE NOT o.individual AND o.sex = 'all' AND o.syndrome = ANY(%(syndromes)s)
      AND o.age_band = ANY(%(age_bands)s) AND {_SCOPE.replace("{a}", "o")} AND {IN_FORCE}
"""  # noqa: S608 - only constants of this module
_EVENTS: LiteralString = f"""
    SELECT partner, signal, syndrome, place, facility, age_band, reference_date, reference_end,
           sum(value) AS value, max(reported) AS reported
    FROM (
        SELECT o.partner, o.signal, o.syndrome, o.place, coalesce(o.facility, '') AS facility, o.age_band,
               o.reference_date, o.reference_end, o.value, o.reported
        FROM observation o
        WHERE o.individual AND {_SCOPE.replace("{a}", "o")} AND {IN_FORCE}
        UNION ALL
        SELECT r.partner, r.signal, r.syndrome, r.place, coalesce(r.facility, ''), r.age_band,
               r.reference_date, r.reference_end, r.change, r.known
        FROM retained_count r
        WHERE {_SCOPE.replace("{a}", "r")} AND r.known <= %(as_of)s
    ) known
    GROUP BY partner, signal, syndrome, place, facility, age_band, reference_date, reference_end
"""  # noqa: S608 - only constants of this module


def read_counts(
    connection: Connection,
    *,
    signals: Sequence[str],
    syndromes: Sequence[str],
    places: Sequence[str],
    start: date,
    end: date,
    as_of: datetime,
    by_facility: bool = False,
    age_bands: Sequence[str] = ("all",),
) -> pd.DataFrame:
    """Read counts, stocks and rates as they were known at a moment.

    Parameters
    ----------
    signals, syndromes, places
        Keys of the vocabulary; a place is read as reported for it, never summed from those it contains.
    start, end
        Civil dates, the end excluded.
    as_of
        Moment of knowledge, aware.
    by_facility
        Whether to keep hospitals apart; otherwise they are summed into their place, where no report of
        the place as a whole is known.
    age_bands
        Bands to return; `all` is an explicit report or every event.

    Returns
    -------
    pandas.DataFrame
        Columns place, facility (empty for the whole place), signal, syndrome, age_band, reference_date
        and reference_end (datetime64), value (float), reported (UTC; when the newest part of the value became
        known), partner (keys joined by `+` where disjoint sources are added); sorted, one row a series and date.
    """
    wanted = {
        "signals": list(signals),
        "syndromes": list(syndromes),
        "places": list(places),
        "start": start,
        "end": end,
        "as_of": as_of,
        "age_bands": list(age_bands),
    }
    reports = _fetch(connection, _REPORTS, wanted, ["unit"])
    events = _fetch(connection, _EVENTS, wanted, [])
    rows = [_fold_units(reports)]
    if len(events):
        rows.append(_count_events(events, list(syndromes), list(age_bands)))
    by_source = pd.concat(rows, ignore_index=True)
    # A report of the source itself is read before a count of its events.
    by_source = by_source.drop_duplicates(["partner", *_SERIES], keep="first")
    if not by_facility:
        by_source = _fold_facilities(by_source)
    return _choose_sources(connection, by_source)


def read_triangle(
    connection: Connection,
    *,
    signal: str,
    syndrome: str,
    place: str,
    start: date,
    end: date,
    as_of: datetime,
    partner: str | None = None,
) -> pd.DataFrame:
    """Read how the counts of each day grew as reports came in: the reporting triangle of a series.

    Parameters
    ----------
    partner
        Source to read; when None, the one that `read_counts` reads on most of the days.

    Returns
    -------
    pandas.DataFrame
        Columns reference_date (datetime64), known (UTC), value: the count of that day from `known` on.
        Sorted by both; the last step of each day is what is known at `as_of`.
    """
    if partner is None:
        counts = read_counts(
            connection,
            signals=[signal],
            syndromes=[syndrome],
            places=[place],
            start=start,
            end=end,
            as_of=as_of,
        )
        if counts.empty:
            return pd.DataFrame(
                {
                    "reference_date": pd.Series(dtype="datetime64[us]"),
                    "known": pd.Series(dtype="datetime64[us, UTC]"),
                    "value": pd.Series(dtype=float),
                }
            )
        partner = str(counts["partner"].mode().iloc[0])
    wanted = {
        "signal": signal,
        "syndrome": syndrome,
        "place": place,
        "start": start,
        "end": end,
        "as_of": as_of,
        "partners": partner.split("+"),
    }
    rows = connection.execute(_TRIANGLE, wanted).fetchall()
    steps = pd.DataFrame(rows, columns=["reference_date", "known", "value"])
    steps["reference_date"] = pd.to_datetime(steps["reference_date"]).astype("datetime64[us]")
    steps["known"] = pd.to_datetime(steps["known"], utc=True)
    steps["value"] = steps["value"].astype(float)
    return steps


# Each revision adds its value when it becomes known and takes it away when it is superseded. Reports and
# events are not added to each other: events count only on days without any report.
_TRIANGLE: LiteralString = """
    WITH part AS (
        SELECT o.reference_date, o.individual, o.value, o.reported, o.superseded
        FROM observation o
        WHERE o.signal = %(signal)s AND o.place = %(place)s AND o.partner = ANY(%(partners)s)
          AND o.reference_date >= %(start)s AND o.reference_date < %(end)s AND o.kind <> 'cancel'
          AND o.reported <= %(as_of)s AND (o.superseded IS NULL OR o.superseded > o.reported)
          AND CASE WHEN o.individual THEN %(syndrome)s IN ('all', o.syndrome)
                   ELSE o.syndrome = %(syndrome)s AND o.age_band = 'all' AND o.sex = 'all' END
    ), change AS (
        SELECT reference_date, individual, reported AS known, value AS change FROM part
        UNION ALL
        SELECT reference_date, individual, superseded, -value FROM part WHERE superseded <= %(as_of)s
        UNION ALL
        SELECT reference_date, true, known, r.change FROM retained_count r
        WHERE r.signal = %(signal)s AND r.place = %(place)s AND r.partner = ANY(%(partners)s)
          AND r.reference_date >= %(start)s AND r.reference_date < %(end)s AND r.known <= %(as_of)s
          AND %(syndrome)s IN ('all', r.syndrome)
    ), told AS (
        SELECT c.reference_date, c.known, sum(c.change) AS change FROM change c
        WHERE NOT c.individual
           OR NOT EXISTS (SELECT 1 FROM part p WHERE p.reference_date = c.reference_date AND NOT p.individual)
        GROUP BY 1, 2
    )
    SELECT reference_date, known, sum(change) OVER (PARTITION BY reference_date ORDER BY known) FROM told
    ORDER BY 1, 2
"""


def _fetch(
    connection: Connection, query: LiteralString, wanted: dict[str, object], more: list[str]
) -> pd.DataFrame:
    names = ["partner", *_SERIES, "value", "reported", *more]
    # Years of individual events are grouped in memory; the setting ends with the transaction.
    connection.execute("SELECT set_config('work_mem', '128MB', true)")
    cursor = connection.execute(query, wanted)
    rows = cursor.fetchall()
    frame = pd.DataFrame(rows, columns=names).astype({"value": float})
    for name in ("reference_date", "reference_end"):
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    frame["reported"] = pd.to_datetime(frame["reported"], utc=True).astype("datetime64[us, UTC]")
    return frame


def _fold_units(reports: pd.DataFrame) -> pd.DataFrame:
    """Sum the units of a hospital, unless the hospital told its own figure."""
    # Two identities for one series and date contradict each other: the newest source version is read.
    reports = reports.drop_duplicates(["partner", *_SERIES, "unit"], keep="first")
    of_unit = reports["unit"] != ""
    whole = reports[~of_unit].drop(columns="unit")
    if not of_unit.any():
        return whole
    units = _sum(reports[of_unit].drop(columns="unit"), ["partner", *_SERIES])
    return pd.concat([whole, units], ignore_index=True).drop_duplicates(["partner", *_SERIES], keep="first")


def _sum(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    return rows.groupby(by, as_index=False, observed=True, sort=False).agg(
        value=("value", "sum"), reported=("reported", "max")
    )


def _count_events(events: pd.DataFrame, syndromes: list[str], age_bands: list[str]) -> pd.DataFrame:
    """Count events by syndrome and by age, every cause and every age included, with their zeros."""
    by = ["partner", *_SERIES]
    frames = []
    for band in age_bands:
        of_band = events.assign(age_band="all") if band == "all" else events[events["age_band"] == band]
        heard = _sum(events.assign(age_band=band, syndrome="all"), by)
        for syndrome in syndromes:
            of_syndrome = of_band if syndrome == "all" else of_band[of_band["syndrome"] == syndrome]
            seen = _sum(of_syndrome.assign(syndrome=syndrome), by)
            zeros = heard.assign(syndrome=syndrome, value=0.0)
            frames.append(pd.concat([seen, zeros], ignore_index=True).drop_duplicates(by, keep="first"))
    return pd.concat(frames, ignore_index=True)


def _fold_facilities(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum a source's hospitals into their place, unless the source told the place's own figure."""
    of_hospital = rows["facility"] != ""
    if not of_hospital.any():
        return rows
    folded = _sum(rows[of_hospital].assign(facility=""), ["partner", *_SERIES])
    return pd.concat([rows[~of_hospital], folded], ignore_index=True).drop_duplicates(
        ["partner", *_SERIES], keep="first"
    )


def _choose_sources(connection: Connection, rows: pd.DataFrame) -> pd.DataFrame:
    """Keep, for each series and date, the set of disjoint sources that takes precedence, and add its parts."""
    if rows.empty:
        return rows.reindex(columns=COLUMNS)
    rows = rows.sort_values([*_SERIES, "partner"], kind="stable", ignore_index=True)
    if rows["partner"].nunique() > 1:
        rows = _take_precedence(connection, rows)
    return rows.reindex(columns=COLUMNS).sort_values(
        ["place", "facility", "signal", "syndrome", "age_band", "reference_date"],
        kind="stable",
        ignore_index=True,
    )


def _take_precedence(connection: Connection, rows: pd.DataFrame) -> pd.DataFrame:
    groups = source_groups(known.agreement for known in agreements_in_force(connection).values())
    ranks = {
        partner: rank
        for rank, (_, members) in enumerate(
            sorted(_members(list(rows["partner"].unique()), groups).items(), key=lambda item: item[0])
        )
        for partner in members
    }
    rank = rows["partner"].map(ranks).to_numpy()
    best = rows.assign(rank=rank).groupby(_SERIES, sort=False)["rank"].transform("min").to_numpy()
    rows = rows[np.equal(rank, best)]
    added = rows.groupby(_SERIES, as_index=False, sort=False).agg(
        value=("value", "sum"), reported=("reported", "max"), partner=("partner", "+".join)
    )
    return added


def _members(partners: list[str], groups: dict[str, tuple[int, str]]) -> dict[tuple[int, str], list[str]]:
    """Return the partners of each set of disjoint sources, by (precedence, name)."""
    found: dict[tuple[int, str], list[str]] = {}
    for partner in partners:
        # A partner whose agreement is not there any more is a source of its own, read last.
        found.setdefault(groups.get(partner, (1_000_000, partner)), []).append(partner)
    return found
