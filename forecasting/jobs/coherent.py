"""Départements and the region above them: each is forecast for itself, then they are made to tell one story.

Published regions are sums of their départements' draws, draw by draw, always. With the setting `mint` each target is
learnt of the regions too, from sums of what their départements report, and expectations of a region and its
départements are reconciled by minimum trace with shrinkage (`forecasting.coherence`). What that adds to a
département's expectation multiplies all its draws; a factor needs no draws, so chunks of territories can still be
drawn anywhere. What it gained on real data is in docs/decisions/0004-coherence.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import structlog
from numpy.typing import NDArray

from forecasting.coherence import reconciled_means
from forecasting.forecast import with_median_nowcast
from forecasting.hierarchy import hierarchy
from forecasting.jobs.forecaster import Lesson, learn_target, narrowed
from forecasting.learned import Learned
from forecasting.panel import Panel
from forecasting.problem import make_problem
from forecasting.run import HORIZON_DAYS
from streams.vocabulary.places import descendants, register

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
MOST = 3.0
"""A factor beyond this, or below its inverse, says that the sums are of something else."""


def regions_of(panel: Panel) -> dict[str, tuple[str, ...]]:
    """Return the regions whose départements in a panel are nearly all of them, with these, two or more."""
    own = set(panel.territories)
    found = {}
    for code, place in register().items():
        if place.kind != "region" or code in own:
            continue
        inside = tuple(d for d in descendants(code) if d in own)
        if len(inside) > 1 and is_whole(code, inside):
            found[code] = inside
    return found


def is_whole(code: str, inside: Sequence[str]) -> bool:
    """Whether those inside are nearly all of a place: nine inhabitants in ten."""
    known = register()
    people = sum(known[d].population for d in inside)
    return people >= 0.9 * known[code].population


def learn_regions(
    panel: Panel, target: str, *, state: bytes | None, nowcast_draws: Floats | None, models: bool
) -> Lesson:
    """Learn one target of the regions of a panel; parameters as of `forecasting.jobs.forecaster.learn_target`."""
    if not models:
        return Lesson(None, "not asked")
    kept, completed = narrowed(panel, nowcast_draws, target)
    whole = kept if completed is None else with_median_nowcast(kept, completed)
    try:
        above = summed_panel(whole, target, regions_of(panel))
    except (ValueError, IndexError) as error:  # départements are then forecast without their regions
        log.exception("regions_not_learnt", target=target)
        return Lesson(None, f"{type(error).__name__}: {error}")
    return learn_target(above, target, state=state, explained=False)


def summed_panel(panel: Panel, target: str, regions: Mapping[str, Sequence[str]]) -> Panel:
    """Return the panel of regions: sums over their départements where all that have a service are known.

    Days on which a few départements are late are told from their last week, as they are for themselves.
    """
    problem = make_problem(panel, target, HORIZON_DAYS)
    values = panel.values.copy()
    column = panel.signal_index(target)
    values[:, :, column] = np.nan
    values[: problem.last + 1, :, column] = problem.told
    place = {t: i for i, t in enumerate(panel.territories)}
    rows = [[place[d] for d in inside] for inside in regions.values()]
    exists = np.stack([panel.exists[r].any(axis=0) for r in rows])
    none = ~panel.exists & ~np.isfinite(values).any(axis=0)
    told = np.where(none, 0.0, values)
    population = panel.population
    return replace(
        panel,
        territories=tuple(regions),
        values=np.stack([told[:, r].sum(axis=1) for r in rows], axis=1),
        exists=exists,
        population=None if population is None else np.array([population[r].sum() for r in rows]),
    )


def reconciled(lesson: Lesson, above: Lesson | None, regions: Mapping[str, Sequence[str]]) -> Lesson:
    """Return what was learnt of départements with expectations that agree with their regions'."""
    low = lesson.learned
    high = None if above is None else above.learned
    if low is None or high is None or not _alike(low, high):
        return lesson
    factors = np.ones(low.quantiles.shape[:2])
    below, upper = low.means(), high.means()
    for region, inside in regions.items():
        # Of a target that only some départements have, the region is the sum of those.
        rows = [low.territories.index(d) for d in inside if d in low.territories]
        if region in high.territories and len(rows) > 1:
            factors[rows] = _factors(low, high, below, upper, rows, high.territories.index(region))
    return replace(lesson, learned=low.scaled(factors))


def _alike(low: Learned, high: Learned) -> bool:
    """Whether both were rehearsed on the same days and forecast the same ones."""
    return (low.window, low.anchors, low.late, len(low.errors)) == (
        high.window,
        high.anchors,
        high.late,
        len(high.errors),
    )


def _factors(
    low: Learned, high: Learned, below: Floats, upper: Floats, rows: Sequence[int], region: int
) -> Floats:
    """Return by what the départements of one region are multiplied, shape (département, anchor)."""
    nodes = tuple(str(n) for n in range(len(rows) + 1))
    tree = hierarchy(nodes, dict.fromkeys(nodes[1:], nodes[0]))
    out = np.ones((len(rows), len(low.anchors)))
    for anchor in range(len(low.anchors)):
        means = np.array([upper[region, anchor], *below[rows, anchor]])
        errors = np.vstack([high.errors[:, region, anchor], low.errors[:, rows, anchor].T])
        agreed = reconciled_means(means, tree, errors) if np.isfinite(means).all() else None
        if agreed is not None:
            ratio = np.divide(agreed, means[1:], out=np.ones(len(rows)), where=means[1:] > 0)
            out[:, anchor] = np.clip(ratio, 1 / MOST, MOST)
    return out
