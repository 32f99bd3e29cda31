"""What every model is: a small strategy that fits a problem and then draws levels at its anchors.

A model answers with quantiles of the level at each anchor on the fourth-root scale, for today and,
rehearsed with nothing but what came before, for past origins. The rehearsals are what it is scored and
calibrated by; a model that cannot rehearse cheaply keeps its past answers in its state instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.special import ndtr, ndtri

from forecasting.distribution import QUANTILE_LEVELS
from forecasting.problem import Problem
from forecasting.transforms import Floats

LEVELS = np.asarray(QUANTILE_LEVELS)
State = Mapping[str, Any]


class CannotForecast(Exception):
    """A model says it cannot answer this problem, and why, as a message key and parameters."""

    def __init__(self, key: str, **params: float | str) -> None:
        super().__init__(key, params)
        self.key = key
        self.params = params


@dataclass(frozen=True)
class Fitted:
    """A model's answer to one problem.

    Attributes
    ----------
    model : str
    anchors : tuple of int
    quantiles : ndarray, shape (territory, anchor, level)
        Of the level on the fourth-root scale, at `LEVELS`.
    rehearsed : ndarray, shape (origin, territory, anchor, level)
        The same at the problem's rehearsal origins, NaN where the model could not answer.
    state : mapping
        What the next run needs of this one: plain numbers, strings, lists and mappings.
    refitted : int
        Territories whose parameters were estimated anew in this run.
    elsewhere : float
        Error on donors relative to no change, NaN when it was not tried on any.
    family : str
        Models of one idea share a family, which is weighed as one; empty for a model on its own.
    prior : float
        Score relative to persistence that it is taken to reach before it has a record.
    schooled : ndarray, shape (origin,), or None
        How much it had learned from at each rehearsal, as a share of what it has now; None for all.
    """

    model: str
    anchors: tuple[int, ...]
    quantiles: Floats
    rehearsed: Floats
    state: State = field(default_factory=dict)
    refitted: int = 0
    elsewhere: float = float("nan")
    family: str = ""
    prior: float = 1.0
    schooled: Floats | None = None

    def draw(self, horizon: int, n: int, rng: np.random.Generator) -> Floats:
        """Draw levels at an anchor on the fourth-root scale, shape (territory, n)."""
        at = self.anchors.index(horizon)
        uniforms = rng.random((len(self.quantiles), n))
        return at_probability(self.quantiles[:, at], uniforms)


@runtime_checkable
class Model(Protocol):
    """A forecasting strategy.

    Attributes
    ----------
    name : str
    cadence : int
        Days between two estimations of its parameters; 1 means at every run.
    """

    @property
    def name(self) -> str:
        """Its name in records."""
        ...

    @property
    def cadence(self) -> int:
        """Days between two estimations."""
        ...

    def fit(self, problem: Problem, state: State) -> Fitted:
        """Fit a problem, starting from what the model kept of its previous run."""
        ...


def at_probability(quantiles: Floats, probability: Floats) -> Floats:
    """Read a quantile function between and beyond its 23 levels.

    Interpolates linearly against the normal score of the level, and goes on beyond the outer levels with
    the slope of the outer fifth, so tails are about normal on the root scale.

    Parameters
    ----------
    quantiles : ndarray, shape (..., level)
    probability : ndarray, shape (..., n)

    Returns
    -------
    ndarray, shape (..., n)
    """
    score = ndtri(LEVELS)
    wanted = ndtri(np.clip(probability, 1e-5, 1 - 1e-5))
    low = np.clip(np.searchsorted(score, wanted) - 1, 0, len(score) - 2)
    left = np.take_along_axis(quantiles, low, axis=-1)
    right = np.take_along_axis(quantiles, low + 1, axis=-1)
    share = (wanted - score[low]) / (score[low + 1] - score[low])
    inside = left + np.clip(share, 0.0, 1.0) * (right - left)
    lower_slope = (quantiles[..., 2:3] - quantiles[..., 0:1]) / (score[2] - score[0])
    upper_slope = (quantiles[..., -1:] - quantiles[..., -3:-2]) / (score[-1] - score[-3])
    below = np.minimum(wanted - score[0], 0.0) * lower_slope
    above = np.maximum(wanted - score[-1], 0.0) * upper_slope
    return np.asarray(inside + below + above)


def probability_of(quantiles: Floats, value: Floats) -> Floats:
    """Probability at or below a value under a quantile function: the inverse of `at_probability`.

    Parameters
    ----------
    quantiles : ndarray, shape (..., level)
    value : ndarray, shape (...)
    """
    score = ndtri(LEVELS)
    q = quantiles + np.arange(len(score)) * 1e-9
    low = np.clip((q <= value[..., None]).sum(axis=-1) - 1, 0, len(score) - 2)[..., None]
    left = np.take_along_axis(q, low, axis=-1)[..., 0]
    right = np.take_along_axis(q, low + 1, axis=-1)[..., 0]
    low = low[..., 0]
    share = (value - left) / np.maximum(right - left, 1e-9)
    normal = score[low] + np.clip(share, -8.0, 8.0) * (score[low + 1] - score[low])
    return np.where(np.isfinite(value) & np.isfinite(left), ndtr(np.clip(normal, -4.2, 4.2)), np.nan)
