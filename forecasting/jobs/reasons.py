"""What each group of signals adds to the published median of admissions, and which of them drives the bulletin.

Groups are added in a fixed order (own past, emergency departments, calls, laboratories) to the pooled local models,
which are the ones quick enough to run four times; what the rest of the ensemble, calibration and nowcast add is the
named remainder, so that reference, parts and remainder sum to what is published (`forecasting.explain`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from forecasting.distribution import QUANTILE_LEVELS
from forecasting.explain import Explanation, fixed_order, sentence
from forecasting.forecast import level_quantiles, with_median_nowcast
from forecasting.jobs.forecaster import HORIZONS, narrowed
from forecasting.models import REGISTRY, Model
from forecasting.panel import Panel
from forecasting.problem import Problem, make_problem
from forecasting.run import HORIZON_DAYS
from streams.vocabulary.signals import signal as signal_of

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
ORDER = ("own", "emergency", "calls", "laboratory")
MIDDLE = QUANTILE_LEVELS.index(0.5)
QUICK: tuple[Model, ...] = tuple(m for m in REGISTRY if m.name.startswith("pooled local"))[:2]
TELLING = 0.02


@dataclass(frozen=True)
class Reasons:
    """Explanations by territory; empty where none could be made.

    Attributes
    ----------
    documents
        `days` (last day of each week explained), `reference`, `groups`, `remainder`, `published` (admissions
        per day, means of the week that ends there), and the key and parameters of a sentence.
    drivers
        Group that moves the next week's median most, of those that move it at all.
    """

    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    drivers: Mapping[str, str | None] = field(default_factory=dict)


def explain(
    panel: Panel,
    target: str | None,
    draws: Mapping[str, Floats],
    nowcast: Floats | None,
    territories: Sequence[str],
) -> Reasons:
    """Explain the published draws of one target; a failure leaves the forecast unexplained."""
    if target is None or not draws:
        return Reasons()
    try:
        return _explained(panel, target, draws, nowcast, [t for t in territories if t in draws])
    except Exception as error:  # an explanation is worth having, no forecast depends on it
        log.warning("not_explained", target=target, error=f"{type(error).__name__}: {error}")
        return Reasons()


def _explained(
    panel: Panel, target: str, draws: Mapping[str, Floats], nowcast: Floats | None, names: Sequence[str]
) -> Reasons:
    kept, completed = narrowed(panel, nowcast, target)
    whole = kept if completed is None else with_median_nowcast(kept, completed)
    problem = make_problem(whole, target, HORIZON_DAYS)
    late = len(whole.dates) - 1 - problem.last
    chosen = [k for k, a in enumerate(problem.anchors) if 7 <= a and a - late <= HORIZON_DAYS]
    days = [problem.anchors[k] - late for k in chosen]
    places = [whole.territories.index(t) for t in names]
    published = np.array([[_week_median(draws[t], day) for day in days] for t in names])
    groups = tuple(g for g in ORDER if g == "own" or any(_group(s, target) == g for s in whole.signals))

    def median_with(chosen_groups: frozenset[str]) -> Floats:
        if not chosen_groups:
            level = problem.scale.back(problem.z[-1][None], axis=1)[0]
            return np.repeat(level[places][:, None], len(days), axis=1)
        return _medians(whole, target, chosen_groups)[places][:, chosen]

    found = fixed_order(median_with, groups, published)
    return Reasons(
        documents={t: _document(found, place, days) for place, t in enumerate(names)},
        drivers={t: _driver(found, place) for place, t in enumerate(names)},
    )


def _group(key: str, target: str) -> str:
    return "own" if key == target else signal_of(key.split(":")[0]).group


def _medians(panel: Panel, target: str, groups: frozenset[str]) -> Floats:
    left_out = tuple(s for s in panel.signals if s != target and _group(s, target) not in groups)
    problem: Problem = make_problem(panel.without(left_out), target, HORIZON_DAYS)
    return np.asarray(level_quantiles(problem, QUICK, {})[..., MIDDLE])


def _week_median(draws: Floats, day: int) -> float:
    last = HORIZONS.index(day)
    return float(np.median(draws[last - 6 : last + 1].mean(axis=0)))


def _document(found: Explanation, place: int, days: Sequence[int]) -> dict[str, Any]:
    def shown(values: Floats) -> list[float]:
        return [round(float(v), 3) for v in values]

    words = sentence(found, (place, 0))
    return {
        "days": list(days),
        "reference": shown(found.reference[place]),
        "groups": {name: shown(found.parts[g, place]) for g, name in enumerate(found.groups)},
        "remainder": shown(found.remainder[place]),
        "published": shown(found.published[place]),
        "sentence": {"key": words.key, "params": dict(words.parameters)},
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
