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
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.grid import (
    PERIOD_DAYS,
    filled,
    kind_of,
    moment_known,
    populations,
    regular_dates,
    usual_freq,
)
from forecasting.tidy_frame import FrameError, checked_rows

__all__ = ["DateLike", "FrameError", "Freq", "Kind", "Panel", "day"]

Freq = Literal["D", "W"]
Kind = Literal["count", "rate"]
Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]
DateLike = str | np.datetime64 | pd.Timestamp | datetime.date


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
    local_holidays : mapping of territory to ndarray of datetime64[D]
        Those that single territories have beside.
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
    local_holidays: Mapping[str, Dates] = field(default_factory=dict)

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
        moment = moment_known(as_of, rows)
        rows = rows[rows["date"] <= moment]
        if "reported_at" in rows.columns:
            rows = rows[rows["reported_at"] <= moment].sort_values("reported_at", kind="stable")
            rows = rows.drop_duplicates(["territory", "date", "signal"], keep="last")
        if rows.empty:
            raise FrameError(f"column 'date': no row is known at {moment.date()}")
        chosen = freq or usual_freq(rows)
        dates = regular_dates(rows["date"], chosen, moment)
        territories = tuple(sorted(rows["territory"].unique()))
        signals = tuple(sorted(rows["signal"].unique()))
        values = filled(rows, dates, territories, signals)
        exists = np.asarray(np.isfinite(values).any(axis=0), dtype=np.bool_)
        return cls(
            dates=dates,
            freq=chosen,
            territories=territories,
            signals=signals,
            values=values,
            exists=exists,
            as_of=np.datetime64(moment.date(), "D"),
            population=populations(rows, territories, population),
            kinds={s: kind_of(values[:, :, k], (kinds or {}).get(s)) for k, s in enumerate(signals)},
        )

    @property
    def period_days(self) -> int:
        """Days between two dates of the grid: 1 or 7."""
        return PERIOD_DAYS[self.freq]

    @property
    def calendars(self) -> tuple[Dates, ...]:
        """Public holidays of each territory; a single calendar where all have the same."""
        if not any(t in self.local_holidays for t in self.territories):
            return (self.holidays,)
        none = np.empty(0, dtype="datetime64[D]")
        return tuple(np.union1d(self.holidays, self.local_holidays.get(t, none)) for t in self.territories)

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
