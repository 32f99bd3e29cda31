r"""What each group of signals adds to the published median, in admissions and in beds, and which group drives it.

The pooled members of the ensemble are linear on the root scale, without an intercept: the change each forecasts is a
sum of coefficients times columns, and zero columns are persistence. So each one's change is shared out exactly by the
Shapley value of a linear model, at the cost of one fit and no other median. Changes are averaged as the ensemble weighs
its members (a yardstick changes nothing but by its season, which is calendar), and carried to admissions by the
Aumann-Shapley value (`forecasting.explain.linear`). What SARIMAX, Prophet and the negative binomial say beyond that,
the weighted median against a mean, calibration and nowcast are the named remainder: reference, parts and
remainder sum to what is published.

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

from forecasting.ensemble import YARDSTICKS
from forecasting.explain import Explanation, linear, sentence
from forecasting.features import Look, table
from forecasting.forecast import with_median_nowcast
from forecasting.jobs.bed_forecast import BedDraws
from forecasting.jobs.forecaster import BACK_DAYS, HORIZONS, TargetDraws, narrowed
from forecasting.models import REGISTRY, PooledGrowth
from forecasting.models.base import LEVELS
from forecasting.models.pooled import Member, coefficients, known_share
from forecasting.models.seasonal_naive import SeasonalNaive
from forecasting.panel import Panel
from forecasting.problem import Problem, make_problem
from forecasting.run import HORIZON_DAYS
from streams.vocabulary.signals import signal as signal_of

log = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
Document = Mapping[str, Any]
GROUPS = ("own", "emergency", "calls", "laboratory", "calendar")
MIDDLE = int(np.flatnonzero(np.isclose(LEVELS, 0.5))[0])
POOLED: Mapping[str, PooledGrowth] = {m.name: m for m in REGISTRY if isinstance(m, PooledGrowth)}
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


def explain(panel: Panel, target: str, flow: TargetDraws, nowcast: Floats | None) -> Reasons:
    """Explain the published draws of one target; a failure leaves the forecast unexplained.

    Territories that the yardstick answered for have no explanation.
    """
    names = [t for t in flow.draws if t not in flow.fallen_back]
    if not flow.models or not names:
        return Reasons()
    try:
        return _explained(panel, target, flow, nowcast, names)
    except Exception as error:  # an explanation is worth having, no forecast depends on it
        log.warning("not_explained", target=target, error=f"{type(error).__name__}: {error}")
        return Reasons()


def _explained(
    panel: Panel, target: str, flow: TargetDraws, nowcast: Floats | None, names: Sequence[str]
) -> Reasons:
    kept, completed = narrowed(panel, nowcast, target)
    whole = kept if completed is None else with_median_nowcast(kept, completed)
    problem = make_problem(whole, target, HORIZON_DAYS)
    late = len(whole.dates) - 1 - problem.last
    chosen = [k for k, a in enumerate(problem.anchors) if 7 <= a and a - late <= HORIZON_DAYS]
    days = [problem.anchors[k] - late for k in chosen]
    shares = _changes(problem, _heard(flow.models["weights"]), chosen)
    places = [whole.territories.index(t) for t in names]
    groups = tuple(g for g in GROUPS if g in ("own", "calendar") or g in _groups_of(whole, target))
    parts = shares[places][..., [GROUPS.index(g) for g in groups]]
    level = np.repeat(problem.level[places][:, None], len(days), axis=1)
    sizes = problem.scale.size[places]
    found = linear(
        np.ones(len(groups)),
        parts,
        np.zeros_like(parts),
        groups,
        level,
        inverse=lambda z: type(problem.scale)(sizes).back(z, axis=0),
        published=np.array([[_week_median(flow.draws[t], day) for day in days] for t in names]),
    )
    return Reasons(
        documents={t: _document(found, place, days) for place, t in enumerate(names)},
        drivers={t: _driver(found, place) for place, t in enumerate(names)},
    )


def _heard(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of the members that can be shared out, summing to one.

    Where the ensemble hears none of them, all pooled ones stand for it, and the remainder is what parts them from it.
    """
    heard = {n: w for n, w in weights.items() if w > 0 and (n in POOLED or n in YARDSTICKS)}
    if not any(n in POOLED for n in heard):
        heard |= {n: 1.0 for n in POOLED if n in weights}
    total = sum(heard.values())
    return {n: w / total for n, w in heard.items()}


def _changes(problem: Problem, weights: Mapping[str, float], anchors: Sequence[int]) -> Floats:
    """Share out the change of the root level, shape (territory, anchor, group)."""
    total = np.zeros((problem.z.shape[1], len(anchors), len(GROUPS)))
    tables: dict[Look, tuple[Floats, Floats]] = {}
    for name, weight in weights.items():
        if name in POOLED:
            members = POOLED[name].members
            total += weight * np.mean([_member_changes(problem, m, anchors, tables) for m in members], axis=0)
        elif name == SeasonalNaive().name:
            middle = SeasonalNaive().fit(problem, {}).quantiles[:, list(anchors), MIDDLE]
            total[..., GROUPS.index("calendar")] += weight * (middle - problem.level[:, None])
    return total


def _member_changes(
    problem: Problem, member: Member, anchors: Sequence[int], tables: dict[Look, tuple[Floats, Floats]]
) -> Floats:
    """Return coefficients times columns of one member today, summed by group."""
    if member.look not in tables:
        columns, names, sources = table(problem, member.look)
        groups = [_group(n, s, problem.target) for n, s in zip(names, sources, strict=True)]
        tables[member.look] = columns, np.array([[g == name for name in GROUPS] for g in groups], dtype=float)
    columns, belongs = tables[member.look]
    known = known_share(problem, member.look)
    last = [len(problem.z) - 1]
    found = [
        (columns[-1] * coefficients(problem, columns, known, member, problem.anchors[a], last)[0]) @ belongs
        for a in anchors
    ]
    return np.stack(found, axis=1)


def _group(column: str, source: str, target: str) -> str:
    """Return the group of a column: what the target does elsewhere is the national trend."""
    if source != target:
        return signal_of(source.split(":")[0]).group
    return "calendar" if column.startswith(("pooled", "growth times pooled")) else "own"


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
    return _document(found, 0, BED_DAYS)


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
    return _document(found, 0, days)


def _week_median(draws: Floats, day: int) -> float:
    last = HORIZONS.index(day)
    return float(np.median(draws[last - 6 : last + 1].mean(axis=0)))


def _document(found: Explanation, place: int, days: Sequence[int]) -> dict[str, Any]:
    def shown(values: Floats) -> list[float]:
        return [round(float(v), 3) for v in values]

    words = sentence(found, (place, 0))
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
