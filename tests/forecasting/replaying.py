"""Living a past through again, morning by morning: forecasts as published, trust as it stood, truth as it matured.

What a run does is done here with the same parts (`forecast`, `judge`, `believed`), without a database: each morning's
forecasts are published to the next morning's monitors. What the models said before trust changed it is kept beside, so
that what trust did can be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.distribution import QUANTILE_LEVELS
from forecasting.forecast import TooShort, forecast
from forecasting.jobs.believing import believed
from forecasting.jobs.forecaster import BACK_DAYS, HORIZONS, TargetDraws, draw_yardstick
from forecasting.jobs.trusting import Verdicts, judge
from forecasting.models import REGISTRY
from forecasting.models.base import Model
from forecasting.panel import Panel
from forecasting.trust import Cause, TrustAssessment

Floats = NDArray[np.float64]
Forecaster = Callable[[Panel, str, Any], tuple[TargetDraws, Any]]
Doubter = Callable[[Panel], Mapping[str, Sequence[Cause]]]

DRAWS, SEED, DAYS = 300, 1, 15
HANDED_DOWN = "trust.parent_flagged"
QUICK = tuple(
    m for m in REGISTRY if m.name in ("persistence", "pooled local, recent", "pooled local, newest")
)
"""Models that answer in a tenth of a second; what they flag is what all models flag (`tests/bench/bench_trust.py`)."""


@dataclass(frozen=True)
class Replay:
    """What each morning said.

    Attributes
    ----------
    mornings
        Civil days.
    territories
        Those of the panel, and their parent last.
    verdicts
        By morning, then territory.
    by_models, published
        Quantiles as the models drew them, and as trust let them out, shape (morning, territory, day 0 to 14, level).
    """

    mornings: tuple[date, ...]
    territories: tuple[str, ...]
    verdicts: tuple[Mapping[str, TrustAssessment], ...]
    by_models: Floats
    published: Floats

    def doubted(self, territory: str, *, alone: bool = False) -> list[date]:
        """Return the mornings on which a territory was not fully trusted; `alone`, for what its own monitors say."""
        told = zip(self.mornings, self._is_doubted(territory, alone), strict=True)
        return [day for day, doubted in told if doubted]

    def flags(self, territory: str, *, alone: bool = False) -> list[int]:
        """Return for how many mornings each flag of a territory stood, one after the other."""
        runs = groupby(self._is_doubted(territory, alone))
        return [len(list(run)) for doubted, run in runs if doubted]

    def _is_doubted(self, territory: str, alone: bool) -> list[bool]:
        causes = ([c.key for c in verdicts[territory].causes] for verdicts in self.verdicts)
        return [any(not alone or key != HANDED_DOWN for key in keys) for keys in causes]


def by_the_chain(models: Sequence[Model] = REGISTRY) -> Forecaster:
    """Return a forecaster that asks the library, with all models or some."""

    def ask(panel: Panel, target: str, state: Any) -> tuple[TargetDraws, Any]:
        try:
            answer = forecast(panel, target, HORIZONS, draws=DRAWS, rng=SEED, state=state, models=models)
        except TooShort:
            return TargetDraws({}, {}), state
        drawn = zip(panel.territories, answer.distribution.draws, strict=True)
        return TargetDraws({t: np.maximum(paths, 0.0) for t, paths in drawn}, {}), answer.state

    return ask


def by_the_yardstick(panel: Panel, target: str, state: Any) -> tuple[TargetDraws, Any]:
    """Ask persistence alone."""
    return TargetDraws(
        {t: draw_yardstick(panel, target, t, DRAWS, SEED) for t in panel.territories}, {}
    ), state


def replay(
    panels: Sequence[Panel],
    target: str,
    forecaster: Forecaster,
    *,
    parent: str = "FR",
    doubts: Doubter = lambda _: {},
) -> Replay:
    """Live mornings one after another.

    Parameters
    ----------
    panels
        What was known on each morning; the last day of each is the morning's own.
    parent
        Place whose forecast is the sum of the territories'.
    doubts
        What checks of inputs find on a morning.
    """
    territories = (*panels[0].territories, parent)
    published: dict[tuple[str, str, str], tuple[list[float], list[float]]] = {}
    kept, state = None, None
    verdicts, raw, told = [], [], []
    for panel in panels:
        flow, state = forecaster(panel, target, state)
        verdict = judge(panel, target, published, kept, SEED, doubts(panel))
        kept = verdict.state or kept
        flows, judged = believed(panel, {target: flow}, {target: verdict}, Verdicts(), draws=DRAWS, seed=SEED)
        raw.append(_quantiles(flow, territories))
        told.append(_quantiles(flows[target], territories))
        found = dict(judged[target].by_territory)
        verdicts.append({t: found.get(t, TrustAssessment("ok", (), 1.0, False)) for t in territories})
        for place, territory in enumerate(territories):
            one = told[-1][place]
            if np.isfinite(one).all():
                published[target, territory, str(panel.dates[-1])] = (one[1].tolist(), one[7].tolist())
    mornings = tuple(panel.dates[-1].astype("datetime64[D]").item() for panel in panels)
    return Replay(mornings, territories, tuple(verdicts), np.stack(raw), np.stack(told))


def _quantiles(flow: TargetDraws, territories: Sequence[str]) -> Floats:
    """Quantiles of days 0 to 14 by territory, the parent's of the sum draw by draw."""
    if not all(t in flow.draws for t in territories[:-1]):
        return np.full((len(territories), DAYS, len(QUANTILE_LEVELS)), np.nan)
    paths = np.stack([flow.draws[t][BACK_DAYS:] for t in territories[:-1]])
    whole = np.concatenate([paths, paths.sum(axis=0, keepdims=True)])
    found: Floats = np.moveaxis(np.quantile(whole, QUANTILE_LEVELS, axis=2), 0, -1)
    return found


