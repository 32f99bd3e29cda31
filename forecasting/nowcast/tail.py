"""From the revisions in a tidy frame to nowcast draws of a panel's newest periods.

A frame with ``reported_at`` holds every version of each cell. Where a signal's cells have more than one
version there is a triangle to learn from, and its newest periods are replaced by draws of what they will read
in the end. Signals never revised are left alone: their values are what they will stay. Three ways of publishing
are told apart by what the frame shows:

- every version of a cell when it changes, or the whole history each time: a value stands until the next one,
  though never longer than somebody published at all;
- whole extracts taken now and then: between two of them nobody looked, so nothing stands;
- weeks named by the day they start or by the day they end: the delay is counted from when first values come.

A cell whose newest version has no value is withdrawn: it is unknown again, and teaches nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.nowcast.nowcasting import Nowcast, nowcast
from forecasting.nowcast.triangle import Dates, Floats, Frequency, ReportingTriangle, triangle_of_rows
from forecasting.tidy_frame import checked_rows

LONGEST_DELAY: dict[str, int] = {"D": 14, "W": 6}
_STEP_DAYS: dict[str, int] = {"D": 1, "W": 7}
_FEWEST_REVISED = 8
_OLDEST = {"D": 150, "W": 60}
_EARLY_SHARE = 0.02


def nowcast_tail(
    frame: pd.DataFrame,
    dates: Dates,
    territories: tuple[str, ...],
    signals: tuple[str, ...],
    as_of: str | np.datetime64 | pd.Timestamp,
    rng: np.random.Generator,
    *,
    freq: Frequency = "D",
    draws: int = 200,
) -> Floats | None:
    """Draw what the newest periods of a panel will read once everybody has reported.

    Parameters
    ----------
    frame : DataFrame
        Columns ``territory, date, signal, value, reported_at``, all versions; those reported after ``as_of``
        are not read.
    dates : ndarray of datetime64[D], shape (time,)
        The panel's dates.
    territories, signals : tuple of str
        The panel's axes.
    as_of : str, datetime64 or Timestamp
        The panel's moment; a bare day means its end.
    rng : numpy.random.Generator
        Source of randomness.
    freq : {"D", "W"}
        The panel's step.
    draws : int
        Number of draws.

    Returns
    -------
    ndarray, shape (draw, tail, territory, signal), or None
        NaN where nothing is to be changed. None if no signal is ever revised, or the frame has no
        ``reported_at``.
    """
    if "reported_at" not in frame.columns or dates.size == 0:
        return None
    rows = _recent_rows(frame, dates, pd.Timestamp(as_of), freq)
    tail = min(LONGEST_DELAY[freq] + 1, dates.size)
    out = np.full((draws, tail, len(territories), len(signals)), np.nan)
    changed = False
    for column, name in enumerate(signals):
        of_signal = _not_withdrawn(rows.loc[rows["signal"] == name])
        if _revised_cells(of_signal) < _FEWEST_REVISED:
            continue
        made = nowcast(_triangle(of_signal, freq), rng, draws=draws)
        if made.basis == "estimated":
            _place(out[:, :, :, column], made, dates[-tail:], territories)
            changed = True
    return out if changed else None


def _revised_cells(rows: pd.DataFrame) -> int:
    """Count the cells said with more than one value."""
    cell = [rows["territory"], rows["date"]]
    values = rows["value"].groupby(cell, sort=False)
    return int((values.max() != values.min()).sum())


def _not_withdrawn(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out every version of a cell whose newest one has no value, and versions without a value."""
    newest = rows.drop_duplicates(["territory", "date"], keep="last")
    gone = newest.loc[newest["value"].isna(), ["territory", "date"]]
    if len(gone):
        cells = pd.MultiIndex.from_frame(rows[["territory", "date"]])
        rows = rows.loc[~cells.isin(pd.MultiIndex.from_frame(gone))]
    return rows.loc[rows["value"].notna()]


def _triangle(rows: pd.DataFrame, freq: Frequency) -> ReportingTriangle:
    """Build the triangle known when something was last reported."""
    newest = rows["reported_at"].max()
    longest, closing = LONGEST_DELAY[freq], _closing(rows, freq)
    extracts = _are_irregular_extracts(rows, freq)
    table = rows.rename(columns={"reported_at": "as_of"})
    aligned = extracts and freq == "D"
    triangle = triangle_of_rows(table, newest, longest, freq, closing, usual_shift=3 if aligned else None)
    if extracts:
        return triangle
    stands = triangle.cumulative.copy()
    for delay in range(1, longest + 1):
        stands[:, delay] = np.where(np.isnan(stands[:, delay]), stands[:, delay - 1], stands[:, delay])
    return replace(triangle, cumulative=stands).as_known(triangle.edge)


