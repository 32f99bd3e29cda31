"""Counts as a reader may see them: as known at a published cycle, small ones hidden, small corrections held back.

Open series pass as they are. For the rest a whole table is read, every place and syndrome of a signal, because
what must be hidden for one territory depends on what is shown of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from api.disclosure import Equation, held, protected
from api.room import ReadingRoom
from api.scopes import Reader
from forecasting import store
from infra.database import Connection
from streams.store.counts import read_counts, read_triangle
from streams.store.partners import Agreement, agreements_in_force
from streams.vocabulary.places import register
from streams.vocabulary.signals import SIGNALS, signal
from streams.vocabulary.syndromes import SYNDROMES

Cell = tuple[str, str]
_PARTS = tuple(s.key for s in SYNDROMES if s.key != "all")
# Cycles looked back for corrections: two a day over three weeks, after which counts have settled.
_CYCLES_KEPT = 42
_SETTLED = timedelta(days=28)
_STOCKS = [s.key for s in SIGNALS if s.kind == "stock"]
_PARTED = """
    SELECT signal FROM unnest(%(signals)s::text[]) AS asked(signal)
    WHERE EXISTS (SELECT FROM observation o
                  WHERE o.signal = asked.signal AND o.place = %(place)s AND o.syndrome <> 'all')
      AND EXISTS (SELECT FROM observation o
                  WHERE o.signal = asked.signal AND o.place = %(place)s AND o.syndrome = 'all')
"""


@dataclass(frozen=True)
class Asked:
    """What is asked of one territory.

    Attributes
    ----------
    start, end
        Civil dates, the end excluded.
    as_of
        The moment of knowledge: for the public, that of a published cycle.
    """

    territory: str
    signals: Sequence[str]
    syndromes: Sequence[str]
    start: date
    end: date
    as_of: datetime


def published_moment(
    room: ReadingRoom, connection: Connection, reader: Reader, as_of: datetime | None
) -> datetime | None:
    """Return the as-of a reader gets: what they asked, or for the public the newest published cycle by then."""
    if reader.sees_facilities:
        return as_of or room.clock.now()
    moments = published_cycles(room, connection, as_of)
    return moments[-1] if moments else None


def published_cycles(room: ReadingRoom, connection: Connection, as_of: datetime | None) -> list[datetime]:
    """Return the as-of of the newest published cycles, the oldest first."""
    records = [r for r in store.runs(connection, limit=400) if room.sees(r, private=False)]
    moments = sorted({r.as_of for r in records if as_of is None or r.as_of <= as_of})
    return moments[-_CYCLES_KEPT:]


def shown_counts(room: ReadingRoom, connection: Connection, reader: Reader, asked: Asked) -> pd.DataFrame:
    """Read counts as a reader may see them.

    Returns
    -------
    pandas.DataFrame
        The columns of `streams.store.counts.read_counts` and `hidden`; a hidden value is NaN.
    """
    rows = _read(connection, asked, [asked.territory], reader.sees_facilities).assign(hidden=False)
    if reader.sees_facilities or rows.empty:
        return rows
    agreements = {key: kept.agreement for key, kept in agreements_in_force(connection).items()}
    default = room.settings.small_count_threshold
    thresholds = rows["partner"].map(lambda source: threshold_of(source, agreements, default))
    for key in sorted(rows.loc[thresholds > 0, "signal"].unique()):
        if signal(key).kind == "rate":
            # A rate of a series under agreement may be turned back into its count: it waits for a cohort of its own.
            rows.loc[(rows["signal"] == key) & (thresholds > 0), ["value", "hidden"]] = [np.nan, True]
            continue
        rows = _protect(room, connection, asked, rows, key, agreements)
    return rows


def parted_stocks(connection: Connection, territory: str) -> frozenset[str]:
    """Return the stocks of a territory that were ever told of single causes as well as of all together."""
    rows = connection.execute(_PARTED, {"place": territory, "signals": _STOCKS})
    return frozenset(row[0] for row in rows)


def threshold_of(source: str, agreements: Mapping[str, Agreement], default: int) -> int:
    """Return the threshold of a source, whose partners are joined by `+`: the strictest of theirs."""
    return strictest(source.split("+"), agreements, default)


def strictest(partners: Collection[str], agreements: Mapping[str, Agreement], default: int) -> int:
    """Return the largest threshold among partners; the default for one without agreement, or for none."""
    if not partners:
        return default
    asked = []
    for partner in partners:
        agreement = agreements.get(partner)
        if agreement is None:
            asked.append(default)
        else:
            asked.append(0 if agreement.open_licence else agreement.threshold)
    return max(asked)


def _read(connection: Connection, asked: Asked, places: list[str], by_facility: bool) -> pd.DataFrame:
    return read_counts(
        connection,
        signals=list(asked.signals),
        syndromes=list(asked.syndromes),
        places=places,
        start=asked.start,
        end=asked.end,
        as_of=asked.as_of,
        by_facility=by_facility,
    )


def _protect(
    room: ReadingRoom,
    connection: Connection,
    asked: Asked,
    rows: pd.DataFrame,
    key: str,
    agreements: Mapping[str, Agreement],
) -> pd.DataFrame:
    """Return the rows with one signal's small counts hidden and small corrections held back."""
    default = room.settings.small_count_threshold
    whole = Asked(asked.territory, [key], ("all", *_PARTS), asked.start, asked.end, asked.as_of)
    table = _read(connection, whole, list(register()), by_facility=False)
    table["threshold"] = table["partner"].map(lambda source: threshold_of(source, agreements, default))
    steady = _hold(room, connection, table, whole)
    hidden = hidden_cells(steady)
    values = {_name(row): float(row["value"]) for row in steady.to_dict("records")}
    rows = rows.copy()
    for index, row in rows[rows["signal"] == key].to_dict("index").items():
        name = _name(row)
        rows.loc[index, "value"] = np.nan if name in hidden else values.get(name, row["value"])
        rows.loc[index, "hidden"] = name in hidden
    return rows


