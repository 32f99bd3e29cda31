r"""What the ensemble of a run would have said of a target, had it been allowed some groups of signals only.

Parameters and weights are those of the forecast, so nothing is fitted or rehearsed anew (`forecasting.attribution`).
Three steps after the ensemble move medians too, and are heard with it:

- days drawn are given back what public holidays do to them (`forecasting.closures`), of which levels were freed: that
  is the calendar's;
- what a département's median is multiplied by to agree with its region (`forecasting.jobs.coherent`) is the common
  trend's, in the group `calendar`;
- hospitals share out what is forecast of their territory (`forecasting.jobs.hospitals`). With :math:`v_h` a hospital's
  own median and :math:`v` its territory's, with the groups :math:`S` and with none,

  .. math:: v_h(S) \, \frac{v(S) / v(\emptyset)}{\sum_j v_j(S) / \sum_j v_j(\emptyset)} .
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from forecasting.attribution import MIDDLE, Workplace, medians_with, parts_of
from forecasting.explain import GROUPS, MedianWith
from forecasting.forecast import with_median_nowcast
from forecasting.jobs.coherent import regions_of
from forecasting.jobs.forecaster import Lesson, TargetDraws, narrowed
from forecasting.models import REGISTRY
from forecasting.panel import Panel
from forecasting.problem import Problem, make_problem
from forecasting.run import HORIZON_DAYS
from forecasting.transforms import weekday_factors
from streams.vocabulary.signals import signal as signal_of

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
NOTHING: frozenset[str] = frozenset()
WEEK = 7


@dataclass(frozen=True, eq=False)
class Hearing:
    """Medians of one target with any set of groups.

    Attributes
    ----------
    territories, days, groups
        Of what: places, last days of the weeks told of, groups that may be heard.
    median_with
        From a set of groups to medians, natural units, shape (territory, day).
    """

    territories: tuple[str, ...]
    days: tuple[int, ...]
    groups: tuple[str, ...]
    median_with: MedianWith

    def of(self, places: tuple[str, ...]) -> Hearing:
        """Return the same of some territories only."""
        rows = [self.territories.index(t) for t in places]
        return replace(self, territories=places, median_with=lambda which: self.median_with(which)[rows])


@dataclass(frozen=True, eq=False)
class Above:
    """Where hospitals lie: their territories' forecast of the same target.

    Attributes
    ----------
    places
        Territory of each hospital.
    dealt
        Hospitals whose draws were shared out of their territory's.
    reconciled
        As of `listen`.
    """

    panel: Panel
    flow: TargetDraws
    nowcast: Floats | None
    lesson: Lesson | None
    places: Mapping[str, str]
    dealt: frozenset[str]
    reconciled: bool = False


def listen(
    panel: Panel,
    target: str,
    flow: TargetDraws,
    nowcast: Floats | None,
    lesson: Lesson | None,
    *,
    reconciled: bool = False,
) -> Hearing:
    """Hear the ensemble behind some draws with any set of groups.

    Parameters
    ----------
    reconciled
        Whether what was learnt was made to agree with a forecast of the regions.
    """
    states = {} if lesson is None or lesson.learned is None else lesson.learned.state["models"]
    kept, completed = narrowed(panel, nowcast, target)
    whole = kept if completed is None else with_median_nowcast(kept, completed)
    problem = make_problem(whole, target, HORIZON_DAYS)
    late = len(whole.dates) - 1 - problem.last
    chosen = [k for k, a in enumerate(problem.anchors) if 7 <= a and a - late <= HORIZON_DAYS]
    heard = _heard(problem, flow.models["weights"], states)
    agreed = _agreement(problem, heard(frozenset(GROUPS)), lesson if reconciled else None)
    shut = _closures(problem)

    def median_with(which: frozenset[str]) -> Floats:
        found = problem.scale.back(heard(which), axis=0)
        return (found * agreed * shut if "calendar" in which else found)[:, chosen]

    return Hearing(
        territories=whole.territories,
        days=tuple(int(problem.anchors[k] - late) for k in chosen),
        groups=tuple(g for g in GROUPS if g in ("own", "calendar") or g in _groups_of(whole, target)),
        median_with=median_with,
    )


def dealt(inside: Hearing, above: Above, target: str) -> Hearing:
    """Hear hospitals as what is shared out among them is heard, those left alone as themselves."""
    outer = listen(above.panel, target, above.flow, above.nowcast, above.lesson, reconciled=above.reconciled)
    places = {t: i for i, t in enumerate(outer.territories) if t not in above.flow.fallen_back}
    mine = {
        t: [h for h, f in enumerate(inside.territories) if f in above.dealt and above.places[f] == t]
        for t in places
    }

    def growth(hearing: Hearing, rows: list[int], which: frozenset[str]) -> Floats:
        none, some = (hearing.median_with(w)[rows].sum(axis=0) for w in (NOTHING, which))
        ratio = np.divide(some, none, out=np.ones(none.shape), where=(none > 0) & (some > 0))
        # A territory is completed sooner than its hospitals, so its weeks may end a day later.
        return np.asarray(np.interp(inside.days, [hearing.days[0] - WEEK, *hearing.days], [1.0, *ratio]))

    def median_with(which: frozenset[str]) -> Floats:
        found = inside.median_with(which).copy()
        for territory, hospitals in mine.items():
            if hospitals:
                whole = growth(outer, [places[territory]], which)
                found[hospitals] *= whole / growth(inside, hospitals, which)
        return found

    groups = tuple(g for g in GROUPS if g in inside.groups or g in outer.groups)
    return replace(inside, groups=groups, median_with=median_with)


def _heard(
    problem: Problem, weights: Mapping[str, float], states: Mapping[str, Mapping[str, Any]]
) -> MedianWith:
    """Return the median of the models that are heard and can be shared out, as a function of the groups allowed."""
    place = Workplace(problem, lambda source: signal_of(source.split(":")[0]).group)
    heard = {name for name, weight in weights.items() if weight > 0}
    shared = {
        model.name: parts
        for model in REGISTRY
        if model.name in heard
        and (parts := parts_of(model, place, states.get(model.name, {}))) is not None
        and np.isfinite(parts).all()
    }
    if heard - set(shared):
        log.info("models_not_shared_out", target=problem.target, models=sorted(heard - set(shared)))
    if not shared:
        return medians_with(problem.level, [place.nothing], [1.0])
    return medians_with(problem.level, list(shared.values()), [weights[name] for name in shared])


def _agreement(problem: Problem, median: Floats, lesson: Lesson | None) -> Floats:
    """Return by what agreeing with its region multiplied each département's median, shape (territory, anchor)."""
    regions = regions_of(problem.panel)
    learned = None if lesson is None else lesson.learned
    ones = np.ones(median.shape)
    if not regions or learned is None or learned.quantiles.shape[:2] != median.shape:
        return ones
    told = problem.scale.back(learned.quantiles[..., MIDDLE], axis=0)
    plain = problem.scale.back(median, axis=0)
    inside = {t for parts in regions.values() for t in parts}
    rows = np.array([t in inside for t in problem.panel.territories])[:, None]
    return np.divide(told, plain, out=ones, where=rows & (plain > 0) & (told > 0))


def _closures(problem: Problem) -> Floats:
    """Return by what public holidays multiply the week that ends at each anchor, shape (anchor,)."""
    usual = weekday_factors(problem.filled, problem.dates)
    weeks = [problem.dates[-1] + np.arange(max(steps - WEEK, 0) + 1, steps + 1) for steps in problem.anchors]
    # 1 January 1970 was a Thursday; Monday is 0.
    weights = [usual[(week.astype("datetime64[D]").astype(np.int64) + 3) % WEEK] for week in weeks]
    return np.array([w @ problem.closed_on(d) / w.sum() for w, d in zip(weights, weeks, strict=True)])


def _groups_of(panel: Panel, target: str) -> set[str]:
    return {signal_of(s.split(":")[0]).group for s in panel.signals if s != target}
