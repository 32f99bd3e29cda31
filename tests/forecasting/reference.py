"""The spring of 2020 as it was known each morning, from the reference data."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.panel import Panel

Floats = NDArray[np.float64]

FIRST, DAYS = date(2020, 2, 24), 150
LOCKDOWN = date(2020, 3, 17)
_SURSAUD, _SIVIC = "sursaud_departement_daily.csv.gz", "sivic_admissions_departement_daily.csv.gz"
SERIES = {
    "ed_visits:all": (_SURSAUD, "date", "ed_total", 2),
    "sos_calls:all": (_SURSAUD, "date", "sos_total", 1),
    "ed_visits:covid": (_SURSAUD, "date", "ed_covid", 2),
    "sos_calls:covid": (_SURSAUD, "date", "sos_covid", 1),
    "admissions:covid": (_SIVIC, "jour", "incid_hosp", 1),
}
"""File, column of the day, column of the count, and newest days that were not yet told on a morning."""


def mornings_of_2020(folder: Path, target: str, first: date, mornings: int) -> tuple[list[Panel], Floats]:
    """Return the panels of some mornings and the target as it finally was, shape (time, territory).

    Parameters
    ----------
    target
        One of `SERIES`; the series of the same syndrome that lead it come with it.
    first
        First morning; the file begins on `FIRST`, so nothing can be forecast before 17 March.
    """
    name, syndrome = target.split(":")
    keys = [k for k in SERIES if k.endswith(f":{syndrome}") and (name == "admissions" or k[:3] != "adm")]
    tables = {key: _table(folder, key) for key in keys}
    places = tuple(map(str, tables[keys[0]].columns))
    values = np.stack([tables[k].reindex(columns=places).to_numpy(float) for k in keys], axis=2)
    dates = np.datetime64(FIRST, "D") + np.arange(DAYS)
    begin = int((np.datetime64(first) - dates[0]).astype(int))
    panels = [_known(values, dates, places, keys, begin + m) for m in range(mornings)]
    return panels, values[:, :, keys.index(target)]


def _table(folder: Path, key: str) -> pd.DataFrame:
    file, day, count, _ = SERIES[key]
    frame = pd.read_csv(folder / file, dtype={"dep": str}, parse_dates=[day])
    return frame.pivot(index=day, columns="dep", values=count).reindex(
        pd.date_range(FIRST, periods=DAYS, name=day)
    )


def _known(
    values: Floats, dates: NDArray[np.datetime64], places: tuple[str, ...], keys: list[str], until: int
) -> Panel:
    known = values[: until + 1].copy()
    for column, key in enumerate(keys):
        known[until + 1 - SERIES[key][3] :, :, column] = np.nan
    exists = np.asarray(np.isfinite(known).any(axis=0), dtype=np.bool_)
    return Panel(dates[: until + 1], "D", places, tuple(keys), known, exists, dates[until], None, {})
