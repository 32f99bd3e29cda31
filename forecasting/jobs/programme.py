"""The elective programme of territories and hospitals: read as it was announced, and added to the admissions foreseen.

Hospitals say for each unit and day how many admissions they have planned, up to fourteen days ahead. The programme of
a place on a day is the sum over its units, and is known only when all of those that announced lately have announced
that day too: a unit that is late must not read as operations called off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import LiteralString

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.beds.programme import announced
from forecasting.jobs.bed_forecast import column
from forecasting.jobs.forecaster import HORIZONS, TargetDraws
from forecasting.panel import Panel
from forecasting.run import HORIZON_DAYS
from infra.database import Connection
from streams.store.counts import IN_FORCE

Floats = NDArray[np.float64]
TARGET = "admissions:all"
LATELY_DAYS = 28
SINCE_DAYS = 400

_PROGRAMME: LiteralString = f"""
    SELECT DISTINCT ON (o.place, facility, unit, o.reference_date)
           o.place, coalesce(o.facility, '') AS facility, coalesce(o.unit, '') AS unit, o.reference_date, o.value
    FROM observation o
    WHERE NOT o.individual AND o.signal = 'elective_admissions' AND o.syndrome = 'all' AND o.age_band = 'all'
      AND o.sex = 'all' AND o.place = ANY(%(places)s) AND o.reference_date >= %(start)s
      AND o.reference_date < %(end)s AND {IN_FORCE}
    ORDER BY o.place, facility, unit, o.reference_date, o.source_version DESC, o.digest DESC
"""  # noqa: S608 - only constants of this module


def read_programme(
    connection: Connection, places: Sequence[str], origin: date, as_of: datetime
) -> dict[str, Floats]:
    """Read the programme of some territories and their hospitals, as announced by a moment.

    Returns
    -------
    dict of str to ndarray, shape (`SINCE_DAYS` + 14,)
        By territory and by hospital, in admissions per day; the last fourteen days are those after the origin. NaN
        where nothing, or not everything, was announced.
    """
    first = origin - timedelta(days=SINCE_DAYS - 1)
    wanted = {
        "places": list(places),
        "start": first,
        "end": origin + timedelta(days=HORIZON_DAYS + 1),
        "as_of": as_of,
    }
    rows = connection.execute(_PROGRAMME, wanted).fetchall()
    told = pd.DataFrame(rows, columns=["place", "facility", "unit", "day", "value"])
    told["at"] = [(day - first).days for day in told["day"]]
    told = _wholes(told, "unit", ["place", "facility", "at"])
    inside = told[told["facility"] != ""]
    found = {str(hospital): _summed(mine) for hospital, mine in inside.groupby("facility")}
    told = _wholes(told, "facility", ["place", "at"])
    return {str(place): _summed(mine) for place, mine in told.groupby("place")} | found


def _wholes(told: pd.DataFrame, part: str, by: Sequence[str]) -> pd.DataFrame:
    """Leave the parts out wherever the whole was told too."""
    whole = told[part] == ""
    return told[whole | ~whole.groupby([told[name] for name in by]).transform("any")]


def _summed(told: pd.DataFrame) -> Floats:
    """Sum the units of one place, shape (day,)."""
    units = told.groupby(["facility", "unit"]).ngroup().to_numpy()
    values = np.full((units.max() + 1, SINCE_DAYS + HORIZON_DAYS), np.nan)
    values[units, told["at"].to_numpy()] = told["value"].to_numpy(float)
    lately = np.isfinite(values[:, SINCE_DAYS - LATELY_DAYS : SINCE_DAYS]).any(axis=1)
    return np.asarray(values[lately].sum(axis=0) if lately.any() else np.full(values.shape[1], np.nan))


def with_programme(
    flows: Mapping[str, TargetDraws], panel: Panel, programme: Mapping[str, Floats]
) -> dict[str, TargetDraws]:
    """Return draws of which those of all admissions hold the programme that was announced.

    Parameters
    ----------
    panel
        What was drawn from, for past admissions and public holidays.
    programme
        As of `read_programme`.
    """
    found = dict(flows)
    if TARGET not in flows or not programme:
        return found
    added = {
        place: amounts
        for place in flows[TARGET].draws
        if place in programme and (amounts := _added(panel, place, programme[place])).any()
    }
    if added:
        drawn = flows[TARGET].adjusted(
            lambda t, p: np.maximum(p + added[t][:, None], 0.0) if t in added else p
        )
        found[TARGET] = drawn.told_ahead(added)
    return found


def _added(panel: Panel, place: str, programme: Floats) -> Floats:
    """Return what the programme adds to a place's admissions, shape (`HORIZONS`,)."""
    out = np.zeros(len(HORIZONS))
    past = column(panel, place, *TARGET.split(":"))
    if past is None:
        return out
    # From day 0 on nothing has come yet that is known.
    days = min(len(past) - 1, SINCE_DAYS - 1)
    told = programme[SINCE_DAYS - 1 - days :]
    first = panel.dates[-1] - np.timedelta64(days, "D")
    dates = first + np.arange(len(told))
    calendar = np.union1d(panel.holidays, panel.local_holidays.get(place, panel.holidays[:0]))
    out[HORIZONS.index(0) :] = announced(told, past[len(past) - 1 - days : -1], dates, calendar)
    return out
