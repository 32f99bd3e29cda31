"""Adaptive conformal calibration: intervals learn from how often the past ones held.

For each anchor and each central interval of nominal coverage ``1 - alpha``, the level actually asked of the
ensemble follows the share of territories missed (Gibbs & Candès 2021, arXiv:2106.00170)::

    alpha_asked[t+1] = alpha_asked[t] + gamma (alpha - missed[t])

weighed by how much was going on, and with a pull back to the nominal level, so that a long quiet period
does not leave intervals too narrow for the next wave. Quantiles are then read at the asked levels and
sorted, so they stay monotone.

Before that, tails are widened for what nobody has seen: territories share their shocks, and of shocks that last ``h``
weeks a wave of `WAVE_WEEKS` shows ``WAVE_WEEKS / h``. Intervals from so few have the tails of Student's distribution
with as many degrees of freedom; its middle is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from forecasting.models.base import LEVELS, at_probability, probability_of
from forecasting.transforms import Floats, activity

GAMMA = 0.1
GAMMA_TAILS = 0.08
PULL = 0.02
FEW_TERRITORIES = 10
FEW_FOR_TAILS = 30
TAILS = 0.4
WAVE_WEEKS = 20.0
LARGEST_STEP = 0.6
N_SIDES = len(LEVELS) // 2


@dataclass(frozen=True)
class Conformal:
    """Adaptive levels.

    Attributes
    ----------
    shift : ndarray, shape (anchor, side)
        Added to the normal score of half-widths: ``side`` runs over the 11 central intervals, widest first.
    pit : ndarray, shape (origin, territory, anchor)
        Probability integral transforms of the rehearsals after calibration, NaN where the truth is to come.
    """

    shift: Floats
    pit: Floats

    def as_state(self) -> Mapping[str, list[list[float]]]:
        """Plain numbers for the record of a run."""
        return {"shift": [[round(float(v), 6) for v in row] for row in self.shift]}


def wide_tails(quantiles: Floats, weeks_ahead: Sequence[float]) -> Floats:
    """Widen the tails of quantiles (..., anchor, level) for how few shocks of their length can have been seen.

    Parameters
    ----------
    quantiles : ndarray, shape (..., anchor, level)
    weeks_ahead : sequence of float, shape (anchor,)
        Below one counts as one.
    """
    normal = np.abs(ndtri(LEVELS[:N_SIDES]))
    out = np.empty(quantiles.shape)
    for a, weeks in enumerate(weeks_ahead):
        shocks = WAVE_WEEKS / max(weeks, 1.0)
        ratio = stdtrit(shocks, LEVELS[:N_SIDES]) / ndtri(LEVELS[:N_SIDES])
        middle = stdtrit(shocks, 0.25) / ndtri(0.25)
        out[..., a, :] = apply_shift(quantiles[..., a, :], normal * (np.maximum(ratio / middle, 1.0) - 1.0))
    return out


def calibrate(rehearsed: Floats, truths: Floats, lead_origins: tuple[int, ...]) -> Conformal:
    """Walk through the rehearsals in order, learning from each once its truth was known.

    Parameters
    ----------
    rehearsed : ndarray, shape (origin, territory, anchor, level)
    truths : ndarray, shape (origin, territory, anchor)
        Levels on the fourth-root scale, of mean level one in natural units per size.
    lead_origins : tuple of int
        Rehearsal origins (weeks) until the truth of each anchor is known.
    """
    n_origins, _, n_anchors, _ = rehearsed.shape
    shift = np.zeros((n_origins + 1, n_anchors, N_SIDES))
    going_on = activity(truths)
    pit = np.full(truths.shape, np.nan)
    for o in range(n_origins + 1):
        if o > 0:
            shift[o] = shift[o - 1]
        for a in range(n_anchors):
            known = o - lead_origins[a]
            if known >= 0:
                asked = apply_shift(rehearsed[known, :, a], shift[known, a])
                missed = _missed(asked, truths[known, :, a])
                told = int(np.isfinite(truths[known, :, a]).sum())
                shift[o, a] = _step(shift[o, a], missed, going_on[known, a], told)
        if o < n_origins:
            pit[o] = _pit(rehearsed[o], truths[o], shift[o])
    return Conformal(shift[-1], pit)


def apply_shift(quantiles: Floats, shift: Floats) -> Floats:
    """Read quantiles (..., level) at the asked levels, keeping them monotone."""
    half_width = np.maximum(np.abs(ndtri(LEVELS[:N_SIDES])) + shift, 0.02)
    half_width = np.maximum.accumulate(half_width[::-1])[::-1]
    asked = np.concatenate([ndtr(-half_width), [0.5], ndtr(half_width[::-1])])
    return np.sort(at_probability(quantiles, np.broadcast_to(asked, quantiles.shape)), axis=-1)


def _missed(quantiles: Floats, truth: Floats) -> Floats:
    """Share of territories outside each central interval, widest first; NaN when no truth is known."""
    known = np.isfinite(truth) & np.isfinite(quantiles).all(axis=-1)
    if not known.any():
        return np.full(N_SIDES, np.nan)
    q, y = quantiles[known], truth[known][:, None]
    outside = (y < q[:, :N_SIDES]) | (y > q[:, : -N_SIDES - 1 : -1])
    return np.asarray(outside.mean(axis=0))


def _step(shift: Floats, missed: Floats, going_on: float, territories: int) -> Floats:
    """Move half-widths by the surprise, on the normal-score scale so that tails move as well as the middle."""
    if np.isnan(missed).any():
        return shift
    nominal = 2.0 * LEVELS[:N_SIDES]
    target = ndtri(1.0 - nominal / 2.0)
    seen = ndtri(1.0 - np.clip(missed, 0.002, 0.98) / 2.0)
    # Missing more than promised means the score reached was lower than asked: widen.
    surprise = np.clip(target - seen, -LARGEST_STEP, LARGEST_STEP)
    # Few territories tell little, least about tails, which narrow more slowly than they widen: a quiet season says
    # little about the next wave.
    tails = nominal <= TAILS
    narrowing = territories / (territories + FEW_FOR_TAILS)
    speed = np.where(tails, GAMMA_TAILS, GAMMA) * np.where(tails & (surprise < 0), narrowing, 1.0)
    speed *= territories / (territories + FEW_TERRITORIES)
    return np.asarray((1.0 - PULL * going_on) * shift + going_on * speed * surprise)


def _pit(quantiles: Floats, truth: Floats, shift: Floats) -> Floats:
    out = np.full(truth.shape, np.nan)
    for a in range(truth.shape[1]):
        out[:, a] = probability_of(apply_shift(quantiles[:, a], shift[a]), truth[:, a])
    return out
