r"""What each group of signals adds to the published median, in admissions and in beds, and which group drives it.

The whole weighted ensemble is asked: each model that is heard shares its change out among groups
(`forecasting.attribution`), the weighted median is taken again for every set of groups with the weights of the run,
and the Shapley value (`forecasting.explain`) shares its admissions out. Parameters and weights are those of the
forecast, so nothing is fitted or rehearsed anew. What a département's median is multiplied by to agree with its region
(`forecasting.jobs.coherent`) is the common trend's, in the group `calendar`. What draws, nowcast and rounding to whole
patients move the published median beyond that, and what a model that cannot be shared out says, is the named
remainder: reference, parts and remainder sum to what is published.

Beds are linear in admissions: with :math:`S(k)` the share of an admission still in bed after :math:`k` days,

.. math:: \Delta B_h = \sum_{j \le h} S(h - j)\, \Delta A_j ,

so each part of the admissions passes through the same convolution, and the reference is the beds needed if
admissions kept their present level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from forecasting.attribution import GROUPS, MIDDLE, Workplace, medians_with, parts_of
from forecasting.explain import Explanation, MedianWith, sentence, shapley
from forecasting.forecast import with_median_nowcast
from forecasting.jobs.bed_forecast import STOCK, BedDraws
from forecasting.jobs.coherent import regions_of
from forecasting.jobs.forecaster import BACK_DAYS, HORIZONS, Lesson, TargetDraws, narrowed
from forecasting.models import REGISTRY
from forecasting.panel import Panel
from forecasting.problem import Problem, make_problem
from forecasting.run import HORIZON_DAYS
from streams.vocabulary.signals import signal as signal_of

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
Document = Mapping[str, Any]
TELLING = 0.02
BED_DAYS = (7, HORIZON_DAYS)


@dataclass(frozen=True)
class Reasons:
    """Explanations of one target by territory; empty where none could be made.

    Attributes
    ----------
    documents
        `days` (last day of each week explained), `reference`, `groups`, `remainder`, `published` (in the target's
        unit per day, means of the week that ends there), and the key and parameters of a sentence.
    drivers
        Group that moves the next week's median most, of those that move it at all.
    """

    documents: Mapping[str, Document] = field(default_factory=dict)
    drivers: Mapping[str, str | None] = field(default_factory=dict)

    def joined(self, other: Reasons) -> Reasons:
        """Return these and those of other places."""
        return Reasons({**self.documents, **other.documents}, {**self.drivers, **other.drivers})


def explain(
    panel: Panel,
    target: str,
    flow: TargetDraws,
    nowcast: Floats | None,
    lesson: Lesson | None = None,
) -> Reasons:
    """Explain the published draws of one target; a failure leaves the forecast unexplained.

    Territories that the yardstick answered for have no explanation.

    Parameters
    ----------
    lesson
        What the draws come from, for the parameters of the models that keep some; without it they are part of the
        remainder.
    """
    names = [t for t in flow.draws if t not in flow.fallen_back]
    if not flow.models or not names:
        return Reasons()
    try:
        return _explained(panel, target, flow, nowcast, lesson, names)
    except Exception as error:  # an explanation is worth having, no forecast depends on it
        log.warning("not_explained", target=target, error=f"{type(error).__name__}: {error}")
        return Reasons()


def _explained(
    panel: Panel,
    target: str,
    flow: TargetDraws,
    nowcast: Floats | None,
    lesson: Lesson | None,
    names: Sequence[str],
) -> Reasons:
    states = {} if lesson is None or lesson.learned is None else lesson.learned.state["models"]
    kept, completed = narrowed(panel, nowcast, target)
    whole = kept if completed is None else with_median_nowcast(kept, completed)
    problem = make_problem(whole, target, HORIZON_DAYS)
    late = len(whole.dates) - 1 - problem.last
    chosen = [k for k, a in enumerate(problem.anchors) if 7 <= a and a - late <= HORIZON_DAYS]
    days = [problem.anchors[k] - late for k in chosen]
    groups = tuple(g for g in GROUPS if g in ("own", "calendar") or g in _groups_of(whole, target))
    places = [whole.territories.index(t) for t in names]
    heard = _heard(problem, flow.models["weights"], states)
    agreed = _agreement(problem, heard(frozenset(GROUPS)), lesson)

    def median_with(which: frozenset[str]) -> Floats:
        found = problem.scale.back(heard(which), axis=0)
        return (found * agreed if "calendar" in which else found)[np.ix_(places, chosen)]

    published = np.array([[_week_median(flow.draws[t], day) for day in days] for t in names])
    found = shapley(median_with, groups, published)
    return Reasons(
        documents={t: _document(found, place, days, target) for place, t in enumerate(names)},
        drivers={t: _driver(found, place) for place, t in enumerate(names)},
    )


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


def _groups_of(panel: Panel, target: str) -> set[str]:
    return {signal_of(s.split(":")[0]).group for s in panel.signals if s != target}


def explain_beds(admissions: Document | None, beds: BedDraws) -> Document | None:
    """Pass the parts of admissions through the stays of a unit, to what they add to its beds on days 7 and 14."""
    if admissions is None or not len(beds.staying):
        return None
    groups = tuple(admissions["groups"])
    amounts = np.array([*(admissions["groups"][g] for g in groups), admissions["remainder"]])
    first = 1 - (beds.stock_age_days if beds.stock_age_days is not None else BACK_DAYS)
    days = np.arange(first, HORIZON_DAYS + 1)
    weeks = np.searchsorted(admissions["days"], days)
    daily = amounts[:, np.minimum(weeks, len(admissions["days"]) - 1)]
    daily = np.where(days > admissions["days"][0] - 7, daily, 0.0)
    added = np.stack([_still_there(daily, days, beds.staying, day) for day in BED_DAYS], axis=1)
    published = np.median(beds.draws[list(BED_DAYS)], axis=1)
    found = Explanation(
        groups, (published - added.sum(axis=0))[None], added[:-1, None], added[-1:], published[None]
    )
    return _document(found, 0, BED_DAYS, STOCK[beds.unit])


def _still_there(daily: Floats, days: NDArray[np.int64], staying: Floats, day: int) -> Floats:
    ages = day - days[days <= day]
    share = np.where(ages < len(staying), staying[np.minimum(ages, len(staying) - 1)], 0.0)
    return np.asarray(daily[:, days <= day] @ share)


def summed(documents: Sequence[Document | None], draws: Floats, *, stock: bool) -> Document | None:
    """Add the explanations of the territories that make up a parent, None unless all have one of the same days.

    Parameters
    ----------
    draws
        The parent's published draws, days 0 to 14.
    stock
        Whether they are of beds, else of a flow that is told by weeks.
    """
    known = [d for d in documents if d is not None]
    if not known or len(known) < len(documents) or any(d["days"] != known[0]["days"] for d in known):
        return None
    days = known[0]["days"]
    groups = tuple(g for g in GROUPS if any(g in d["groups"] for d in known))
    nothing = [0.0] * len(days)
    parts = np.array([np.sum([d["groups"].get(g, nothing) for d in known], axis=0) for g in groups])
    reference = np.sum([d["reference"] for d in known], axis=0)
    published = np.array(
        [float(np.median(draws[(d if stock else max(d - 6, 0)) : d + 1].mean(axis=0))) for d in days]
    )
    rest = published - reference - parts.sum(axis=0)
    found = Explanation(groups, reference[None], parts[:, None], rest[None], published[None])
    return _document(found, 0, days, known[0]["sentence"]["params"]["signal"])


def _week_median(draws: Floats, day: int) -> float:
    last = HORIZONS.index(day)
    return float(np.median(draws[last - 6 : last + 1].mean(axis=0)))


def _document(found: Explanation, place: int, days: Sequence[int], target: str) -> dict[str, Any]:
    def shown(values: Floats) -> list[float]:
        return [round(float(v), 3) for v in values]

    words = sentence(found, (place, 0))
    about = {"days": int(days[0]), "signal": target.partition(":")[0]}
    reference, published = shown(found.reference[place]), shown(found.published[place])
    groups = {name: shown(found.parts[g, place]) for g, name in enumerate(found.groups)}
    # The remainder closes the sum of what is shown, not of what was rounded.
    rest = np.array(published) - np.array(reference) - np.sum(list(groups.values()), axis=0)
    return {
        "days": [int(d) for d in days],
        "reference": reference,
        "groups": groups,
        "remainder": shown(rest),
        "published": published,
        "sentence": {"key": words.key, "params": {**words.parameters, **about}},
    }


def _driver(found: Explanation, place: int) -> str | None:
    """Return the group that adds most in the direction in which the next week's median moves, if it moves."""
    reference, published = float(found.reference[place, 0]), float(found.published[place, 0])
    change = published - reference
    if abs(change) < TELLING * max(reference, 1.0):
        return None
    toward = {name: float(found.parts[g, place, 0]) * np.sign(change) for g, name in enumerate(found.groups)}
    best = max(toward, key=lambda name: toward[name])
    return best if toward[best] > 0 else None
