"""A forecasting problem: one target of one panel, prepared once and read by every model.

Every model forecasts the same thing: the *level* of the target, which is the mean of the last seven days
for a daily flow with weekday troughs, and the value itself for weekly series and for stocks. It does so at
a few *anchors*, steps after the last known level (7 and 14 days; 1, 2, 3, 4 weeks). `forecasting.days`
turns levels at anchors into single days, coherently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from forecasting.closures import YEAR_END, closed_on, closure_factors, opened
from forecasting.panel import Panel
from forecasting.seasons import YEAR, season_distance
from forecasting.shares import shares
from forecasting.transforms import (
    Floats,
    RootScale,
    fill_short_gaps,
    lagged,
    root_scale,
    trailing_mean,
    weekday_factors,
)

WEEK = 7
STOCK_ANCHORS = (1, 2, 4, 7, 10, 14, 21, 28)
WEEKDAY_SWING = 0.1
LONGEST_GAP = {"D": 6, "W": 2}
REHEARSALS = 26
REHEARSED_LONG = 104
REHEARSED_SEASON = 6.0
REHEARSED_YEARS = 3.4
QUORUM = 0.5
"""Share of territories that must have reported for a day to count as known."""


@dataclass(frozen=True)
class Problem:
    """One target, with its level and the other signals' levels on the fourth-root scale.

    Attributes
    ----------
    panel : Panel
    target : str
    window : int
        Periods whose mean is the level: 7 or 1.
    last : int
        Index of the newest period at which the target is known.
    anchors : tuple of int
        Steps after ``last`` at which models forecast the level.
    filled : ndarray, shape (time, territory)
        The target in natural units as if no day had been a closure, short gaps filled, up to ``last``.
    scale : RootScale
    z : ndarray, shape (time, territory)
        Level on the fourth-root scale, up to and including ``last``; NaN where unknown.
    closures : ndarray, shape (kind of day,)
        Factor of each kind of day on the target, which ``filled`` and ``z`` are freed of.
    donors : tuple of Problem
        Other series of the same nature, with a longer past, that teach how waves grow and turn; never forecast.
    """

    panel: Panel
    target: str
    window: int
    last: int
    anchors: tuple[int, ...]
    filled: Floats
    scale: RootScale
    z: Floats
    donors: tuple[Problem, ...] = ()
    closures: Floats = field(default_factory=lambda: np.ones(YEAR_END + 1))

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """Dates up to the newest known one."""
        return self.panel.dates[: self.last + 1]

    @property
    def is_count(self) -> bool:
        """Whether the target counts events."""
        return self.panel.kind(self.target) == "count"

    @property
    def weekly_step(self) -> int:
        """Periods in a week: 7 or 1."""
        return WEEK if self.panel.freq == "D" else 1

    def closed_on(self, dates: NDArray[np.datetime64]) -> Floats:
        """Return the factor of each of some days on the target, shape (time, territory), or (time, 1) if all alike."""
        return closed_on(self.closures, dates, self.panel.calendars)

    @property
    def told(self) -> Floats:
        """The target as it was told, short gaps filled, up to ``last``, shape (time, territory)."""
        values = self.filled * self.closed_on(self.dates)
        return np.round(values) if self.is_count else values

    @cached_property
    def rehearsals(self) -> NDArray[np.int64]:
        """Past origins a week apart, newest last.

        The last `REHEARSALS`, every other one of the last two years, and this season in the years before. Each
        has at least three weeks of history before it.
        """
        first, last = 3 * self.weekly_step, len(self.z) - 1
        weekly = np.arange(last - self.weekly_step, first - 1, -self.weekly_step)
        weeks_back = (last - weekly) / self.weekly_step
        same_season = (season_distance(weeks_back) <= REHEARSED_SEASON) & (
            weeks_back < REHEARSED_YEARS * YEAR
        )
        every_other = (weeks_back <= REHEARSED_LONG) & (np.round(weeks_back) % 2 == 0)
        return np.asarray(
            weekly[(weeks_back <= REHEARSALS) | every_other | same_season][::-1], dtype=np.int64
        )

    @cached_property
    def level(self) -> Floats:
        """Newest known level of each territory on the root scale, carried forward where it is stale."""
        return np.asarray(carried(self.z)[-1])

    @cached_property
    def signals(self) -> dict[str, Floats]:
        """Levels of the other signals and of shares between them, as usable at each time.

        Each is shifted by the periods it lags behind the target at this origin, so that a row of the past
        shows what was known then: a signal two days late today is read two days late everywhere.
        """
        found: dict[str, Floats] = {}
        raw: dict[str, Floats] = {}
        for name in self.panel.signals:
            if name == self.target or not np.isfinite(self.panel.series(name)).any():
                continue
            values = self._aligned(name)
            raw[name] = values
            scale = root_scale(values, self.panel.population if self.panel.kind(name) == "count" else None)
            found[name] = scale.forward(values)
        for part, whole in shares(raw, self.window):
            ratio = np.divide(
                raw[part], raw[whole], out=np.full(raw[part].shape, np.nan), where=raw[whole] > 0
            )
            mean = np.nansum(raw[part]) / max(float(np.nansum(raw[whole])), 1e-9)
            found[f"{part}/{whole}"] = RootScale(np.full(ratio.shape[1], max(mean, 1e-9))).forward(ratio)
        return found

    def _aligned(self, name: str) -> Floats:
        values = _opened(self.panel, name, _closures(self.panel, name))
        delay = max(0, self.last - last_known(values, self.panel.exists[:, self.panel.signal_index(name)]))
        daily = self.panel.freq == "D"
        filled = fill_short_gaps(values, self.panel.dates, daily, LONGEST_GAP[self.panel.freq])
        level = trailing_mean(filled, WEEK if daily else 1)
        return lagged(level, delay)[: self.last + 1]


def make_problem(panel: Panel, target: str, furthest: int, donors: Sequence[Panel] = ()) -> Problem:
    """Prepare a target for forecasts up to ``furthest`` periods after the panel's last date.

    Parameters
    ----------
    panel : Panel
    target : str
        One of the panel's signals.
    furthest : int
        Largest horizon wanted, in periods after the panel's last date.
    donors : sequence of Panel
        Every signal of each becomes a donor, as far as it was known when the panel was. Same freq as the panel.

    Raises
    ------
    ValueError
        For a donor of another freq.
    """
    closures = _closures(panel, target)
    values = _opened(panel, target, closures)
    exists = panel.exists[:, panel.signal_index(target)]
    last = last_known(panel.series(target), exists)
    daily = panel.freq == "D"
    filled = fill_short_gaps(values[: last + 1], panel.dates[: last + 1], daily, LONGEST_GAP[panel.freq])
    filled = _level_tail(filled)
    window = WEEK if daily and not is_stock(filled, panel.dates[: last + 1]) else 1
    level = _with_newest_levels(trailing_mean(filled, window), filled)
    scale = root_scale(level, panel.population if panel.kind(target) == "count" else None)
    reach = furthest + len(panel.dates) - 1 - last
    return Problem(
        panel=panel,
        target=target,
        window=window,
        last=last,
        anchors=anchors(reach, window, daily),
        filled=filled,
        scale=scale,
        z=scale.forward(level),
        donors=tuple(p for donor in donors for p in _donor_problems(panel, donor, furthest)),
        closures=closures,
    )


def _closures(panel: Panel, signal: str) -> Floats:
    """Estimate what closures do to a signal; nothing to a stock, to weeks, or where no holiday is known."""
    if panel.freq == "W" or not any(len(holidays) for holidays in panel.calendars):
        return np.ones(YEAR_END + 1)
    values = panel.series(signal)
    known = np.isfinite(values).any(axis=1)
    if is_stock(values[known], panel.dates[known]):
        return np.ones(YEAR_END + 1)
    return closure_factors(values, panel.dates, panel.calendars)


def _opened(panel: Panel, signal: str, closures: Floats) -> Floats:
    return opened(panel.series(signal), closed_on(closures, panel.dates, panel.calendars))


def _donor_problems(panel: Panel, donor: Panel, furthest: int) -> list[Problem]:
    if donor.freq != panel.freq:
        raise ValueError(f"a donor has freq {donor.freq!r}, the panel {panel.freq!r}; they must be the same")
    known = donor.until(min(panel.as_of, panel.dates[-1]))
    found = []
    for signal in known.signals:
        alone = known.without(tuple(s for s in known.signals if s != signal))
        if np.isfinite(alone.values).any():
            found.append(make_problem(alone, signal, furthest))
    return found


def anchors(reach: int, window: int, daily: bool) -> tuple[int, ...]:
    """List the steps at which levels are forecast, so that every period up to ``reach`` follows from them."""
    reach = max(reach, 1)
    if window > 1:
        return tuple(range(window, reach + window, window))
    if not daily:
        return tuple(range(1, reach + 1))
    inside = [a for a in STOCK_ANCHORS if a < reach]
    return (*inside, reach)


def last_known(values: Floats, exists: NDArray[np.bool_]) -> int:
    """Index of the newest period known by at least half of the territories that still report."""
    known = np.isfinite(values)
    live = exists & known[-(4 * WEEK) :].any(axis=0)
    if not live.any():
        return int(np.flatnonzero(known.any(axis=1)).max(initial=0))
    enough = known[:, live].mean(axis=1) >= QUORUM
    return int(np.flatnonzero(enough).max(initial=0))


def is_stock(values: Floats, dates: NDArray[np.datetime64]) -> bool:
    """Whether a daily series is a stock (patients present) rather than a flow of events.

    A flow has weekday troughs, or day-to-day changes that mostly undo each other (counting noise gives a lag-one
    autocorrelation near -0.5). A stock has neither, and its newest value says more than its week's mean.
    """
    factor = weekday_factors(values, dates)
    if factor.max() > (1.0 + WEEKDAY_SWING) * factor.min():
        return False
    change = np.diff(np.sqrt(np.maximum(values[-120:], 0.0)), axis=0)
    change = change[:, np.isfinite(change).sum(axis=0) > 14]
    if change.size == 0:
        return False
    change = np.nan_to_num(change - np.nanmean(change, axis=0))
    against = float((change[1:] * change[:-1]).sum())
    power = float((change**2).sum())
    return power > 0 and against / power > -0.2


def carried(values: Floats) -> Floats:
    """Carry the last known value forward along the first axis."""
    index = np.where(np.isfinite(values), np.arange(len(values))[:, None], -1)
    index = np.maximum.accumulate(index, axis=0)
    out = np.take_along_axis(values, np.maximum(index, 0), axis=0)
    return np.where(index >= 0, out, np.nan)


def _with_newest_levels(level: Floats, filled: Floats) -> Floats:
    """Give a territory whose newest week has holes its newest values' mean as the newest level, so that it has one."""
    out = level.copy()
    for i in np.flatnonzero(np.isnan(level[-1])):
        known = filled[np.isfinite(filled[:, i]), i]
        if len(known):
            out[-1, i] = known[-WEEK:].mean()
    return out


def _level_tail(filled: Floats) -> Floats:
    """Give a territory that is a few periods late its last week again, so that it can be forecast with the others."""
    out = filled.copy()
    for i in np.flatnonzero(np.isnan(filled[-1])):
        known = np.flatnonzero(np.isfinite(filled[:, i]))
        if len(known) == 0:
            continue
        for t in range(int(known[-1]) + 1, len(out)):
            out[t, i] = out[t - WEEK, i] if t >= WEEK and np.isfinite(out[t - WEEK, i]) else out[t - 1, i]
    return out
