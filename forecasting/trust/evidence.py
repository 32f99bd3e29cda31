"""Evidence that forecasts go wrong: an e-detector on the PIT and CUSUMs on standardised residuals.

*E-detector on the PIT.* If forecasts are calibrated their PIT ``u`` is uniform, and any density ``f`` on [0,
1] is a fair bet against that: ``E f(u) = 1``. With Beta densities for "too low", "too high" and "too narrow",

    M_t = f(u_t) max(M_{t-1}, 1),

and the mean of ``M`` over the densities passes ``c`` on average not before ``c`` steps while nothing is wrong
(Shin, Ramdas & Rinaldo 2024, e-detectors, doi:10.51387/23-NEJSDS51), whatever the forecast. The PIT is first
put through the pooled distribution of past PITs where they were too spread out, so intervals a little too narrow for
all, always, are not news; and half a standard deviation is forgiven, as a season that rises brings as much for weeks.

*Two CUSUMs on standardised residuals* (Page 1954, doi:10.1093/biomet/41.1-2.100), because a PIT cannot tell
three standard deviations from thirty. One step ahead, errors are independent but a model that follows the
data hides a change of regime from them; a week ahead, it cannot have adapted yet, but errors overlap: that
CUSUM has more slack and a higher bound.

*Recovery.* Where a flag stands, the same bet is laid the other way round: if forecasts still went wrong as the bet
``f`` that accuses them says, ``E 1/f(u) = 1``, so

    W_t = max(W_{t-1}, 1) / f(u_t)

passes ``c`` on average not before ``c`` steps while they do. A flag so ends on evidence that forecasts are right again,
however large the evidence was that raised it; that alone takes weeks to fade once it is a million to one.

Before any of this, truths above the median are brought nearer to it by what following a season a day late explains
(:func:`followed`): all err by as much, which only a large sum can show.

What is said here holds for any territory, target and forecaster; what is made of it is the business of
:mod:`forecasting.trust.states`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting.trust.bets import (
    BETS,
    CAUSES,
    TOO_HIGH,
    TOO_LOW,
    Floats,
    Indices,
    Mask,
    density_of_bets,
    density_of_cause,
    slackened,
)

BET_CAP = 1e6
CUSUM_DRIFT = np.array([1.0, 1.5])
CUSUM_BOUND = np.array([7.0, 12.0])
CUSUM_CAP = 2.5
BEHIND = 0.1
"""Share of the median by which truths may lie above it: a season that doubles in a week grows by a tenth a day, and is
followed a day late. None falls as fast as it rose, so nothing is forgiven of truths below."""
_FADE = 0.9
_WINSOR = 6.0
_MEAN_ABSOLUTE_NORMAL, _NINTH_DECILE = 0.7979, 1.2816
_BINS = 20
_BIN_PRIOR = 20.0
_STEP_WEIGHT = 8.0
_PRIOR_STEPS = 40.0
_LESSON_WINSOR = 3.0
_HALF_LIFE = 180.0
_RECENT_HALF_LIFE = 5.0


@dataclass(frozen=True)
class Evidence:
    """What speaks against past forecasts, by territory.

    Attributes
    ----------
    bets : ndarray, shape (territory, bet)
        ``M`` of each bet.
    cusum : ndarray, shape (territory, 2, 2)
        Sums of standardised residuals by horizon (a step, a week) and direction (too low, too high), in units
        of their bound.
    recent : ndarray, shape (territory,)
        Fading mean of the absolute standardised residual, in units of its calibrated value.
    recovery : ndarray, shape (territory,)
        ``W`` of those that are flagged, 1 of the others.
    histogram : ndarray, shape (20,)
        Fading counts of past PITs, all territories, with a uniform prior.
    spread : ndarray, shape (2, 2)
        Fading sum over steps of the mean absolute residual, and number of steps, by horizon, all territories.
    """

    bets: Floats
    cusum: Floats
    recent: Floats
    recovery: Floats
    histogram: Floats
    spread: Floats

    @property
    def level(self) -> Floats:
        """Wealth of whoever spread their bets evenly, shape (territory,)."""
        mean: Floats = self.bets.mean(axis=1)
        return mean

    @property
    def highest(self) -> Floats:
        """Largest of the sums of residuals, 1 at its bound, shape (territory,)."""
        largest: Floats = self.cusum.max(axis=(1, 2))
        return largest

    def accusation(self, bound: float) -> Indices:
        """Tell which cause of `CAUSES` the evidence speaks for, shape (territory,).

        Parameters
        ----------
        bound : float
            Wealth that weighs as much as a sum of residuals at its bound.
        """
        up, down = np.moveaxis(self.cusum.max(axis=1), -1, 0)
        by_sums = np.where(up >= down, CAUSES.index(TOO_LOW), CAUSES.index(TOO_HIGH))
        by_bets = np.array([CAUSES.index(key) for key, _, _ in BETS])[self.bets.argmax(axis=1)]
        found: Indices = np.where(np.maximum(up, down) * bound > self.level, by_sums, by_bets)
        return found


def no_evidence(territories: int) -> Evidence:
    """Return what is known before any forecast came true."""
    return Evidence(
        bets=np.ones((territories, len(BETS))),
        cusum=np.zeros((territories, 2, 2)),
        recent=np.ones(territories),
        recovery=np.ones(territories),
        histogram=np.full(_BINS, _BIN_PRIOR),
        spread=np.tile([_PRIOR_STEPS * _MEAN_ABSOLUTE_NORMAL, _PRIOR_STEPS], (2, 1)),
    )


def standardised_residual(quantiles: Floats, levels: Floats, observed: Floats) -> Floats:
    """Error of the median in units of the forecast's own spread.

    Parameters
    ----------
    quantiles : ndarray, shape (..., level)
        Published quantiles.
    levels : ndarray, shape (level,)
        Their probabilities; must span 0.1 to 0.9.
    observed : ndarray, shape (...)
        Truth, NaN if not known.

    Returns
    -------
    ndarray, shape (...)
        About standard normal for a calibrated forecast. The half-spread of the side the truth fell on is
        used, and is at least half a count, so that a certain zero met by one case is no catastrophe.
    """
    middle, spread = _middle_and_spread(quantiles, levels, observed)
    result: Floats = (observed - middle) / spread
    return result


def _middle_and_spread(quantiles: Floats, levels: Floats, observed: Floats) -> tuple[Floats, Floats]:
    at = np.apply_along_axis(lambda q: np.interp([0.1, 0.5, 0.9], levels, q), -1, quantiles)
    low, middle, high = np.moveaxis(at, -1, 0)
    half = np.where(observed >= middle, high - middle, middle - low) / _NINTH_DECILE
    return middle, np.maximum(half, 0.5)


def followed(quantiles: Floats, levels: Floats, observed: Floats, forgiven: float = 0.0) -> Floats:
    """Bring truths nearer to the median by what a forecaster is behind who follows a rising season a day late.

    A département is too small for that to show; in the sum of many, whose noise cancels out as the delay they have in
    common does not, it would be several standard deviations for weeks, every winter.

    Parameters
    ----------
    quantiles, levels, observed
        As of `standardised_residual`.
    forgiven : float
        Standard deviations that will be forgiven anyway, and so need not be here.

    Returns
    -------
    ndarray, shape (...)
        Truths, NaN if not known; what lies nearer than that is the median.
    """
    middle, spread = _middle_and_spread(quantiles, levels, observed)
    error = observed - middle
    behind = np.maximum(BEHIND * middle - forgiven * spread, 0.0)
    nearer: Floats = observed - np.clip(error, 0.0, behind)
    return nearer


def weighed(
    evidence: Evidence, pit: Floats, residuals: Floats, flagged: Mask, accused: Indices, fall_excused: Mask
) -> Evidence:
    """Add one step of matured truth to the evidence.

    Parameters
    ----------
    evidence : Evidence
        Before.
    pit : ndarray, shape (territory,)
        NaN where the truth is not known.
    residuals : ndarray, shape (territory, 2)
        Standardised, a step and a week ahead; NaN where not known.
    flagged : ndarray of bool, shape (territory,)
        Where a flag stands, sums also fade by a tenth a step, so that a flag ends when the errors do and not as
        long after as they were large.
    accused : ndarray of int, shape (territory,)
        Which of `CAUSES` raised the flag; of no meaning without one.
    fall_excused : ndarray of bool, shape (territory,)
        On a day that was expected to come in low no bet gains and no sum grows by a truth under the forecast; what
        lies above it counts as ever. A bet that may only lose on one side is still no better than fair.
    """
    typical = np.maximum(1.0, evidence.spread[:, 0] / evidence.spread[:, 1] / _MEAN_ABSOLUTE_NORMAL)
    z = np.clip(residuals / typical, -_WINSOR, _WINSOR)
    known = np.isfinite(pit) & np.isfinite(residuals[:, 0])
    plain = _recalibrated(np.where(known, pit, 0.5), evidence.histogram)
    u = slackened(plain)
    z = np.where(fall_excused[:, None], np.maximum(z, -CUSUM_DRIFT), z)
    density = density_of_bets(u)
    density = np.where((fall_excused & (u < 0.5))[:, None], np.minimum(density, 1.0), density)
    grown = np.clip(density * np.maximum(evidence.bets, 1.0), 0.0, BET_CAP)
    told = known & ~(fall_excused & (plain < 0.5))
    regained = np.minimum(np.maximum(evidence.recovery, 1.0) / density_of_cause(plain, accused), BET_CAP)
    return replace(
        evidence,
        recovery=np.where(flagged, np.where(told, regained, evidence.recovery), 1.0),
        bets=np.where(known[:, None], grown, evidence.bets),
        cusum=_summed(evidence.cusum, z, np.where(flagged, _FADE, 1.0)),
        recent=_recent(evidence.recent, z),
    )


def cleared(evidence: Evidence, where: Mask) -> Evidence:
    """Forget what was bet of some territories, shape (territory,): what comes next is judged on its own."""
    return replace(
        evidence,
        bets=np.where(where[:, None], 1.0, evidence.bets),
        recovery=np.where(where, 1.0, evidence.recovery),
    )


def learned(evidence: Evidence, pit: Floats, residuals: Floats, calm: Mask) -> Evidence:
    """Learn what is usual from the territories that are calm: a break must not become the norm.

    A step teaches as much whatever the number of territories: a hundred that go wrong on the same day are one
    event, and what is usual must not follow it before anybody is flagged.
    """
    known = np.isfinite(pit) & np.isfinite(residuals[:, 0])
    return replace(
        evidence,
        histogram=_learned_histogram(evidence.histogram, pit[known & calm]),
        spread=_learned_spread(evidence.spread, residuals[calm]),
    )


def _summed(cusum: Floats, z: Floats, keep: Floats) -> Floats:
    step = (np.stack([z, -z], axis=2) - CUSUM_DRIFT[:, None]) / CUSUM_BOUND[:, None]
    known = np.isfinite(z)[:, :, None]
    kept = keep[:, None, None] * cusum
    return np.where(known, np.clip(kept + np.nan_to_num(step), 0.0, CUSUM_CAP), cusum)


def _recent(recent: Floats, z: Floats) -> Floats:
    keep = 0.5 ** (1.0 / _RECENT_HALF_LIFE)
    known = np.isfinite(z)
    total = np.where(known, np.abs(z), 0.0).sum(axis=1)
    size = total / np.maximum(known.sum(axis=1), 1) / _MEAN_ABSOLUTE_NORMAL
    return np.where(known.any(axis=1), keep * recent + (1 - keep) * size, recent)


def _learned_histogram(histogram: Floats, pit: Floats) -> Floats:
    fade = 0.5 ** (1.0 / _HALF_LIFE)
    if pit.size == 0:
        return histogram
    seen = np.bincount(np.minimum((pit * _BINS).astype(np.int64), _BINS - 1), minlength=_BINS)
    found: Floats = _BIN_PRIOR + fade * (histogram - _BIN_PRIOR) + _STEP_WEIGHT * seen / pit.size
    return found


def _learned_spread(spread: Floats, residuals: Floats) -> Floats:
    known = np.isfinite(residuals)
    count = known.sum(axis=0)
    size = np.where(known, np.minimum(np.abs(residuals), _LESSON_WINSOR), 0.0).sum(axis=0)
    seen = np.stack([size / np.maximum(count, 1), (count > 0).astype(np.float64)], axis=1)
    found: Floats = 0.5 ** (1.0 / _HALF_LIFE) * spread + seen
    return found


def _recalibrated(u: Floats, histogram: Floats) -> Floats:
    """Put PITs through the pooled distribution of past ones, where that brings them nearer the middle.

    The other way round, intervals that were wider than need be would make every wave look like a break.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(histogram) / histogram.sum()])
    uniform = np.interp(u, np.linspace(0.0, 1.0, _BINS + 1), cumulative)
    nearer: Floats = np.where(np.abs(uniform - 0.5) < np.abs(u - 0.5), uniform, u)
    return nearer
