"""Coupling: calibrated quantiles have no paths; past ranks give them back (Schaake shuffle).

Marginal quantiles say nothing of how an anchor goes with the next or a territory with its neighbours. Past
rehearsals do: the calibrated probability integral transforms of one origin, over all territories and
anchors, are a template of what being surprised together looks like. Each draw takes the ranks of one past
template, blurred by the noise of its own territory (Clark et al. 2004,
doi:10.1175/1525-7541(2004)005<0243:TSSAMF>2.0.CO;2; Schefzik et al. 2013, doi:10.1214/13-STS443). The
marginals stay as they were because ranks are made uniform again before they are used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from forecasting.streams_of_chance import generator
from forecasting.transforms import Floats

SMOOTHING = 0.5
FEWEST_TEMPLATES = 6
USUAL_ANCHOR_CORRELATION = 0.7
USUAL_COMMON = 0.3


def coupled_uniforms(
    pit: Floats,
    draws: int,
    seed: int,
    target: str,
    territories: tuple[str, ...],
    asked: NDArray[np.int64] | None = None,
) -> Floats:
    """Uniform numbers with past dependence over anchors and territories.

    Parameters
    ----------
    pit : ndarray, shape (origin, territory, anchor)
        Calibrated probability integral transforms of past forecasts, NaN where the truth is unknown.
    draws : int
    seed, target, territories
        Keys of the random streams; the names of all territories. Which template a draw follows is common to them;
        the blur is each territory's own, so a territory's numbers do not depend on who else is asked for.
    asked : ndarray of int, optional
        Positions of the territories wanted; all when left out.

    Returns
    -------
    ndarray, shape (asked, anchor, draw)
        Each row of draws is a permutation of the same stratified uniforms.
    """
    n_anchors = pit.shape[2]
    templates = _templates(pit)
    common = generator(seed, "", target, "templates")
    if len(templates) >= FEWEST_TEMPLATES:
        chosen = common.integers(0, len(templates), draws)
        # A past surprise and its mirror image are equally likely ways of being surprised together.
        mirrored = np.where(common.random(draws) < 0.5, -1.0, 1.0)
        shared = None
    else:
        chosen, mirrored = np.zeros(draws, dtype=int), np.ones(draws)
        shared = _anchored(common.standard_normal((draws, n_anchors)))
    wanted = np.arange(len(territories)) if asked is None else asked
    out = np.empty((len(wanted), n_anchors, draws))
    for row, i in enumerate(wanted):
        rng = generator(seed, territories[i], target, "coupling")
        own = _anchored(rng.standard_normal((draws, n_anchors)))
        if shared is None:
            score = mirrored[:, None] * templates[chosen, i] + SMOOTHING * own
        else:
            score = np.sqrt(USUAL_COMMON) * shared + np.sqrt(1 - USUAL_COMMON) * own
        out[row] = _uniform(score, rng).T
    return out


def _templates(pit: Floats) -> Floats:
    """Take normal scores of complete past origins (template, territory, anchor), gaps by their median."""
    score = ndtri(np.clip(pit, 0.005, 0.995))
    usable = np.isfinite(score).mean(axis=1).min(axis=1) > 0.8
    score = score[usable]
    if len(score) == 0:
        return np.asarray(score)
    middle = np.nan_to_num(np.nanmedian(score, axis=1, keepdims=True))
    return np.asarray(np.where(np.isfinite(score), score, middle))


def _anchored(noise: Floats) -> Floats:
    """Turn independent normals (draw, anchor) into ones correlated from each anchor to the next."""
    out = noise.copy()
    r = USUAL_ANCHOR_CORRELATION
    for a in range(1, noise.shape[1]):
        out[:, a] = r * out[:, a - 1] + np.sqrt(1 - r**2) * noise[:, a]
    return out


def _uniform(score: Floats, rng: np.random.Generator) -> Floats:
    """Ranks of each column (draw, anchor) as stratified uniforms."""
    draws = len(score)
    ranks = np.argsort(np.argsort(score, axis=0, kind="stable"), axis=0, kind="stable")
    return np.asarray((ranks + rng.random(score.shape)) / draws)