def coverage(quantiles: Floats, truth: Floats, level: float) -> float:
    """Share of truths inside the central interval of a level.

    Parameters
    ----------
    quantiles
        Shape (morning, territory, day, level).
    truth
        Of the same days, shape (morning, territory, day), NaN where not known.
    """
    low, high = (
        quantiles[..., int(np.argmin(np.abs(np.array(QUANTILE_LEVELS) - p)))]
        for p in ((1 - level) / 2, (1 + level) / 2)
    )
    known = np.isfinite(truth) & np.isfinite(low)
    inside = (truth >= np.floor(low)) & (truth <= np.ceil(high))
    return float(inside[known].mean())


def interval_score(quantiles: Floats, truth: Floats) -> float:
    """Mean weighted interval score over what is known, as twice the mean pinball loss."""
    levels = np.array(QUANTILE_LEVELS)
    below = truth[..., None] - quantiles
    loss = 2.0 * np.maximum(levels * below, (levels - 1.0) * below).mean(axis=-1)
    return float(np.nanmean(loss))


def matured(truth: Floats, first: int, mornings: int) -> Floats:
    """Return what became true of days 0 to 14 of each morning, shape (morning, territory and parent, day).

    Parameters
    ----------
    truth
        Shape (time, territory).
    first
        Position of the first morning in it.
    """
    whole = np.column_stack([truth, truth.sum(axis=1)])
    padded = np.vstack([whole, np.full((first + mornings + DAYS, whole.shape[1]), np.nan)])
    return np.stack([padded[first + m : first + m + DAYS].T for m in range(mornings)])


def week_ahead(lived: Replay, truth: Floats, first: int, mornings: slice) -> tuple[Floats, Floats, Floats]:
    """Return what models said, what was published and what became true of the week after some mornings.

    Parameters
    ----------
    truth, first
        As of `matured`.

    Returns
    -------
    tuple of ndarray
        Quantiles twice, shape (morning, territory, 7, level), and the truth, shape (morning, territory, 7).
    """
    true = matured(truth, first, len(lived.mornings))[mornings, :, 1:8]
    return lived.by_models[mornings, :, 1:8], lived.published[mornings, :, 1:8], true
