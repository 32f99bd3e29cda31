"""What each way of making regions and départements add up is worth: the table of docs/decisions/0004-coherence.md.

`METEO_REFERENCE_DATA=… python -m tests.bench.coherence` forecasts the COVID admissions of 101 départements and 13
regions from past Sundays, each with what was known then, and prints the weighted interval score of both levels,
summed over places and origins, over that of the protocol's persistence at the same level, 7 and 14 days ahead:

- bottom-up: regions are the sums of their départements' draws;
- MinT with shrinkage: départements agree with a forecast of their region (`forecasting.jobs.coherent`), regions are
  their sums;
- own series: regions from their own past, which does not add up.

    python -m tests.bench.coherence --origins 3
    python -m tests.bench.coherence --models "persistence;pooled local, long"
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecasting.backtest.reference import departments
from forecasting.backtest.task import Task
from forecasting.backtest.yardstick import persistence_quantiles
from forecasting.distribution import ForecastDistribution
from forecasting.jobs.coherent import reconciled, regions_of, summed_panel
from forecasting.jobs.forecaster import Lesson
from forecasting.learned import Learned
from forecasting.learning import learn
from forecasting.models import REGISTRY
from forecasting.models.base import LEVELS, Model
from forecasting.scoring import wis

Floats = NDArray[np.float64]
Regions = Mapping[str, tuple[str, ...]]
SEED, DRAWS = 20210101, 1000
YARDSTICK, BOTTOM_UP, MINT, OWN = "persistence", "bottom-up", "MinT with shrinkage", "own series"
PLACES = ("départements", "regions")


@dataclass(frozen=True, eq=False)
class Levels:
    """The same task at both levels.

    Attributes
    ----------
    low, high
        Of départements, and of regions.
    regions
        Départements of each region.
    """

    low: Task
    high: Task
    regions: Regions


def both_levels(folder: Path) -> Levels:
    """Read the task of départements, and make that of regions by adding them up."""
    low = departments(folder)
    regions = regions_of(low.panel)
    above = summed_panel(low.panel, low.target, regions)
    return Levels(low, replace(low, name="regions", panel=above, focus=above.territories[0]), regions)


def scores_at(
    levels: Levels, origin: np.datetime64, models: Sequence[Model]
) -> dict[tuple[str, str], Floats]:
    """Forecast one origin each way; return summed scores by level and way, shape (horizon,)."""
    low, high, regions = levels.low, levels.high, levels.regions
    panel, furthest = low.panel_at(origin), max(low.horizons)
    below = learn(panel, low.target, furthest, models=models)
    upper = learn(summed_panel(panel, low.target, regions), low.target, furthest, models=models)
    agreed = reconciled(Lesson(below), Lesson(upper), regions).learned or below
    found = {
        (place, YARDSTICK): _score(task, origin, persistence_quantiles(task, origin), task.panel.territories)
        for place, task in zip(PLACES, (low, high), strict=True)
    }
    for way, learned in ((BOTTOM_UP, below), (MINT, agreed)):
        week = _weeks(low, learned, origin)
        found[PLACES[0], way] = _score(low, origin, week.quantiles(), week.territories)
        above = _summed(week, regions)
        found[PLACES[1], way] = _score(high, origin, above.quantiles(), above.territories)
    week = _weeks(high, upper, origin)
    found[PLACES[1], OWN] = _score(high, origin, week.quantiles(), week.territories)
    return found


def _weeks(task: Task, learned: Learned, origin: np.datetime64) -> ForecastDistribution:
    """Draw the means over the task's window that end at its horizons."""
    drawn = learned.draw(None, range(1, max(task.horizons) + 1), DRAWS, SEED)
    panel = task.panel_at(origin)
    rows = [panel.territories.index(t) for t in drawn.territories]
    known = np.asarray(panel.series(task.target))[-(task.window - 1) :, rows]
    return drawn.window_mean(task.window, known).at(task.horizons)


def _summed(below: ForecastDistribution, regions: Regions) -> ForecastDistribution:
    place = {t: i for i, t in enumerate(below.territories)}
    draws = [below.draws[[place[d] for d in inside if d in place]].sum(axis=0) for inside in regions.values()]
    return replace(below, territories=tuple(regions), draws=np.stack(draws))


def _score(task: Task, origin: np.datetime64, quantiles: Floats, names: Sequence[str]) -> Floats:
    """Sum scores over places, shape (horizon,); quantiles have shape (place, horizon, level)."""
    truth = task.truth_at(origin)[[task.panel.territories.index(t) for t in names]]
    return np.asarray(np.nansum(wis(quantiles, LEVELS, truth), axis=0))


def lines(levels: Levels, scored: Mapping[np.datetime64, Mapping[tuple[str, str], Floats]]) -> Iterator[str]:
    """Yield the table, origins by which settings were chosen apart from later ones."""
    chosen = levels.low.chosen_before
    for name, days in (
        (f"before {chosen}", [o for o in scored if o < chosen]),
        (f"from {chosen} on", [o for o in scored if o >= chosen]),
    ):
        if not days:
            continue
        yield f"{len(days)} origins {name}: relative weighted interval score, {levels.low.horizons} days ahead"
        total = {key: np.sum([scored[o][key] for o in days], axis=0) for key in scored[days[0]]}
        for place, way in total:
            if way != YARDSTICK:
                ratio = total[place, way] / total[place, YARDSTICK]
                yield f"  {place:13s} {way:20s} {' '.join(f'{r:.3f}' for r in ratio)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table for the origins asked for."""
    parser = argparse.ArgumentParser(description="Ways in which regions and départements add up, scored.")
    parser.add_argument("--data", type=Path, default=os.environ.get("METEO_REFERENCE_DATA"))
    parser.add_argument("--origins", type=int, default=25, help="how many, spread over those of the protocol")
    parser.add_argument("--models", default="", help="names of the registry separated by semicolons")
    asked = parser.parse_args(arguments)
    if asked.data is None:
        parser.error("say where the data are: --data FOLDER, or METEO_REFERENCE_DATA")
    names = [n for n in asked.models.split(";") if n]
    levels = both_levels(asked.data)
    every = levels.low.origins
    picked = np.unique(np.linspace(0, len(every) - 1, asked.origins).round().astype(int))
    models = [m for m in REGISTRY if not names or m.name in names]
    scored = {origin: scores_at(levels, origin, models) for origin in every[picked]}
    sys.stdout.write("\n".join(lines(levels, scored)) + "\n")


if __name__ == "__main__":
    main()
