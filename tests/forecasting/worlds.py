"""Panels of simulated worlds, morning by morning: several territories, each with its own epidemic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from forecasting.jobs.forecaster import LEADING
from forecasting.panel import Panel
from streams.simulator.parameters import Break
from streams.simulator.scenario import scenario
from streams.simulator.simulation import simulate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """What truly happened.

    Attributes
    ----------
    start
        First day.
    territories, signals
        Codes, and `signal:syndrome` with the target first.
    values
        Shape (time, territory, signal).
    first
        Position of the first morning to live through.
    """

    start: date
    territories: tuple[str, ...]
    signals: tuple[str, ...]
    values: Floats
    first: int

    @property
    def truth(self) -> Floats:
        """The target, shape (time, territory)."""
        return self.values[:, :, 0]

    def with_target(self, values: Floats) -> World:
        """Return the world with other counts of the target."""
        return replace(self, values=np.concatenate([values[..., None], self.values[..., 1:]], axis=2))

    def panel(self, morning: int) -> Panel:
        """Return what is known on a morning, counted from the first: every day before it."""
        until = self.first + morning
        values = self.values[: until + 1].copy()
        values[until] = np.nan
        dates = np.datetime64(self.start, "D") + np.arange(until + 1)
        exists = np.ones(values.shape[1:], dtype=bool)
        return Panel(dates, "D", self.territories, self.signals, values, exists, dates[-1], None, {})

    def panels(self, mornings: int) -> list[Panel]:
        """Return the first mornings."""
        return [self.panel(m) for m in range(mornings)]


def simulated(
    target: str,
    first: date,
    mornings: int,
    territories: Sequence[str],
    *,
    seed: int,
    history: int = 200,
    breaks: tuple[Break, ...] = (),
    name: str = "winter",
) -> World:
    """Simulate territories of one scenario, each by a seed of its own.

    Parameters
    ----------
    target
        `signal:syndrome`.
    first
        First morning.
    history
        Days known before it.
    breaks
        When the rules change.
    """
    signal, syndrome = target.split(":")
    signals = [target, *(f"{s}:{syndrome}" for s in LEADING[signal])]
    if syndrome == "all":
        signals = [s for s in signals if not s.startswith("lab_")]
    start, end = first - timedelta(days=history), first + timedelta(days=mornings + 14)
    found = []
    for place, territory in enumerate(territories):
        world = scenario(name, first, start=start, seed=1000 * seed + place, territory=territory)
        made = simulate(replace(world, parameters=replace(world.parameters, breaks=breaks)), start, end)
        found.append(np.stack([made.series(*s.split(":")) for s in signals], axis=1))
    return World(start, tuple(territories), tuple(signals), np.stack(found, axis=1).astype(float), history)


def first_shown(broken: World, whole: World) -> date:
    """Return the first day on which the count of any territory is another than it would have been without the break."""
    day = int(np.flatnonzero((broken.truth != whole.truth).any(axis=1))[0])
    return broken.start + timedelta(days=day)
