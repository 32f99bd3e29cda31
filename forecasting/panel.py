"""The panel: every signal of every territory on one regular grid of days or weeks, as it was known at a moment.

Forecasting reads nothing else. Two kinds of silence are kept apart: ``exists`` is False where a territory
has no such service (no SOS Médecins association, say), while a NaN where the service exists is a value not
known, most often because it has not been reported yet.

The tidy frame it is made from has the columns ``territory, date, signal, value`` and optionally
``reported_at`` (the moment a value became knowable): of several versions of one cell, the panel holds the
last one reported at or before ``as_of``, and never looks at the others.

>>> import pandas as pd
>>> frame = pd.DataFrame({"territory": "44", "date": pd.date_range("2020-09-01", periods=3),
...                       "signal": "admissions", "value": [4.0, 5.0, 3.0]})
>>> panel = Panel.from_frame(frame, freq="D")
>>> panel.values.shape, panel.signals, str(panel.as_of)
((3, 1, 1), ('admissions',), '2020-09-03')
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.tidy_frame import FrameError, checked_rows, utc_moment

__all__ = ["DateLike", "FrameError", "Freq", "Kind", "Panel", "checked_rows", "day"]

Freq = Literal["D", "W"]
Kind = Literal["count", "rate"]
Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]
DateLike = str | np.datetime64 | pd.Timestamp | datetime.date

PERIOD_DAYS: Mapping[str, int] = {"D": 1, "W": 7}


def day(date: DateLike) -> np.datetime64:
    """Read anything date-like as a day."""
    return np.datetime64(pd.Timestamp(date).date(), "D")


@dataclass(frozen=True)
class Panel:
    """Signals of territories on a regular grid, as known at ``as_of``.

    Attributes
    ----------
    dates : ndarray of datetime64[D], shape (time,)
        Regular grid: every day, or every week named by the day it starts.
    freq : {"D", "W"}
    territories, signals : tuple of str
    values : ndarray of float64, shape (time, territory, signal)
        NaN where unknown; units are the signal's own (a count per period, or a rate).
    exists : ndarray of bool, shape (territory, signal)
        False where the territory has no such service.
    as_of : datetime64[D]
        Nothing reported after the end of this day is in ``values``.
    population : ndarray of float64, shape (territory,), or None
        Inhabitants, used to make territories comparable; a typical level stands in for it when absent.
    kinds : mapping of signal to {"count", "rate"}
        A count is a number of events and a rate is anything else; a signal left out is a count when all its
        values are whole numbers.
    holidays : ndarray of datetime64[D]
        Public holidays, past and to come, that hold in every territory; empty when the calendar is not known.
    """

    dates: Dates
    freq: Freq
    territories: tuple[str, ...]
    signals: tuple[str, ...]
    values: Floats
    exists: NDArray[np.bool_]
    as_of: np.datetime64
    population: Floats | None = None
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    holidays: Dates = field(default_factory=lambda: np.empty(0, dtype="datetime64[D]"))

    def __post_init__(self) -> None:
        """Check shapes and the regular grid, and freeze the arrays."""
        shape = (len(self.dates), len(self.territories), len(self.signals))
        if self.values.shape != shape:
            raise FrameError(
                f"values have shape {self.values.shape}, but dates, territories, signals say {shape}"
            )
        if self.exists.shape != shape[1:]:
            raise FrameError(
                f"exists has shape {self.exists.shape}, expected (territory, signal) = {shape[1:]}"
            )
        if self.population is not None and self.population.shape != shape[1:2]:
            raise FrameError(
                f"population has shape {self.population.shape}, expected (territory,) = {shape[1:2]}"
            )
        steps = np.diff(self.dates).astype("timedelta64[D]").astype(int)
        if len(steps) and np.any(steps != PERIOD_DAYS[self.freq]):
            raise FrameError(f"dates are not a regular grid of freq {self.freq!r}")
        for array in (self.dates, self.values, self.exists):
            array.setflags(write=False)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        as_of: DateLike | None = None,
        freq: Freq | None = None,
        population: Mapping[str, float] | None = None,
        kinds: Mapping[str, Kind] | None = None,
    ) -> Self:
        """Read a tidy frame as it stood at the end of the day ``as_of``.

        Parameters
        ----------
        frame : DataFrame
            Columns ``territory, date, signal, value`` and optionally ``reported_at`` and ``population``.
        as_of : date-like, optional
            A day, or a moment; the last date of the frame when left out. Rows about later days are not
            seen.
        freq : {"D", "W"}, optional
            Guessed from the spacing of dates when left out.
        population : mapping of territory to inhabitants, optional
        kinds : mapping of signal to {"count", "rate"}, optional

        Raises
        ------
        FrameError
            Naming the column, and the row by its index in the frame.
        """
        rows = checked_rows(frame)
        moment = _moment(as_of, rows)
        rows = rows[rows["date"] <= moment]
        if "reported_at" in rows.columns:
            rows = rows[rows["reported_at"] <= moment].sort_values("reported_at", kind="stable")
            rows = rows.drop_duplicates(["territory", "date", "signal"], keep="last")
        if rows.empty:
            raise FrameError(f"column 'date': no row is known at {moment.date()}")
        chosen = freq or _guess_freq(rows)
        dates = _grid(rows["date"], chosen, moment)
        territories = tuple(sorted(rows["territory"].unique()))
        signals = tuple(sorted(rows["signal"].unique()))
        values = _fill(rows, dates, territories, signals)
        exists = np.asarray(np.isfinite(values).any(axis=0), dtype=np.bool_)
        return cls(
            dates=dates,
            freq=chosen,
            territories=territories,
            signals=signals,
            values=values,
            exists=exists,
            as_of=np.datetime64(moment.date(), "D"),
            population=_population(rows, territories, population),
            kinds={s: _kind(values[:, :, k], (kinds or {}).get(s)) for k, s in enumerate(signals)},
        )

    @property
    def period_days(self) -> int:
        """Days between two dates of the grid: 1 or 7."""
        return PERIOD_DAYS[self.freq]

    def signal_index(self, signal: str) -> int:
        """Position of a signal, or an error that lists those there are."""
        if signal not in self.signals:
            raise FrameError(f"no signal {signal!r} in the panel; it has {', '.join(self.signals)}")
        return self.signals.index(signal)

    def series(self, signal: str) -> Floats:
        """Values of one signal, shape (time, territory), NaN where unknown or absent."""
        return self.values[:, :, self.signal_index(signal)]

    def kind(self, signal: str) -> Kind:
        """Whether a signal counts events or is a rate."""
        return self.kinds.get(signal, "count")

    def until(self, date: DateLike) -> Panel:
        """Cut the panel after ``date``: values as they stand now, of days up to then.

        This is a cut by the day an observation is *about*; what was known at that moment is the business of
        `from_frame`.
        """
        last = day(date)
        keep = self.dates <= last
        values = self.values[keep].copy()
        return replace(
            self,
            dates=self.dates[keep].copy(),
            values=values,
            # A service that opened later was not there yet.
            exists=self.exists & np.isfinite(values).any(axis=0),
            as_of=min(self.as_of, last),
        )

    def where(self, signal: str) -> tuple[Panel, NDArray[np.bool_]]:
        """Keep the territories that have any value of a signal, and tell which those were, shape (territory,)."""
        kept = self.exists[:, self.signal_index(signal)]
        if kept.all():
            return self, kept
        return replace(
            self,
            territories=tuple(t for t, k in zip(self.territories, kept, strict=True) if k),
            values=self.values[:, kept].copy(),
            exists=self.exists[kept].copy(),
            population=None if self.population is None else self.population[kept],
        ), kept

    def without(self, signals: tuple[str, ...]) -> Panel:
        """Leave some signals out, for ablations and explanations."""
        keep = [k for k, s in enumerate(self.signals) if s not in signals]
        return replace(
            self,
            signals=tuple(self.signals[k] for k in keep),
            values=self.values[:, :, keep].copy(),
            exists=self.exists[:, keep].copy(),
        )


def _moment(as_of: DateLike | None, rows: pd.DataFrame) -> pd.Timestamp:
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


def _guess_freq(rows: pd.DataFrame) -> Freq:
    """Days or weeks, by the usual distance between two dates of the same series."""
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


def _grid(dates: pd.Series, freq: Freq, moment: pd.Timestamp) -> Dates:
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
    return cast(Dates, np.arange(days[0], last + 1, period, dtype="datetime64[D]"))


def _fill(rows: pd.DataFrame, dates: Dates, territories: tuple[str, ...], signals: tuple[str, ...]) -> Floats:
    values = np.full((len(dates), len(territories), len(signals)), np.nan)
    period = int((dates[1] - dates[0]).astype(int)) if len(dates) > 1 else 1
    days = rows["date"].to_numpy().astype("datetime64[D]")
    time = (days - dates[0]).astype(int) // period
    place = pd.Categorical(rows["territory"], categories=list(territories)).codes
    kind = pd.Categorical(rows["signal"], categories=list(signals)).codes
    values[time, place, kind] = rows["value"].to_numpy(float)
    return values


def _population(
    rows: pd.DataFrame, territories: tuple[str, ...], given: Mapping[str, float] | None
) -> Floats | None:
    if given is None and "population" in rows.columns:
        given = {str(t): float(p) for t, p in rows.groupby("territory")["population"].last().items()}
    if given is None:
        return None
    found = np.array([float(given.get(t, np.nan)) for t in territories])
    if not np.all(found > 0):
        missing = [t for t, p in zip(territories, found, strict=True) if not p > 0]
        raise FrameError(f"population is missing or not positive for {', '.join(missing[:5])}")
    return found


def _kind(values: Floats, given: Kind | None) -> Kind:
    if given is not None:
        return given
    known = values[np.isfinite(values)]
    return "count" if np.all(known == np.round(known)) else "rate"
