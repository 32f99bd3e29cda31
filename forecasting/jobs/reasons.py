r"""What each group of signals adds to the published median, in admissions and in beds, and which group drives it.

The whole weighted ensemble is heard with every set of groups (`forecasting.jobs.hearing`), and the Shapley value
(`forecasting.explain`) shares out what it says. What draws, nowcast and rounding to whole patients move the published
median beyond that, and what a model that cannot be shared out says, is the named remainder: reference, parts and
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

from forecasting.distribution import read_quantiles
from forecasting.explain import GROUPS, Explanation, sentence, shapley
from forecasting.jobs.bed_forecast import BedDraws
from forecasting.jobs.forecaster import BACK_DAYS, HORIZONS, Lesson, TargetDraws
from forecasting.jobs.hearing import Above, Hearing, dealt, listen
from forecasting.panel import Panel
from forecasting.run import HORIZON_DAYS, STOCK

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
    lesson: Lesson | None,
    above: Above | None = None,
    *,
    reconciled: bool = False,
) -> Reasons:
    """Explain the published draws of one target; a failure leaves the forecast unexplained.

    Territories that the yardstick answered for have no explanation.

    Parameters
    ----------
    lesson
        What the draws come from.
    above
        Of hospitals, the territories that they lie in.
    reconciled
        Whether what was learnt was made to agree with a forecast of the regions.
    """
    names = tuple(t for t in flow.draws if t not in flow.fallen_back)
    if lesson is None or not flow.models or not names:
        return Reasons()
    try:
        hearing = listen(panel, lesson, reconciled=reconciled)
        if hearing is None:
            return Reasons()
        if above is not None and above.flow.models:
            hearing = dealt(hearing, above)
        hearing = hearing.of(names)
        return _explained(hearing.added("calendar", _announced(hearing, flow)), target, flow)
    except Exception as error:  # an explanation is worth having, no forecast depends on it
        log.warning("not_explained", target=target, error=f"{type(error).__name__}: {error}")
        return Reasons()


def _explained(hearing: Hearing, target: str, flow: TargetDraws) -> Reasons:
    days = hearing.days
    published = np.array([[_week_median(flow.draws[t], day) for day in days] for t in hearing.territories])
    found = shapley(hearing.median_with, hearing.groups, published)
    return Reasons(
        documents={t: _document(found, place, days, target) for place, t in enumerate(hearing.territories)},
        drivers={t: _driver(found, place) for place, t in enumerate(hearing.territories)},
    )


def _announced(hearing: Hearing, flow: TargetDraws) -> Floats:
    """Return what was announced beyond the usual for the weeks told of, shape (territory, day)."""
    nothing = np.zeros(len(HORIZONS))
    ahead = np.array([flow.ahead.get(t, nothing) for t in hearing.territories])
    last = [HORIZONS.index(day) for day in hearing.days]
    return np.stack([ahead[:, at - 6 : at + 1].mean(axis=1) for at in last], axis=1)


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
    published = read_quantiles(beds.draws[list(BED_DAYS)], (0.5,))[:, 0]
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
        # No negative zero: a document that was stored and read again has none.
        return [round(float(v), 3) + 0.0 for v in values]

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
