"""What is back-tested: a target of a panel, from a list of origins, with what was known at each.

A task is frozen before it runs. Its settings are hashed into the names of cached results, so a result is
never reused for another question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.panel import Floats, Panel
from forecasting.transforms import trailing_mean


@dataclass(frozen=True)
class Task:
    """One back-test.

    Attributes
    ----------
    name : str
        Short, without spaces; names the cache.
    panel : Panel
        Everything, as finally known.
    target : str
    origins : ndarray of datetime64[D]
    horizons : tuple of int
        Periods after the origin at which the target is scored.
    window : int
        The score is of the mean over so many periods that end at the horizon: 7 or 1.
    delays : mapping of signal to periods
        Newest periods not known at an origin, when no reporting times say so.
    frame : DataFrame or None
        Tidy frame with ``reported_at``; when there is one, panels are read from it as of each origin.
    chosen_before : datetime64[D]
        Origins before this day were used to choose settings; later ones are reported apart.
    level_offset : float
        Added to the level per head (or to the rate) in the yardstick before the fourth root.
    history_from : datetime64[D]
        Start of the yardstick's record of differences.
    donors : tuple of Panel
    focus : str
        Territory reported apart.
    """

    name: str
    panel: Panel
    target: str
    origins: NDArray[np.datetime64]
    horizons: tuple[int, ...]
    window: int
    chosen_before: np.datetime64
    history_from: np.datetime64
    focus: str
    delays: Mapping[str, int] = field(default_factory=dict)
    frame: pd.DataFrame | None = None
    level_offset: float = 0.05
    donors: tuple[Panel, ...] = ()

    def panel_at(self, origin: np.datetime64) -> Panel:
        """Read the panel as it was known at an origin."""
        if self.frame is not None:
            population = self.panel.population
            given = None if population is None else dict(zip(self.panel.territories, population, strict=True))
            read = Panel.from_frame(
                self.frame, as_of=origin, freq=self.panel.freq, population=given, kinds=self.panel.kinds
            )
            # A calendar is known years ahead.
            return replace(read, holidays=self.panel.holidays, local_holidays=dict(self.panel.local_holidays))
        known = self.panel.until(origin)
        values = known.values.copy()
        for signal, periods in self.delays.items():
            if periods and signal in known.signals:
                values[-periods:, :, known.signal_index(signal)] = np.nan
        return replace(known, values=values)

    def truth(self) -> Floats:
        """Observed target averaged over the window, shape (time, territory)."""
        return trailing_mean(np.asarray(self.panel.series(self.target)), self.window)

    def truth_at(self, origin: np.datetime64) -> Floats:
        """Find what came true, shape (territory, horizon)."""
        index = self.position(origin)
        level = self.truth()
        out = np.full((level.shape[1], len(self.horizons)), np.nan)
        for k, h in enumerate(self.horizons):
            if index + h < len(level):
                out[:, k] = level[index + h]
        return out

    def position(self, origin: np.datetime64) -> int:
        """Index of an origin in the panel's dates."""
        return int(np.searchsorted(self.panel.dates, origin))

    def without(self, signals: tuple[str, ...], name: str) -> Task:
        """Make the same task with some signals left out, for an ablation."""
        frame = None if self.frame is None else self.frame[~self.frame["signal"].isin(signals)]
        return replace(self, name=f"{self.name}-{name}", panel=self.panel.without(signals), frame=frame)

    def digest(self) -> str:
        """Hash of everything the results depend on, but the origins."""
        parts = (
            self.target,
            str(self.horizons),
            str(self.window),
            str(sorted(self.delays.items())),
            ",".join(self.panel.territories),
            ",".join(self.panel.signals),
            hashlib.sha256(np.nan_to_num(self.panel.values, nan=-1.0).tobytes()).hexdigest(),
            *(",".join(map(str, calendar)) for calendar in self.panel.calendars),
            "" if self.frame is None else hashlib.sha256(self.frame.to_csv().encode()).hexdigest(),
            *(hashlib.sha256(np.nan_to_num(d.values, nan=-1.0).tobytes()).hexdigest() for d in self.donors),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
