"""Stays: who is present, and how long people stay, read from the movements of stays by their tokens.

A stay is a sequence of movements, each an individual event with the stay's token, the hospital and the unit
entered: `admissions`, `critical_admissions` and `transfers` put a patient in the unit named, `discharges` and
`deaths` end the stay. `streams.vocabulary.units` says which kind of bed a unit's name means; an event of
`critical_admissions` is critical care whatever the unit. Time spent in one kind of bed without a break is one
length, whichever units it was spent in: beds are counted by kind.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import LiteralString

import numpy as np
import pandas as pd

from infra.database import Connection
from streams.store.counts import IN_FORCE
from streams.vocabulary.units import unit_kind

ENTRIES = ("admissions", "critical_admissions", "transfers")
ENDS = ("discharges", "deaths")
# A stay whose last movement is older than this is taken as ended: its discharge was lost.
LONGEST_STAY = timedelta(days=365)

_MOVEMENTS: LiteralString = f"""
    SELECT o.partner, o.stay_token, o.facility, o.unit, o.signal, o.occurred
    FROM observation o
    WHERE o.individual AND o.stay_token IS NOT NULL AND o.signal = ANY(%(signals)s) AND o.place = %(place)s
      AND o.reference_date >= %(start)s AND o.occurred <= %(as_of)s AND {IN_FORCE}
"""  # noqa: S608 - only constants of this module

_CENSUS: LiteralString = f"""
    SELECT DISTINCT ON (o.facility, o.unit, o.signal)
           coalesce(o.facility, '') AS facility, o.unit, o.signal, o.reference_date, o.value, o.reported
    FROM observation o
    WHERE NOT o.individual AND o.signal IN ('occupied_beds', 'occupied_critical_beds') AND o.place = %(place)s
      AND o.syndrome = 'all' AND o.age_band = 'all' AND o.reference_date >= %(start)s AND {IN_FORCE}
    ORDER BY o.facility, o.unit, o.signal, o.reference_date DESC, o.source_version DESC, o.digest DESC
"""  # noqa: S608 - only constants of this module


def read_present(connection: Connection, place: str, as_of: datetime) -> pd.DataFrame:
    """Read who was present in a territory's hospitals, as known at a moment.

    Returns
    -------
    pandas.DataFrame
        Columns stay_token, facility, unit_kind (conventional, critical), entered (UTC): since when the
        patient has been in this kind of bed without a break.
    """
    stretches = _stretches(_movements(connection, place, (as_of - LONGEST_STAY).date(), as_of))
    present = stretches[stretches["left"].isna()]
    return present[["stay_token", "facility", "unit_kind", "entered"]].reset_index(drop=True)


def read_stay_lengths(connection: Connection, place: str, start: date, as_of: datetime) -> pd.DataFrame:
    """Read how long patients who came since `start` stayed in each kind of bed, as known at a moment.

    Returns
    -------
    pandas.DataFrame
        Columns facility, unit_kind, entered and left (UTC; NaT while there), days (float), censored (bool: still
        there at `as_of`, so the length is at least `days`).
    """
    stretches = _stretches(_movements(connection, place, start, as_of))
    censored = stretches["left"].isna()
    left = stretches["left"].fillna(pd.Timestamp(as_of).tz_convert("UTC"))
    days = (left - stretches["entered"]).dt.total_seconds() / 86400
    lengths = pd.DataFrame(
        {
            "facility": stretches["facility"],
            "unit_kind": stretches["unit_kind"],
            "entered": stretches["entered"],
            "left": stretches["left"],
            "days": days.astype(float),
            "censored": censored.astype(bool),
        }
    )
    return lengths.reset_index(drop=True)


def read_census(connection: Connection, place: str, as_of: datetime) -> pd.DataFrame:
    """Read the newest all-cause census of each hospital, as known at a moment.

    Returns
    -------
    pandas.DataFrame
        Columns facility, unit_kind, reference_date (datetime64), occupied (beds), reported (UTC); of a hospital
        that tells units and a total, the total is kept. `conventional` holds what is not critical care.
    """
    wanted = {"place": place, "as_of": as_of, "start": (as_of - timedelta(days=14)).date()}
    rows = connection.execute(_CENSUS, wanted).fetchall()
    names = ["facility", "unit", "signal", "reference_date", "occupied", "reported"]
    census = pd.DataFrame(rows, columns=names)
    census["unit_kind"] = [
        "critical" if signal == "occupied_critical_beds" else unit_kind(unit)
        for unit, signal in zip(census["unit"], census["signal"], strict=True)
    ]
    census["reference_date"] = pd.to_datetime(census["reference_date"]).astype("datetime64[us]")
    census["reported"] = pd.to_datetime(census["reported"], utc=True).astype("datetime64[us, UTC]")
    by = ["facility", "unit_kind"]
    newest = census.groupby(by)["reference_date"].transform("max")
    census = census[census["reference_date"] == newest]
    has_total = census["unit"].isna().groupby([census["facility"], census["unit_kind"]]).transform("any")
    census = census[census["unit"].isna() | ~has_total]
    return census.groupby(by, as_index=False).agg(
        reference_date=("reference_date", "max"), occupied=("occupied", "sum"), reported=("reported", "max")
    )


def _movements(connection: Connection, place: str, start: date, as_of: datetime) -> pd.DataFrame:
    wanted = {"signals": [*ENTRIES, *ENDS], "place": place, "start": start, "as_of": as_of}
    rows = connection.execute(_MOVEMENTS, wanted).fetchall()
    frame = pd.DataFrame(rows, columns=["partner", "stay_token", "facility", "unit", "signal", "occurred"])
    frame["facility"] = frame["facility"].fillna("")
    frame["occurred"] = pd.to_datetime(frame["occurred"], utc=True).astype("datetime64[us, UTC]")
    return frame


def _stretches(movements: pd.DataFrame) -> pd.DataFrame:
    """Return each unbroken time in one kind of bed: stay_token, facility, unit_kind, entered, left or NaT."""
    kinds = {unit: unit_kind(unit) for unit in movements["unit"].unique()}
    kind = movements["unit"].map(kinds).to_numpy(dtype=object)
    kind[(movements["signal"] == "critical_admissions").to_numpy()] = "critical"
    ends = movements["signal"].isin(ENDS).to_numpy()
    kind[ends] = "out"
    # At one instant an admission told twice is one, critical care deciding; the end of a stay comes last.
    order = np.select([kind == "conventional", kind == "critical"], [0, 1], default=2)
    moves = movements.assign(unit_kind=kind, order=order).sort_values(
        ["partner", "stay_token", "occurred", "order"], kind="stable"
    )
    stay = ["partner", "stay_token"]
    before = moves.groupby(stay, sort=False)[["facility", "unit_kind"]].shift()
    changed = (moves["facility"] != before["facility"]) | (moves["unit_kind"] != before["unit_kind"])
    moves = moves[changed].rename(columns={"occurred": "entered"})
    moves["left"] = moves.groupby(stay, sort=False)["entered"].shift(-1)
    # A stretch of no length is the same admission told twice.
    inside = (moves["unit_kind"] != "out") & (moves["left"] != moves["entered"])
    return moves.loc[inside, ["stay_token", "facility", "unit_kind", "entered", "left"]]
