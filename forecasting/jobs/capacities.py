r"""Beds known by the year, and the usual share of them taken, from annual hospital statistics as known at the as-of.

A yearly report of staffed beds :math:`C` and one of the mean occupancy :math:`\bar B` (patient-days over the days of
the year) of the same sites give :math:`\rho = \sum \bar B / \sum C`. Annual totals say nothing of single days, so the
spread from day to day is assumed (`forecasting.capacity.DEFAULT_SHARE_SD`). A unit without patient-days has no share,
and none is invented: its need is set against the place's own past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import pandas as pd

from forecasting.capacity import Estimated
from infra.database import Connection
from streams.store.counts import read_counts

YEARS_BACK = 6
LEAST_SPAN = pd.Timedelta(days=300)
UNIT_SIGNALS: Mapping[str, tuple[str, str]] = {
    "conventional": ("staffed_beds", "occupied_beds"),
    "critical": ("staffed_critical_beds", "occupied_critical_beds"),
}


def read_capacities(
    connection: Connection, places: Sequence[str], origin: date, as_of: datetime
) -> dict[tuple[str, str], Estimated]:
    """Return the beds known by the year of some places and their hospitals, by place or facility and unit."""
    counts = read_counts(
        connection,
        signals=[name for pair in UNIT_SIGNALS.values() for name in pair],
        syndromes=["all"],
        places=list(places),
        start=date(origin.year - YEARS_BACK, 1, 1),
        end=date(origin.year, 1, 1),
        as_of=as_of,
        by_facility=True,
    )
    yearly = counts[counts["reference_end"] - counts["reference_date"] > LEAST_SPAN]
    found: dict[tuple[str, str], Estimated] = {}
    for place, rows in yearly.groupby("place", sort=True):
        found |= _of_place(str(place), rows)
        for facility, mine in rows[rows["facility"] != ""].groupby("facility", sort=True):
            found |= _of_place(str(facility), mine)
    return found


def _of_place(name: str, rows: pd.DataFrame) -> dict[tuple[str, str], Estimated]:
    """Return the capacities of the newest year of which beds and occupancy are both known, by unit."""
    found = {}
    for unit, (staffed, occupied) in UNIT_SIGNALS.items():
        table = rows.pivot_table(
            index=["reference_date", "facility"], columns="signal", values="value", aggfunc="sum"
        )
        if not {staffed, occupied} <= set(table.columns):
            continue
        both = table[[staffed, occupied]].dropna()
        both = both[both[staffed] > 0].reset_index()
        if both.empty:
            continue
        year = both["reference_date"].max()
        newest = both[both["reference_date"] == year]
        beds, taken = float(newest[staffed].sum()), float(newest[occupied].sum())
        # More patients than beds is an error of the file, or day cases: no more than all beds are taken.
        share = min(taken / beds, 1.0)
        found[name, unit] = Estimated(beds, round(share, 4), source=f"SAE {year.year}")
    return found
