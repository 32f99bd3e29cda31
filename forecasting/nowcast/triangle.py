"""The reporting triangle: what was known of each date, so many days after it.

``cumulative[t, d, p]`` is the value of date ``t`` in territory ``p`` as it stood at delay ``d``. A triangle
holds only what was known by one moment (its *edge*): everything with ``t + d`` beyond the edge is unknown.
Two ways in:

- *vintages*: whole or partial extracts, at any irregular dates, each saying how the recent dates stood;
- *revisions*: one row per change, which stands until the next one.

The last delay stands for "that delay or more".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]
Frequency = Literal["D", "W"]

_STEP_DAYS: dict[str, int] = {"D": 1, "W": 7}


@dataclass(frozen=True)
class ReportingTriangle:
    """Values by date and delay, as known at one moment.

    Attributes
    ----------
    dates : ndarray of datetime64[D], shape (time,)
        A regular grid of civil dates (weeks name the day they start).
    territories : tuple of str
        Codes, in the order of the last axis.
    cumulative : ndarray, shape (time, delay, territory)
        Value as it stood at that delay; NaN where no extract tells.
    edge : int
        Position on the time axis of the newest date an extract of that moment can hold: ``t + d <= edge`` is
        known.
    freq : {"D", "W"}
        Step of both axes.
    """

    dates: Dates
    territories: tuple[str, ...]
    cumulative: Floats
    edge: int
    freq: Frequency = "D"

    @property
    def max_delay(self) -> int:
        """Longest delay kept apart; it stands for all longer ones."""
        return int(self.cumulative.shape[1]) - 1

    def as_known(self, edge: int) -> ReportingTriangle:
        """Forget what became known after an earlier edge.

        Parameters
        ----------
        edge : int
            Position on the time axis, at most the present edge.

        Returns
        -------
        ReportingTriangle
            The same dates with later knowledge masked.
        """
        time, delay = np.ogrid[: self.dates.size, : self.max_delay + 1]
        hidden = (time + delay > edge)[:, :, None]
        return replace(self, cumulative=np.where(hidden, np.nan, self.cumulative), edge=edge)

    def newest(self) -> tuple[Floats, NDArray[np.int64]]:
        """Newest known value of each date and the delay it was seen at.

        Returns
        -------
        value : ndarray, shape (time, territory)
            NaN where nothing is known.
        delay : ndarray of int, shape (time, territory)
            Delay of that value, −1 where nothing is known.
        """
        known = np.isfinite(self.cumulative)
        last = self.max_delay - np.argmax(known[:, ::-1, :], axis=1)
        delay = np.where(known.any(axis=1), last, -1)
        value = np.take_along_axis(self.cumulative, np.maximum(delay, 0)[:, None, :], axis=1)[:, 0, :]
        return np.where(delay >= 0, value, np.nan), delay.astype(np.int64)

    def edges(self) -> NDArray[np.int64]:
        """Positions at which an extract was taken, oldest first (the present edge included)."""
        time, delay = np.nonzero(np.isfinite(self.cumulative[:, :-1, :]).any(axis=2))
        found = np.unique(time + delay)
        return found[found <= self.edge].astype(np.int64)


def triangle_of_vintages(
    vintages: pd.DataFrame,
    as_of: str | np.datetime64,
    *,
    max_delay: int = 14,
    freq: Frequency = "D",
    align_newest: bool = True,
    usual_shift: int = 3,
) -> ReportingTriangle:
    """Build the triangle known at a moment from extracts taken at irregular dates.

    Parameters
    ----------
    vintages : DataFrame
        Columns ``as_of``, ``date``, ``territory``, ``value``: a value as it stood in the extract of that day.
    as_of : str or datetime64
        Extracts of that day and before are read, later ones never.
    max_delay : int
        Longest delay kept apart, in steps of ``freq``.
    freq : {"D", "W"}
        With "W", daily values are summed by week starting on Monday and a week counts only once it is over.
    align_newest : bool
        Count delays from the newest date an extract holds rather than from the day it was taken: the same
        file taken in the morning or in the evening is one publication day apart, and its newest date is
        equally incomplete.
    usual_shift : int
        An extract whose newest date is older than that many steps is a partial one, and is aligned as most
        others.

    Returns
    -------
    ReportingTriangle
        Empty of values if nothing had been extracted by then.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    missing = {"as_of", "date", "territory", "value"} - set(vintages.columns)
    if missing:
        raise ValueError(
            f"the vintages have no column {sorted(missing)}: as_of, date, territory, value are read"
        )
    known = vintages.loc[pd.to_datetime(vintages["as_of"]) <= pd.Timestamp(as_of)]
    table = pd.DataFrame(
        {
            "as_of": pd.to_datetime(known["as_of"]).to_numpy().astype("datetime64[D]"),
            "date": pd.to_datetime(known["date"]).to_numpy().astype("datetime64[D]"),
            "territory": known["territory"].astype(str).to_numpy(),
            "value": known["value"].to_numpy(dtype=np.float64),
        }
    )
    if freq == "W":
        table = _weekly(table)
    return triangle_of_rows(
        table, pd.Timestamp(as_of), max_delay, freq, _closing(freq), usual_shift if align_newest else None
    )


