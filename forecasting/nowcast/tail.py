"""From the revisions in a tidy frame to nowcast draws of a panel's newest periods.

A frame with ``reported_at`` holds every version of each cell. Where a signal's cells have more than one
version there is a triangle to learn from, and its newest periods are replaced by draws of what they will read
in the end. Signals never revised are left alone: their values are what they will stay.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.nowcast.nowcasting import Nowcast, nowcast
from forecasting.nowcast.triangle import (
    Dates,
    Floats,
    Frequency,
    ReportingTriangle,
    triangle_of_revisions,
    triangle_of_vintages,
)

LONGEST_DELAY: dict[str, int] = {"D": 14, "W": 6}
_FEWEST_REVISED = 20
_OLDEST = {"D": 150, "W": 60}


def nowcast_tail(
    frame: pd.DataFrame,
    dates: Dates,
    territories: tuple[str, ...],
    signals: tuple[str, ...],
    as_of: str | np.datetime64,
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
    as_of : str or datetime64
        The panel's moment, a civil day (its end is meant).
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
    moment = pd.Timestamp(as_of).normalize() + pd.Timedelta(days=1)
    rows = _recent_rows(frame, dates, moment, freq)
    tail = min(LONGEST_DELAY[freq] + 1, dates.size)
    out = np.full((draws, tail, len(territories), len(signals)), np.nan)
    changed = False
    for column, name in enumerate(signals):
        of_signal = rows.loc[rows["signal"] == name]
        versions = of_signal.groupby(["territory", "date"])["value"].nunique()
        if int((versions > 1).sum()) < _FEWEST_REVISED:
            continue
        triangle = _triangle(of_signal, np.datetime64(pd.Timestamp(as_of).date(), "D"), freq)
        made = nowcast(triangle, rng, draws=draws)
        if made.basis == "estimated":
            _place(out[:, :, :, column], made, dates[-tail:], territories)
            changed = True
    return out if changed else None


def _triangle(rows: pd.DataFrame, as_of: np.datetime64, freq: Frequency) -> ReportingTriangle:
    """Read rows as irregular extracts if they look like it, else as a list of revisions."""
    longest = LONGEST_DELAY[freq]
    if _are_irregular_extracts(rows, freq):
        vintages = rows.rename(columns={"reported_at": "as_of"})
        return triangle_of_vintages(vintages, as_of, max_delay=longest, freq=freq)
    return triangle_of_revisions(
        rows["date"].to_numpy(),
        rows["reported_at"].to_numpy(),
        rows["territory"].to_numpy(),
        rows["value"].to_numpy(),
        as_of,
        max_delay=longest,
        freq=freq,
    )


def _are_irregular_extracts(rows: pd.DataFrame, freq: Frequency) -> bool:
    """Whether rows are whole extracts taken now and then, in which unchanged values are said again.

    Between such extracts a value did not stand still, nobody looked: carrying it forward would make delays
    too long.
    """
    if freq == "W":
        return False
    days = np.unique(rows["reported_at"].to_numpy().astype("datetime64[D]"))
    span = int((days[-1] - days[0]).astype(np.int64)) + 1
    before = rows.groupby(["territory", "date"])["value"].shift()
    again = before.notna()
    same = float((before[again] == rows.loc[again, "value"]).mean()) if bool(again.any()) else 0.0
    return bool(days.size < 0.6 * span and same > 0.1)


def _recent_rows(frame: pd.DataFrame, dates: Dates, moment: pd.Timestamp, freq: Frequency) -> pd.DataFrame:
    day = pd.to_datetime(frame["date"], utc=True, format="mixed").dt.tz_localize(None)
    said = pd.to_datetime(frame["reported_at"], utc=True, format="mixed").dt.tz_localize(None)
    rows = pd.DataFrame(
        {
            "territory": frame["territory"].astype(str).to_numpy(),
            "signal": frame["signal"].astype(str).to_numpy(),
            "value": pd.to_numeric(frame["value"], errors="coerce").to_numpy(),
            "date": day.to_numpy().astype("datetime64[D]"),
            "reported_at": said.to_numpy().astype("datetime64[D]"),
            "moment": said.to_numpy(),
        }
    )
    # Delays of years ago say little and cost time.
    oldest = dates[max(dates.size - _OLDEST[freq], 0)]
    kept = (said < moment).to_numpy() & (rows["date"].to_numpy().astype("datetime64[D]") >= oldest)
    known: pd.DataFrame = rows.loc[kept & rows["value"].notna().to_numpy()]
    return known.sort_values("moment", kind="stable")


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
