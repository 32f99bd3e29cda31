"""How good forecasts of simulated worlds are, where everything is known: skill and coverage at every single horizon.

`python -m tests.bench.simulator_skill` makes worlds of some invented territories (three and a half years, epidemics
drawn apart), forecasts their flows from origins ten days apart over the last year and a half, each with what was
known on its morning, sends the draws through the bed model as a run does, and prints for each target and horizon

- relative WIS: summed weighted interval score over the yardstick's; the yardstick is persistence as in the protocol:
  the last seven days' mean times the weekday (for beds the newest census), with symmetric intervals from past errors
  on the fourth-root scale, each territory and horizon apart;
- mean absolute error of the median, and the yardstick's beside it, as a share of the mean;
- coverage of the 50, 80 and 95 % intervals, by randomised probability integral transforms, since the quantiles of
  small whole numbers always cover more than they say (Czado et al. 2009, doi:10.1111/j.1541-0420.2009.01191.x), and
  the standard error of the middle one, origins of one world counting once a fortnight.

    python -m tests.bench.simulator_skill --territories 1 --worlds 3
    python -m tests.bench.simulator_skill --territories 20 --targets admissions:all,beds --every 20
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson
from numpy.typing import NDArray

from forecasting.jobs.bed_forecast import FLOW, UNITS, beds_of
from forecasting.jobs.forecaster import HORIZONS, narrowed
from forecasting.learning import learn
from forecasting.models import REGISTRY
from forecasting.models.base import LEVELS, Model
from forecasting.panel import Panel
from forecasting.run import HORIZON_DAYS, STOCK
from forecasting.scoring import wis
from forecasting.transforms import trailing_mean, weekday_factors
from tests.bench.simulator_world import DELAYS, World, make_world

Floats = NDArray[np.float64]
BEDS = "beds"
TARGETS = (
    "admissions:all",
    "critical_admissions:all",
    "ed_visits:all",
    "admissions:covid",
    "admissions:influenza",
    BEDS,
)
PAST_DAYS = 740
SHOWN = (1, 2, 3, 5, 7, 10, 14)
NOMINAL = (0.5, 0.8, 0.95)
OFFSET = 0.05


@dataclass(eq=False)
class Scored:
    """What one target scored, a row for each origin and territory, a column for each day 0 to 14."""

    wis: list[Floats] = field(default_factory=list)
    yardstick: list[Floats] = field(default_factory=list)
    error: list[Floats] = field(default_factory=list)
    yardstick_error: list[Floats] = field(default_factory=list)
    pit: list[Floats] = field(default_factory=list)
    truth: list[Floats] = field(default_factory=list)
    fortnights: set[tuple[int, str, int]] = field(default_factory=set)

    def add(self, draws: Floats, truth: Floats, yardstick: Floats, rng: np.random.Generator) -> None:
        """Score draws of days 0 to 14, shape (day, draw), beside quantiles of the yardstick, shape (day, level)."""
        quantiles = np.quantile(draws, LEVELS, axis=1).T
        middle = len(LEVELS) // 2
        self.wis.append(wis(quantiles, LEVELS, truth))
        self.yardstick.append(wis(yardstick, LEVELS, truth))
        self.error.append(np.abs(quantiles[:, middle] - truth))
        self.yardstick_error.append(np.abs(yardstick[:, middle] - truth))
        below, same = (draws < truth[:, None]).mean(axis=1), (draws == truth[:, None]).mean(axis=1)
        self.pit.append(below + rng.random(len(truth)) * np.maximum(same, 1.0 / draws.shape[1]))
        self.truth.append(truth)

    def relative_wis(self, days: int | slice = slice(1, None)) -> float:
        """Ratio of summed scores over some days ahead."""
        return float(np.array(self.wis)[:, days].sum() / np.array(self.yardstick)[:, days].sum())

    def coverage(self, nominal: float, days: int | slice = slice(1, None)) -> float:
        """Share of truths inside the central interval, over some days ahead."""
        return float((np.abs(np.array(self.pit)[:, days] - 0.5) <= nominal / 2).mean())

    def relative_error(self, days: int, *, of_yardstick: bool = False) -> float:
        """Mean absolute error of the median as a share of the mean."""
        error = self.yardstick_error if of_yardstick else self.error
        return float(np.array(error)[:, days].mean() / np.array(self.truth)[:, days].mean())

    def lines(self, title: str) -> Iterator[str]:
        """Yield the table of a target."""
        yield f"{title}: {len(self.truth)} forecasts, mean {np.array(self.truth).mean():.1f} a day"
        yield "  day  rel. WIS  error (yardstick)   cover 50   80   95"
        # Overlapping fortnights of one territory are one piece of evidence.
        noise = 50.0 / np.sqrt(max(len(self.fortnights), 1))
        for day in SHOWN:
            cover = " ".join(f"{100 * self.coverage(a, day):5.1f}" for a in NOMINAL)
            error, theirs = self.relative_error(day), self.relative_error(day, of_yardstick=True)
            yield f"  {day:3d}   {self.relative_wis(day):6.3f}   {error:6.1%} ({theirs:6.1%})    {cover}  +-{noise:.1f}"
        cover = " ".join(f"{100 * self.coverage(a):5.1f}" for a in NOMINAL)
        yield f"  all   {self.relative_wis():6.3f}                       {cover}"


def yardstick(values: Floats, dates: NDArray[np.datetime64], steps: Sequence[int], *, stock: bool) -> Floats:
    """Quantiles of persistence as in the protocol, shape (step, territory, level).

    Parameters
    ----------
    values
        Up to the newest known day, shape (time, territory).
    steps
        Days after it.
    """
    weekday = (dates.astype("datetime64[D]").astype(np.int64) + 3) % 7
    factor = np.ones(7) if stock else np.maximum(weekday_factors(values, dates), 0.02)
    level = values if stock else trailing_mean(values, 7)
    size = values.mean(axis=0) + 1e-9
    truth = (values / size + OFFSET) ** 0.25
    out = np.empty((len(steps), values.shape[1], len(LEVELS)))
    for k, step in enumerate(steps):
        said = (level * factor[(weekday + step) % 7][:, None] / size + OFFSET) ** 0.25
        errors = truth[step:] - said[:-step]
        errors = errors[np.isfinite(errors).all(axis=1)]
        spread = np.quantile(np.concatenate([errors, -errors]), LEVELS, axis=0).T
        out[k] = np.maximum(np.maximum(said[-1][:, None] + spread, 0.0) ** 4 - OFFSET, 0.0) * size[:, None]
    return out


class Measure:
    """Forecasts of one world from one origin after the other, scored as they are made.

    Parameters
    ----------
    world
    targets
        Flows, and `beds` for the beds of both kinds.
    models
        The registry, or a few of it.
    """

    def __init__(self, world: World, targets: Sequence[str], models: Sequence[Model], draws: int) -> None:
        self._world, self._targets, self._models, self._draws = world, targets, models, draws
        self._states: dict[str, bytes] = {}
        self._rng = np.random.default_rng(1)

    def step(self, day: int, number: int, found: dict[str, Scored]) -> None:
        """Forecast from one day and score it."""
        panel = self._world.known_on(day)
        flows = [t for t in self._targets if t != BEDS]
        if BEDS in self._targets:
            flows = list(dict.fromkeys([*flows, *(f"{FLOW[u]}:all" for u in UNITS)]))
        drawn = {target: self._flow(panel, target) for target in flows}
        for target in (t for t in flows if t in self._targets):
            self._score(panel, target, drawn[target][:, -HORIZON_DAYS - 1 :], day, number, found)
        if BEDS not in self._targets:
            return
        known = self._world.beds_on(day)
        for unit in UNITS:
            flow = drawn[f"{FLOW[unit]}:all"]
            made = [
                beds_of(panel, place, unit, "all", flow[i], known, 1)
                for i, place in enumerate(panel.territories)
            ]
            paths = np.stack([b.draws for b in made if b is not None])
            self._score(panel, f"{STOCK[unit]}:all", paths, day, number, found)

    def _flow(self, panel: Panel, target: str) -> Floats:
        """Draws of every territory for the days of `HORIZONS`, shape (territory, day, draw)."""
        kept, _ = narrowed(panel, None, target)
        before = self._states.get(target)
        learned = learn(
            kept, target, HORIZON_DAYS, state=orjson.loads(before) if before else None, models=self._models
        )
        self._states[target] = orjson.dumps(learned.state, option=orjson.OPT_SERIALIZE_NUMPY)
        return np.asarray(learned.draw(None, HORIZONS, self._draws, 1).draws)

    def _score(
        self, panel: Panel, target: str, draws: Floats, day: int, number: int, found: dict[str, Scored]
    ) -> None:
        late = DELAYS.get(target.split(":")[0], 1)
        column = panel.signal_index(target)
        steps = range(late, late + HORIZON_DAYS + 1)
        values, dates = panel.values[:-late, :, column], panel.dates[:-late]
        quantiles = yardstick(values, dates, list(steps), stock=target.startswith("occupied"))
        scored = found.setdefault(target, Scored())
        for i, name in enumerate(panel.territories):
            truth = self._world.panel.values[day : day + HORIZON_DAYS + 1, i, column]
            scored.add(draws[i], truth, quantiles[:, i], self._rng)
            scored.fortnights.add((number, name, day // 14))


def measure(
    worlds: Sequence[int],
    territories: int,
    targets: Sequence[str],
    *,
    days: int = 1429,
    past: int = PAST_DAYS,
    every: int = 10,
    models: Sequence[Model] = REGISTRY,
    draws: int = 400,
) -> dict[str, Scored]:
    """Forecast simulated worlds and score every day ahead.

    Parameters
    ----------
    worlds
        Seeds.
    days, past
        Length of each world, and the days of it before the first origin.
    every
        Days between origins.
    """
    found: dict[str, Scored] = {}
    for seed in worlds:
        world = make_world(seed, territories, days)
        measured = Measure(world, targets, models, draws)
        # Worlds begin on other weekdays, so that a horizon is not always the same day of the week.
        for day in range(past + 3 * seed, days - HORIZON_DAYS, every):
            measured.step(day, seed, found)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description="Skill and coverage of forecasts on simulated worlds.")
    parser.add_argument("--territories", type=int, default=5)
    parser.add_argument("--worlds", type=int, default=1, help="how many worlds, seeds 1, 2, ...")
    parser.add_argument("--every", type=int, default=10, help="days between origins")
    parser.add_argument(
        "--targets", default=",".join(TARGETS), help="comma-separated; `beds` for both kinds of beds"
    )
    parser.add_argument(
        "--models", default="", help="names of the registry separated by semicolons; all by default"
    )
    asked = parser.parse_args(arguments)
    names = [n for n in asked.models.split(";") if n]
    models = [m for m in REGISTRY if not names or m.name in names]
    start = time.perf_counter()
    found = measure(
        range(1, asked.worlds + 1),
        asked.territories,
        asked.targets.split(","),
        every=asked.every,
        models=models,
    )
    out = sys.stdout.write
    out(f"{asked.worlds} worlds of {asked.territories} territories, {time.perf_counter() - start:.0f} s\n")
    for target, scored in found.items():
        out("\n".join(scored.lines(target)) + "\n")


if __name__ == "__main__":
    main()