def triangle_of_revisions(
    reference: ArrayLike,
    reported: ArrayLike,
    territory: ArrayLike,
    value: ArrayLike,
    as_of: str | np.datetime64,
    *,
    max_delay: int = 14,
    freq: Frequency = "D",
) -> ReportingTriangle:
    """Build the triangle known at a moment from a list of revisions, each standing until the next.

    Parameters
    ----------
    reference, reported : array_like of dates, shape (row,)
        The date a value is about and the civil day it became known.
    territory : array_like of str, shape (row,)
        Codes.
    value : array_like, shape (row,)
        The value from then on (the level, not the change).
    as_of : str or datetime64
        Revisions of that day and before are read, later ones never.
    max_delay : int
        Longest delay kept apart, in steps of ``freq``.
    freq : {"D", "W"}
        Step of the reference dates; weeks count delays in whole weeks after their last day.

    Returns
    -------
    ReportingTriangle
        Delays before the first report of a date are unknown.
    """
    rows = pd.DataFrame(
        {
            "date": np.asarray(reference, dtype="datetime64[D]"),
            "as_of": np.asarray(reported, dtype="datetime64[D]"),
            "territory": np.asarray(territory).astype(str),
            "value": np.asarray(value, dtype=np.float64),
        }
    )
    now = pd.Timestamp(as_of)
    triangle = triangle_of_rows(rows.loc[rows["as_of"] <= now], now, max_delay, freq, _closing(freq))
    stands = triangle.cumulative.copy()
    for delay in range(1, max_delay + 1):
        stands[:, delay] = np.where(np.isnan(stands[:, delay]), stands[:, delay - 1], stands[:, delay])
    return replace(triangle, cumulative=stands).as_known(triangle.edge)


def _closing(freq: Frequency) -> int:
    # A week is over seven days after the day that names it; a day may be reported the day it happens.
    return _STEP_DAYS[freq] if freq == "W" else 0


def _weekly(table: pd.DataFrame) -> pd.DataFrame:
    day = table["date"].to_numpy().astype("datetime64[D]")
    # 1970-01-01 was a Thursday, so Mondays are 4 days after a multiple of seven.
    week = day - ((day.astype(np.int64) + 3) % 7).astype("timedelta64[D]")
    grouped = table.assign(date=week).groupby(["as_of", "date", "territory"], sort=False)["value"]
    sums = grouped.agg(["sum", "count"]).reset_index()
    whole = sums.loc[sums["count"] == 7]
    return whole.rename(columns={"sum": "value"}).drop(columns="count")


def triangle_of_rows(
    table: pd.DataFrame,
    now: pd.Timestamp,
    max_delay: int,
    freq: Frequency,
    closing: int,
    usual_shift: int | None = None,
) -> ReportingTriangle:
    """Put rows in a triangle where they were seen; nothing stands in between.

    Parameters
    ----------
    table : DataFrame
        Columns ``as_of``, ``date``, ``territory``, ``value``, none reported after ``now``.
    now : Timestamp
        Moment of the triangle.
    max_delay : int
    freq : {"D", "W"}
    closing : int
        Days from the date that names a period to when its delay is zero; what comes earlier counts as zero too.
    usual_shift : int, optional
        Count delays from the newest date of an extract, as in `triangle_of_vintages`.

    Returns
    -------
    ReportingTriangle
    """
    step = _STEP_DAYS[freq]
    day = table["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    seen = table["as_of"].to_numpy().astype("datetime64[D]").astype(np.int64) - closing
    present = now.to_numpy().astype("datetime64[D]").astype(np.int64) - closing
    if day.size == 0:
        return ReportingTriangle(
            np.empty(0, "datetime64[D]"), (), np.full((0, max_delay + 1, 0), np.nan), -1, freq
        )
    shift = np.zeros(day.size, dtype=np.int64)
    usual = 0
    if usual_shift is not None:
        shift, usual = _alignment(day, seen, step, usual_shift)
    delay = (seen - day) // step - shift
    # Under way is not over: the part of a period seen before its end is its first value.
    delay = np.where((delay < 0) & (seen + closing >= day), 0, delay)
    first, last = int(day.min()), int(day.max())
    dates = np.arange(first, last + step, step).astype("datetime64[D]")
    territories, column = np.unique(table["territory"].to_numpy().astype(str), return_inverse=True)
    cumulative = np.full((dates.size, max_delay + 1, territories.size), np.nan)
    order = np.argsort(seen, kind="stable")
    order = order[delay[order] >= 0]
    place = (day - first) // step
    cumulative[place[order], np.minimum(delay[order], max_delay), column[order]] = table["value"].to_numpy()[
        order
    ]
    newest = seen.max() if usual_shift is not None else present
    offset = int(shift[np.argmax(seen)]) if usual_shift is not None else usual
    edge = int((newest - first) // step) - offset
    if usual_shift is None:
        edge = max(edge, int(place[order][delay[order] == 0].max(initial=0)))
    edge = min(edge, dates.size - 1 + max_delay)
    return ReportingTriangle(dates, tuple(str(code) for code in territories), cumulative, edge, freq)


def _alignment(
    day: NDArray[np.int64], seen: NDArray[np.int64], step: int, usual_shift: int
) -> tuple[NDArray[np.int64], int]:
    extracts, which = np.unique(seen, return_inverse=True)
    newest = np.full(extracts.size, np.iinfo(np.int64).min)
    np.maximum.at(newest, which, day)
    shift = (extracts - newest) // step
    whole = shift <= usual_shift
    usual = int(np.median(shift[whole])) if whole.any() else 0
    return np.where(whole, shift, usual)[which], usual
