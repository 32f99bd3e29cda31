"""Tables of scores from a back-test's results.

Relative WIS is the ratio of summed WIS to the yardstick's on the same tasks, as the protocol says; the
geometric mean of per-origin ratios is given beside it. Everything is computed by `forecasting.scoring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.backtest.runner import ENSEMBLE, YARDSTICK, OriginResult
from forecasting.backtest.task import Task
from forecasting.distribution import QUANTILE_LEVELS
from forecasting.panel import Floats
from forecasting.relative_scoring import ratio_of_sums
from forecasting.scoring import interval_coverage, log_wis, pit_of_quantiles, wis_parts

LEVELS = np.asarray(QUANTILE_LEVELS)
NOMINAL = (0.5, 0.8, 0.95)
PHASE_GROWTH = 0.10
"""Change of the pooled level over a week (as a share) beyond which a wave is called growing or declining."""


@dataclass(frozen=True)
class Scored:
    """Scores of one model at every origin.

    Attributes
    ----------
    wis, dispersion, overprediction, underprediction, log_wis, absolute_error : ndarray
        Shape (origin, territory, horizon), in units of the target (``log_wis`` without).
    covered : mapping of nominal coverage to ndarray of the same shape
    pit : ndarray, same shape
    """

    wis: Floats
    dispersion: Floats
    overprediction: Floats
    underprediction: Floats
    log_wis: Floats
    absolute_error: Floats
    covered: dict[float, Floats]
    pit: Floats


def score(results: Sequence[OriginResult], model: str) -> Scored:
    """Score one model at every origin and horizon."""
    quantiles = np.stack([r.quantiles[model] for r in results])
    truth = np.stack([r.truth for r in results])
    parts = wis_parts(quantiles, LEVELS, truth)
    rng = np.random.default_rng(0)
    return Scored(
        wis=parts.wis,
        dispersion=parts.dispersion,
        overprediction=parts.overprediction,
        underprediction=parts.underprediction,
        log_wis=log_wis(quantiles, LEVELS, truth),
        absolute_error=np.abs(quantiles[..., len(LEVELS) // 2] - truth),
        covered={c: interval_coverage(quantiles, LEVELS, truth, c) for c in NOMINAL},
        pit=pit_of_quantiles(quantiles, LEVELS, truth, rng),
    )


def models_of(results: Sequence[OriginResult]) -> list[str]:
    """Models that answered at every origin, the ensemble first and the yardstick second."""
    common = set.intersection(*(set(r.quantiles) for r in results))
    rest = [m for m in results[0].quantiles if m in common - {ENSEMBLE, YARDSTICK}]
    return [ENSEMBLE, YARDSTICK, *rest]


def periods(task: Task) -> dict[str, NDArray[np.bool_]]:
    """Origins together, those used to choose settings, and the rest."""
    before = task.origins < task.chosen_before
    named = {"all origins": np.ones(len(task.origins), dtype=bool)}
    if before.any() and not before.all():
        named |= {f"before {task.chosen_before}": before, f"from {task.chosen_before}": ~before}
    return named


def table(task: Task, results: Sequence[OriginResult], territory: str | None = None) -> pd.DataFrame:
    """Build one row a model, period and horizon.

    Parameters
    ----------
    task : Task
    results : sequence of OriginResult
        In the order of the task's origins.
    territory : str, optional
        One territory; all together when left out.
    """
    here = list(task.panel.territories) if territory is None else [territory]
    where = np.array([task.panel.territories.index(t) for t in here])
    baseline = score(results, YARDSTICK)
    truth = np.stack([r.truth for r in results])
    rows = []
    for model in models_of(results):
        scored = baseline if model == YARDSTICK else score(results, model)
        for period, chosen in periods(task).items():
            for k, horizon in enumerate((*task.horizons, "all")):
                at = np.array([k]) if horizon != "all" else np.arange(len(task.horizons))
                pick = np.ix_(chosen.nonzero()[0], where, at)
                row = _row(scored, baseline, truth, pick)
                rows.append({"model": model, "period": period, "horizon": horizon, **row})
    return pd.DataFrame(rows)


def _row(
    scored: Scored, baseline: Scored, truth: Floats, pick: tuple[NDArray[np.int64], ...]
) -> dict[str, float]:
    known = np.isfinite(scored.wis[pick]) & np.isfinite(baseline.wis[pick])
    per_origin = _by_origin(scored.wis[pick], known) / _by_origin(baseline.wis[pick], known)
    return {
        "WIS": float(scored.wis[pick][known].mean()),
        "relative WIS": ratio_of_sums(scored.wis[pick], baseline.wis[pick]),
        "geometric": float(np.exp(np.nanmean(np.log(per_origin)))),
        "relative log WIS": ratio_of_sums(scored.log_wis[pick], baseline.log_wis[pick]),
        "MAE": float(scored.absolute_error[pick][known].mean()),
        "MAE % of mean": 100 * float(scored.absolute_error[pick][known].sum() / truth[pick][known].sum()),
        **{f"cover {100 * c:.0f}": 100 * float(np.nanmean(scored.covered[c][pick])) for c in NOMINAL},
    }


def _by_origin(values: Floats, known: NDArray[np.bool_]) -> Floats:
    return np.asarray(np.where(known, values, 0.0).sum(axis=(1, 2)))


def daily_table(task: Task, results: Sequence[OriginResult]) -> pd.DataFrame:
    """Score the published single days: WIS and coverage by day ahead; empty when the target is single periods."""
    if results[0].daily.size == 0:
        return pd.DataFrame()
    quantiles = np.stack([r.daily for r in results])
    truth = np.stack([r.daily_truth for r in results])
    scores = wis_parts(quantiles, LEVELS, truth).wis
    pit = pit_of_quantiles(quantiles, LEVELS, truth, np.random.default_rng(0))
    rows = []
    for d in range(quantiles.shape[2]):
        row = {"day": d + 1, "WIS": float(np.nanmean(scores[:, :, d]))}
        for nominal in NOMINAL:
            inside = np.abs(pit[:, :, d] - 0.5) <= nominal / 2
            row[f"cover {100 * nominal:.0f}"] = 100 * float(inside[np.isfinite(pit[:, :, d])].mean())
        rows.append(row)
    return pd.DataFrame(rows)


def phases(task: Task) -> NDArray[np.str_]:
    """Phase of the wave at each origin, from the pooled level over the past week: growing, declining or steady."""
    level = np.nansum(task.truth(), axis=1)
    step = 7 if task.panel.freq == "D" else 1
    at = np.array([task.position(o) for o in task.origins])
    growth = level[at] / np.maximum(level[at - step], 1e-9) - 1.0
    names = np.where(
        growth > PHASE_GROWTH, "growing", np.where(growth < -PHASE_GROWTH, "declining", "steady")
    )
    return np.asarray(names)
