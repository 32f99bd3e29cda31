r"""What the ensemble of a run would have said of a target, had it been allowed some groups of signals only.

What each group adds to what each model says was shared out once, where the target was learnt, with the parameters and
weights of the forecast (`forecasting.attribution`); here it is put together, which costs next to nothing.
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

import numpy as np
from numpy.typing import NDArray

from forecasting.attribution import MIDDLE, medians_with
from forecasting.explain import GROUPS, MedianWith
from forecasting.jobs.coherent import regions_of
from forecasting.jobs.forecaster import Lesson, TargetDraws
from forecasting.learned import Learned
from forecasting.panel import Panel
from forecasting.run import HORIZON_DAYS
from forecasting.transforms import RootScale, weekday_factors

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

    def added(self, group: str, amounts: Floats) -> Hearing:
        """Return the same with amounts that a group adds after the models spoke, shape (territory, day)."""
        return replace(
            self,
            median_with=lambda which: self.median_with(which) + amounts * (group in which),
        )

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
    lesson: Lesson
    places: Mapping[str, str]
    dealt: frozenset[str]
    reconciled: bool = False


def listen(panel: Panel, lesson: Lesson, *, reconciled: bool = False) -> Hearing | None:
    """Hear the ensemble behind what was learnt with any set of groups; None when nothing was shared out.

    Parameters
    ----------
    panel
        What was learnt from, for which territories make up a region.
    reconciled
        Whether what was learnt was made to agree with a forecast of the regions.
    """
    learned, shares = lesson.learned, lesson.shares
    if learned is None or shares is None:
        return None
    chosen = [k for k, a in enumerate(learned.anchors) if WEEK <= a and a - learned.late <= HORIZON_DAYS]
    back = RootScale(learned.size).back
    parts = list(shares.parts) or [np.zeros((*learned.quantiles.shape[:2], len(GROUPS)))]
    heard = medians_with(learned.level, parts, [learned.weights[name] for name in shares.models] or [1.0])
    told = back(heard(frozenset(GROUPS)), axis=0)
    agreed = _agreement(regions_of(panel), learned, told) if reconciled else np.ones(told.shape)
    shut = _closures(learned)

    def median_with(which: frozenset[str]) -> Floats:
        found = back(heard(which), axis=0)
        return (found * agreed * shut if "calendar" in which else found)[:, chosen]

    return Hearing(
        territories=learned.territories,
        days=tuple(int(learned.anchors[k] - learned.late) for k in chosen),
        groups=shares.groups,
        median_with=median_with,
    )


def dealt(inside: Hearing, above: Above) -> Hearing:
    """Hear hospitals as what is shared out among them is heard, those left alone as themselves."""
    outer = listen(above.panel, above.lesson, reconciled=above.reconciled)
    if outer is None:
        return inside
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


def _agreement(regions: Mapping[str, tuple[str, ...]], learned: Learned, median: Floats) -> Floats:
    """Return by what agreeing with its region multiplied each département's median, shape (territory, anchor)."""
    told = RootScale(learned.size).back(learned.quantiles[..., MIDDLE], axis=0)
    inside = {t for parts in regions.values() for t in parts}
    rows = np.array([t in inside for t in learned.territories])[:, None]
    return np.divide(told, median, out=np.ones(median.shape), where=rows & (median > 0) & (told > 0))


def _closures(learned: Learned) -> Floats:
    """Return by what public holidays multiply the week that ends at each anchor, shape (territory or 1, anchor)."""
    if len(learned.closures) == 0:
        return np.ones((1, len(learned.anchors)))
    known = len(learned.history)
    usual = weekday_factors(learned.history, learned.dates)
    found = []
    for steps in learned.anchors:
        ahead = np.arange(max(steps - WEEK, 0) + 1, steps + 1)
        days = (learned.dates[-1] + ahead).astype("datetime64[D]").astype(np.int64)
        # 1 January 1970 was a Thursday; Monday is 0.
        weights = usual[(days + 3) % WEEK]
        found.append(weights @ learned.closures[known - 1 + ahead] / weights.sum())
    return np.stack(found, axis=1)