def _closing(rows: pd.DataFrame, freq: Frequency) -> int:
    """Days from the date that names a period to when its first values come, at most the period.

    A week named by its first day is over seven days later; one named by its last day is over at once. All but
    the earliest few first values say which.
    """
    step = _STEP_DAYS[freq]
    if step == 1:
        return 0
    first = rows.groupby("date")["reported_at"].min()
    # What the first file of all holds was not new in it.
    new = first[first > rows["reported_at"].min()]
    new = new if len(new) else first[-1:]
    lag = (new - new.index).dt.days.to_numpy()
    return int(np.clip(np.quantile(lag, _EARLY_SHARE, method="lower"), 0, step))


def weeks_named_by_end(frame: pd.DataFrame) -> bool:
    """Whether the dates of weekly rows are the last days of weeks rather than the first.

    First values that come before a week from the date is over say so; without ``reported_at``, Saturdays do, on
    which no week in use starts.
    """
    rows = checked_rows(frame)
    if "reported_at" in rows.columns:
        rows = rows.assign(reported_at=rows["reported_at"].dt.normalize())
        return _closing(rows, "W") < _STEP_DAYS["W"] - 1
    return bool(rows["date"].iloc[0].day_name() == "Saturday")


def _are_irregular_extracts(rows: pd.DataFrame, freq: Frequency) -> bool:
    """Whether rows are whole extracts taken now and then, in which unchanged values are said again.

    Between such extracts a value did not stand still, nobody looked: carrying it forward would make delays
    too long.
    """
    days = np.unique(rows["reported_at"].to_numpy().astype("datetime64[D]")).astype(np.int64)
    periods = np.unique((days - days[-1]) // _STEP_DAYS[freq])
    span = int(periods[-1] - periods[0]) + 1
    before = rows.groupby(["territory", "date"], sort=False)["value"].shift()
    again = before.notna()
    same = float((before[again] == rows.loc[again, "value"]).mean()) if bool(again.any()) else 0.0
    return bool(periods.size < 0.6 * span and same > 0.1)


def _recent_rows(frame: pd.DataFrame, dates: Dates, as_of: pd.Timestamp, freq: Frequency) -> pd.DataFrame:
    """Read the versions known at a moment of the newest periods, oldest version first; without the hour."""
    moment = as_of.tz_convert("UTC").tz_localize(None) if as_of.tzinfo else as_of
    moment = moment + pd.Timedelta(days=1) if moment == moment.normalize() else moment + pd.Timedelta(1, "ns")
    typed = all(frame[c].dtype.kind == "M" for c in ("date", "reported_at"))
    rows = frame if typed and frame["value"].dtype == np.float64 else checked_rows(frame)
    # Delays of years ago say little and cost time.
    oldest = pd.Timestamp(dates[max(dates.size - _OLDEST[freq], 0)])
    rows = rows.loc[(rows["reported_at"] < moment) & (rows["date"] >= oldest) & (rows["date"] < moment)]
    known = rows[["territory", "signal", "value", "date", "reported_at"]]
    known = known.sort_values("reported_at", kind="stable")
    return known.assign(
        territory=known["territory"].astype(str), reported_at=known["reported_at"].dt.normalize()
    )


def _place(out: Floats, made: Nowcast, dates: Dates, territories: tuple[str, ...]) -> None:
    place: dict[str, int] = {code: i for i, code in enumerate(territories)}
    _, mine, theirs = np.intersect1d(dates, made.dates, return_indices=True)
    columns: NDArray[np.int64] = np.array([place.get(code, -1) for code in made.territories], dtype=np.int64)
    inside = np.flatnonzero(columns >= 0)
    reported = np.isfinite(made.reported)[theirs][:, inside]
    values = made.draws[:, theirs][:, :, inside]
    # What nobody has reported yet is the forecast's to say, not the nowcast's.
    block = np.where(reported[None], values, np.nan)
    out[:, mine[:, None], columns[inside][None, :]] = block
