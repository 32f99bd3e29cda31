"""Laying the rows of a tidy frame out on the regular grid of a panel: dates, values, populations, kinds.

Rows come checked by `forecasting.tidy_frame`; what is left to refuse is what only shows when they are put together:
weeks named by different weekdays, dates too far apart to be days or weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from forecasting.tidy_frame import FrameError, utc_moment

if TYPE_CHECKING:
    from forecasting.panel import DateLike, Dates, Floats, Freq, Kind, Panel

PERIOD_DAYS: Mapping[str, int] = {"D": 1, "W": 7}
FEWEST_TO_TELL = 4
"""Dates of a signal from which on it can be told that all are whole weeks apart, and not by chance."""


def moment_known(as_of: DateLike | None, rows: pd.DataFrame) -> pd.Timestamp:
    """Return the moment up to which rows are known: the end of a bare date, the last one there is without any.

    Raises
    ------
    FrameError
        When ``as_of`` cannot be read.
    """
    if as_of is None:
        last = rows["date"].max()
        if "reported_at" in rows.columns:
            last = max(last, rows["reported_at"].max())
        moment = pd.Timestamp(last)
    else:
        try:
            moment = utc_moment(as_of)
        except (ValueError, TypeError, OverflowError) as error:
            raise FrameError(f"as_of {as_of!r} is not a date that can be read: write 2021-01-31") from error
    # A bare date means the end of that day.
    return moment if moment != moment.normalize() else moment + pd.Timedelta(days=1) - pd.Timedelta(1, "ns")


def usual_freq(rows: pd.DataFrame) -> Freq:
    """Return days or weeks, by the usual distance between two dates of the same series.

    Raises
    ------
    FrameError
        When it is neither.
    """
    dates = (
        rows[["territory", "signal", "date"]].drop_duplicates().sort_values(["territory", "signal", "date"])
    )
    steps = dates.groupby(["territory", "signal"], sort=False)["date"].diff().dt.days.dropna().to_numpy()
    if len(steps) == 0:
        raise FrameError("column 'date': one date only a series, so freq must be given: D or W")
    usual = float(np.median(steps))
    if usual < 4:
        return "D"
    if usual <= 10 or bool(np.all(steps % 7 == 0)):
        return "W"
    raise FrameError(f"column 'date': dates are usually {usual:.0f} days apart; a panel has days or weeks")


def regular_dates(dates: pd.Series, freq: Freq, moment: pd.Timestamp) -> Dates:
    """Return every day up to a moment, or every week, from the first date on; shape (time,).

    Raises
    ------
    FrameError
        When weeks are named by different weekdays, or what is read as days are weeks.
    """
    period = PERIOD_DAYS[freq]
    days = np.sort(dates.unique()).astype("datetime64[D]")
    if freq == "W":
        all_days = dates.to_numpy().astype("datetime64[D]").astype(np.int64)
        usual = int(np.bincount(all_days % period, minlength=period).argmax())
        off = all_days % period != usual
        if off.any():
            at = int(np.argmax(off))
            raise FrameError(
                f"column 'date', row {dates.index[at]}: {dates.iloc[at].date()} is a {dates.iloc[at].day_name()}, "
                f"while weeks here are named by {dates.iloc[int(np.argmin(off))].day_name()} ({int(off.sum())} such "
                "rows); name every week by the same weekday"
            )
    elif len(days) > 2 and bool(np.all(np.diff(days).astype(int) % PERIOD_DAYS["W"] == 0)):
        raise FrameError("column 'date': all dates are whole weeks apart, so freq is W, not D")
    last = days[-1]
    if freq == "D":
        last = max(last, np.datetime64(moment.date(), "D"))
    return cast("Dates", np.arange(days[0], last + 1, period, dtype="datetime64[D]"))


def filled(
    rows: pd.DataFrame, dates: Dates, territories: tuple[str, ...], signals: tuple[str, ...]
) -> Floats:
    """Return the values of a grid, shape (time, territory, signal), NaN where there is no row."""
    values = np.full((len(dates), len(territories), len(signals)), np.nan)
    period = int((dates[1] - dates[0]).astype(int)) if len(dates) > 1 else 1
    days = rows["date"].to_numpy().astype("datetime64[D]")
    time = (days - dates[0]).astype(int) // period
    place = pd.Categorical(rows["territory"], categories=list(territories)).codes
    kind = pd.Categorical(rows["signal"], categories=list(signals)).codes
    values[time, place, kind] = rows["value"].to_numpy(float)
    return values


def refuse_weeks_as_days(panel: Panel, target: str) -> None:
    """Refuse a target of weeks among signals of days: six days of seven would be taken for days not reported.

    Raises
    ------
    FrameError
        When a daily panel has at least four values of the target, all whole weeks apart.
    """
    if panel.freq != "D":
        return
    told = np.flatnonzero(np.isfinite(panel.series(target)).any(axis=1))
    if len(told) < FEWEST_TO_TELL or np.any(np.diff(told) % PERIOD_DAYS["W"]):
        return
    raise FrameError(
        f"column 'date': the {len(told)} dates of signal {target!r} are all whole weeks apart, so it is of weeks and "
        "cannot be forecast as days: give freq W (--freq W) and a file in which its other signals are of the same "
        "weeks, added up or left out"
    )


def populations(
    rows: pd.DataFrame, territories: tuple[str, ...], given: Mapping[str, float] | None
) -> Floats | None:
    """Return inhabitants, shape (territory,), as given or as the frame's own column tells; None without either.

    Raises
    ------
    FrameError
        When a territory has none.
    """
    if given is None and "population" in rows.columns:
        given = {str(t): float(p) for t, p in rows.groupby("territory")["population"].last().items()}
    if given is None:
        return None
    found = np.array([float(given.get(t, np.nan)) for t in territories])
    if not np.all(found > 0):
        missing = [t for t, p in zip(territories, found, strict=True) if not p > 0]
        raise FrameError(f"population is missing or not positive for {', '.join(missing[:5])}")
    return found


def kind_of(values: Floats, given: Kind | None) -> Kind:
    """Return the kind of a signal: as given, else a count where all that is known are whole numbers."""
    if given is not None:
        return given
    known = values[np.isfinite(values)]
    return "count" if np.all(known == np.round(known)) else "rate"
