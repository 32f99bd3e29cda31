"""Models against each other: ratios of scores on the tasks that both answered.

A ratio under one is better than what it is set against. Which scores are compared is the caller's matter; those of
:mod:`forecasting.scoring` are meant.

>>> ratio_of_sums([1.0, 2.0, np.nan], [2.0, 4.0, 8.0])
0.5
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def ratio_of_sums(scores: ArrayLike, baseline: ArrayLike) -> float:
    """Relative score of one model: summed score over the baseline's, on the tasks both have.

    Parameters
    ----------
    scores, baseline : array_like, same shape
        Scores per task, NaN where a model has none.

    Returns
    -------
    float
        Under 1 is better than the baseline; NaN without a common task.
    """
    ours, theirs = np.asarray(scores, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    common = np.isfinite(ours) & np.isfinite(theirs)
    total = float(theirs[common].sum())
    if not common.any():
        return float("nan")
    if total == 0.0:
        return 1.0 if float(ours[common].sum()) == 0.0 else float("inf")
    return float(ours[common].sum()) / total


def pairwise_ratios(scores: ArrayLike) -> Floats:
    """Ratio of summed scores of every pair of models on their common tasks.

    Parameters
    ----------
    scores : array_like, shape (model, task)
        Scores, NaN where a model has no forecast of the task.

    Returns
    -------
    ndarray, shape (model, model)
        Row over column; 1 on the diagonal, NaN without a common task.
    """
    table = np.asarray(scores, dtype=np.float64)
    known = np.isfinite(table)
    filled = np.where(known, table, 0.0)
    ours = filled @ known.T.astype(np.float64)
    common = known.astype(np.float64) @ known.T.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(common > 0, ours / ours.T, np.nan)
    both_zero = (ours == 0.0) & (ours.T == 0.0) & (common > 0)
    return np.where(both_zero | np.eye(table.shape[0], dtype=bool), 1.0, ratios)


def relative_scores(scores: ArrayLike, baseline: int | None = None) -> Floats:
    """Relative score of each model as the geometric mean of its pairwise ratios.

    Cramer et al. 2022 (doi:10.1073/pnas.2113561119), as ``scoringutils`` computes it: the mean runs over all
    models, the model itself included, and scaling divides by the baseline's own value.

    Parameters
    ----------
    scores : array_like, shape (model, task)
        Scores, NaN where a model has no forecast of the task.
    baseline : int, optional
        Row of the yardstick; its relative score is then 1.

    Returns
    -------
    ndarray, shape (model,)
        Under 1 is better than the baseline (or than the field, without one).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(pairwise_ratios(scores))
    known = np.isfinite(logs)
    mean = np.where(known, logs, 0.0).sum(axis=1) / known.sum(axis=1)
    skill: Floats = np.exp(mean if baseline is None else mean - mean[baseline])
    return skill
