"""Worlds of some simulated territories of which everything is known: counts, censuses and every stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from forecasting.beds import StayCounts
from forecasting.jobs.bed_forecast import UNITS
from forecasting.jobs.days_off import public_holidays
from forecasting.jobs.inputs import BedInputs
from forecasting.panel import Panel
from forecasting.run import HORIZON_DAYS, STOCK, Unit
from streams.simulator.partners import BEDDED, CRITICAL, UNIT_NAMES
from streams.simulator.scenario import scenario
from streams.simulator.simulation import Simulation, simulate
from streams.simulator.stays import Stays
from streams.vocabulary.places import departements, place

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FLOWS = ("admissions", "critical_admissions", "ed_visits", "sos_calls", "samu_calls", "lab_positives")
CAUSES = ("all", "covid", "influenza", "bronchiolitis", "gastroenteritis")
DELAYS = {"ed_visits": 2, "lab_positives": 2}
"""Newest days not known at an origin, by signal; of the others the day of the origin only."""
FIRST = date(2022, 8, 1)
STAY_DAYS = 180
OLDEST = 120


@dataclass(frozen=True, eq=False)
class World:
    """Simulated territories, all of it known.

    Attributes
    ----------
    panel
        Final counts and censuses, the first territory being Loire-Atlantique.
    stretches
        By territory and unit: days on which patients came into this kind of bed and left it, shape (2, stretch),
        counted from the panel's first.
    """

    panel: Panel
    stretches: dict[tuple[str, Unit], Ints]

    def known_on(self, day: int) -> Panel:
        """Return the panel as it stood on the morning of a day, which is its last."""
        values = self.panel.values[: day + 1].copy()
        for column, key in enumerate(self.panel.signals):
            values[-DELAYS.get(key.split(":")[0], 1) :, :, column] = np.nan
        dates = self.panel.dates[: day + 1].copy()
        return replace(self.panel, dates=dates, values=values, as_of=dates[-1])

    def beds_on(self, day: int) -> BedInputs:
        """Return stays and patients present as the movements of stays told them on the morning of a day."""
        stays: dict[tuple[str, str], StayCounts] = {}
        present: dict[tuple[str, str], Ints] = {}
        for key, (came, left) in self.stretches.items():
            recent = (came >= day - STAY_DAYS) & (came < day)
            ended = left[recent] < day
            length = np.where(ended, left[recent], day - 1) - came[recent]
            stays[key] = StayCounts.from_lengths(length, ended)
            here = (came < day) & (left >= day)
            present[key] = np.bincount(np.minimum(day - 1 - came[here], OLDEST)).astype(np.int64)
        return BedInputs(stays=stays, present=present)


def make_world(seed: int, territories: int, days: int) -> World:
    """Simulate some territories from the first of August 2022 on, each with epidemics of its own."""
    end = FIRST + timedelta(days=days)
    keys = (*(f"{name}:{cause}" for name in FLOWS for cause in CAUSES), *(f"{STOCK[u]}:all" for u in UNITS))
    codes = _codes(territories)
    values = np.empty((days, territories, len(keys)))
    stretches: dict[tuple[str, Unit], Ints] = {}
    for i, code in enumerate(codes):
        made = simulate(
            scenario("winter", end, seed=1000 * seed + i, territory=code, start=FIRST), FIRST, end
        )
        values[:, i] = _columns(made, keys)
        for unit in UNITS:
            stretches[code, unit] = _stretches(made, unit)
    dates = np.datetime64(FIRST, "D") + np.arange(days)
    panel = Panel(
        dates=dates,
        freq="D",
        territories=codes,
        signals=keys,
        values=values,
        exists=np.ones((territories, len(keys)), dtype=bool),
        as_of=dates[-1],
        population=np.array([float(place(code).population) for code in codes]),
        kinds=dict.fromkeys(keys, "count"),
        holidays=public_holidays(dates[0], dates[-1] + HORIZON_DAYS),
    )
    return World(panel, stretches)


def _codes(territories: int) -> tuple[str, ...]:
    """Loire-Atlantique and others spread over the register, of all sizes."""
    others = [p.code for p in departements() if len(p.code) == 2 and p.code != "44"]
    step = len(others) / max(territories - 1, 1)
    return ("44", *(others[int(i * step)] for i in range(territories - 1)))


def _columns(made: Simulation, keys: Sequence[str]) -> Floats:
    present = made.present[made.first : made.last].sum(axis=1)
    critical = present[:, UNIT_NAMES.index(CRITICAL)]
    beds = sum(present[:, UNIT_NAMES.index(name)] for name in BEDDED)
    stocks = {"occupied_beds": beds - critical, "occupied_critical_beds": critical}
    named = [key.split(":") for key in keys]
    return np.stack([stocks[n] if n in stocks else made.series(n, cause) for n, cause in named], axis=1)


def _stretches(made: Simulation, unit: Unit) -> Ints:
    """Return first and last day of each unbroken time in a kind of bed, shape (2, stretch)."""
    stays: Stays = made.stays
    times = np.where(stays.times < 0, np.iinfo(np.int64).max, stays.times)
    order = np.argsort(times, axis=1, kind="stable")
    times, units, exits = (np.take_along_axis(a, order, axis=1) for a in (times, stays.units, stays.exits))
    mine = (units >= 0) & ((units == UNIT_NAMES.index(CRITICAL)) == (unit == "critical"))
    goes_on = np.zeros(mine.shape, dtype=bool)
    goes_on[:, 1:] = mine[:, 1:] & mine[:, :-1]
    begins, ends = mine & ~goes_on, mine & ~np.pad(goes_on[:, 1:], ((0, 0), (0, 1)))
    civil = made.calendar.civil_index
    return np.asarray(np.stack([civil(times[begins]), civil(exits[ends])]) - made.first)