def _name(row: Mapping[Any, Any]) -> tuple[str, str, object]:
    return (str(row["place"]), str(row["syndrome"]), row["reference_date"])


def hidden_cells(table: pd.DataFrame) -> frozenset[tuple[str, str, object]]:
    """Return the (place, syndrome, date) of a signal's table that must not be published."""
    found: set[tuple[str, str, object]] = set()
    for when, day in table.groupby("reference_date", sort=False):
        cells = list(zip(day["place"].astype(str), day["syndrome"].astype(str), strict=True))
        counts = dict(zip(cells, day["value"].astype(float), strict=True))
        levels = dict(zip(cells, day["threshold"].astype(int), strict=True))
        exempt = frozenset(cell for cell, level in levels.items() if level == 0)
        present = tuple(sorted({cell[0] for cell in cells}))
        threshold = max(levels.values())
        equations = binding(equations_among(present), counts, threshold)
        hidden = protected(counts, equations, threshold, exempt)
        found.update((*cell, when) for cell in hidden)
    return frozenset(found)


def binding(
    equations: Sequence[Equation[Cell]], counts: Mapping[Cell, float], threshold: int
) -> list[Equation[Cell]]:
    """Return the equations that a reader could solve with the cells there are.

    A part that nobody reports may be none at all, so an equation also binds over the parts that are there, as
    long as what they leave of the total is no more than what held-back corrections explain.
    """
    found: list[Equation[Cell]] = []
    for total, parts in equations:
        present = tuple(part for part in parts if part in counts)
        if total not in counts or not present:
            continue
        rest = abs(counts[total] - sum(counts[part] for part in present))
        if rest <= threshold * (len(present) + 1):
            found.append((total, present))
    return found


@lru_cache(maxsize=64)
def equations_among(places: tuple[str, ...]) -> list[Equation[Cell]]:
    """Return the additive equations between the cells of places: by syndrome, and by territory."""
    equations: list[Equation[Cell]] = [((p, "all"), tuple((p, s) for s in _PARTS)) for p in places]
    for parent in places:
        for children in _partitions(parent):
            present = [child for child in children if child in places]
            if not present:
                continue
            equations += [((parent, s), tuple((child, s) for child in present)) for s in ("all", *_PARTS)]
    return equations


def _partitions(parent: str) -> list[list[str]]:
    """Return the ways a place is cut into others: by its children, and the country also by département."""
    everywhere = register().values()
    cuts = [[p.code for p in everywhere if p.parent == parent]]
    if parent == "FR":
        cuts.append([p.code for p in everywhere if p.kind == "departement"])
    return [cut for cut in cuts if cut]


def _hold(room: ReadingRoom, connection: Connection, table: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """Return the table with each count as last published: it moves only by the threshold or more."""
    cycles = published_cycles(room, connection, asked.as_of)
    table = table.copy()
    for (where, syndrome, source), series in table.groupby(["place", "syndrome", "partner"], sort=False):
        threshold = int(series["threshold"].iloc[0])
        if threshold == 0:
            continue
        steps = read_triangle(
            connection,
            signal=asked.signals[0],
            syndrome=str(syndrome),
            place=str(where),
            start=max(asked.start, asked.as_of.date() - _SETTLED),
            end=asked.end,
            as_of=asked.as_of,
            partner=str(source),
        )
        by_day = dict(iter(steps.groupby("reference_date", sort=False)))
        for index, row in series.to_dict("index").items():
            day = by_day.get(row["reference_date"])
            if day is not None:
                versions = [*_versions(day, row["reference_date"], cycles), float(row["value"])]
                table.loc[index, "value"] = held(versions, threshold)
    return table


def _versions(steps: pd.DataFrame, day: pd.Timestamp, cycles: Sequence[datetime]) -> list[float]:
    """Return what each published cycle from the day on knew of its count, where it knew any."""
    known = steps["known"].to_numpy(dtype="datetime64[us]")
    values = steps["value"].to_numpy(dtype=float)
    first = day.to_pydatetime() - timedelta(days=1)
    moments = [np.datetime64(c.replace(tzinfo=None), "us") for c in cycles if c.replace(tzinfo=None) >= first]
    places = [int(np.searchsorted(known, moment, side="right")) - 1 for moment in moments]
    return [float(values[place]) for place in places if place >= 0]
