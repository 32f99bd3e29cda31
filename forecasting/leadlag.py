"""The lag atlas: how many days before the target each signal moves, where, and how sure that is.

For a pair (territory, signal) the lag is the one that best carries *growth*. With ``s`` the moving mean over
a week and ``h`` a week,

    g_t = log(s_t + c) - log(s_{t-h} + c),      r(L) = corr( g_signal[t - L], g_target[t] ),     lag = argmax
    r(L)

for ``L`` from 0 to 21 days. Level is left out on purpose: calls rise with advice and news, and a level that
never comes down says nothing about tomorrow. The interval is an 80 % moving-block bootstrap over time (Künsch
1989, doi:10.1214/aos/1176347265); the same resampled days serve every pair.

A lag is only called evidence when its correlation stands out from what autocorrelated series show by chance
(Bartlett's effective number of observations, allowing for the search over lags), is positive in nine
resamples of ten, and is not the last lag searched. Otherwise the state is ``none`` and the lag NaN: the
absence of evidence is not a constant.

Thin territories are shrunk: the pooled lag (of the summed series) and the territory's own are weighted by
their precisions, the spread between territories being estimated from the atlas itself (empirical Bayes,
DerSimonian & Laird 1986, doi:10.1016/0197-2456(86)90046-2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forecasting.growth_correlation import (
    FEWEST_PAIRS,
    Correlograms,
    correlograms,
    resampled_days,
    smoothed_growth,
)

Floats = NDArray[np.float64]
State = Literal["evidence", "none"]

POOLED = "*"


@dataclass(frozen=True)
class LeadLag:
    """How a signal leads the target in one territory.

    Attributes
    ----------
    territory : str
        Code, or ``"*"`` for the sum over the territories that have the signal.
    signal : str
        Leading signal.
    state : {"evidence", "none"}
        Whether the data show a lead at all.
    lag, low, high : float
        Steps by which the signal leads, and its 80 % interval; NaN in state ``none``.
    strength : float
        Correlation of growth at that lag (at the best lag, in state ``none``), NaN without data.
    shrunk_lag : float
        Lag to use as a feature: the own and the pooled one by precision; the pooled one in state ``none``;
        NaN if there is no evidence anywhere.
    pairs : int
        Days behind the correlation.
    """

    territory: str
    signal: str
    state: State
    lag: float
    low: float
    high: float
    strength: float
    shrunk_lag: float
    pairs: int


def atlas(
    target: Floats,
    signals: Floats,
    territories: tuple[str, ...],
    names: tuple[str, ...],
    rng: np.random.Generator,
    *,
    max_lag: int = 21,
    window: int = 7,
    step: int = 7,
    block: int = 28,
    resamples: int = 200,
) -> tuple[LeadLag, ...]:
    """Estimate the lag of every signal in every territory and of the sum over territories.

    Parameters
    ----------
    target : ndarray, shape (time, territory)
        What is to be foreseen, as known now; NaN for unknown.
    signals : ndarray, shape (time, territory, signal)
        Candidate leading signals; all NaN where there is no such service.
    territories, names : tuple of str
        Codes and signal names.
    rng : numpy.random.Generator
        Source of the resamples.
    max_lag : int
        Longest lag, in steps.
    window, step : int
        Of the moving mean and of growth; 1 and 1 for weekly data.
    block, resamples : int
        Length of the blocks in steps, and their number of draws.

    Returns
    -------
    tuple of LeadLag
        For each signal its pooled row first, then the territories in order.

    Raises
    ------
    ValueError
        If the shapes disagree.
    """
    if signals.shape != (*target.shape, len(names)) or target.shape[1] != len(territories):
        raise ValueError(
            f"target {target.shape}, signals {signals.shape}, {len(territories)} territories and {len(names)} "
            "names do not belong together: (time, territory), (time, territory, signal)"
        )
    days = resampled_days(target.shape[0], block, resamples, rng)
    rows: list[LeadLag] = []
    for column, name in enumerate(names):
        signal = signals[:, :, column]
        has = np.asarray(np.isfinite(signal).any(axis=0), dtype=np.bool_)
        y = np.column_stack([_total(target, has), target])
        x = np.column_stack([_total(signal, has), signal])
        found = correlograms(
            smoothed_growth(x, window=window, step=step),
            smoothed_growth(y, window=window, step=step),
            days,
            max_lag,
            window + step,
        )
        rows.extend(_rows(name, (POOLED, *territories), found, max_lag))
    return tuple(rows)


def _rows(name: str, codes: tuple[str, ...], found: Correlograms, max_lag: int) -> list[LeadLag]:
    columns = np.arange(len(codes))
    strength = found.correlation[found.best, columns]
    low, high = np.quantile(found.resampled_lag, [0.1, 0.9], axis=0)
    with np.errstate(invalid="ignore"):
        solid = np.quantile(np.nan_to_num(found.resampled_strength), 0.1, axis=0) > 0.0
        evidence = (strength > found.noise) & solid & (found.best < max_lag) & (found.pairs >= FEWEST_PAIRS)
    lag = np.where(evidence, found.best, np.nan)
    # A lag is known to a day at best: without this a bootstrap that always agrees would claim no error.
    variance = found.resampled_lag.var(axis=0) + 0.5
    shrunk = _shrunk(lag, variance)
    return [
        LeadLag(
            territory=str(code),
            signal=name,
            state="evidence" if evidence[i] else "none",
            lag=float(lag[i]),
            low=float(min(low[i], lag[i])) if evidence[i] else float("nan"),
            high=float(max(high[i], lag[i])) if evidence[i] else float("nan"),
            strength=float(strength[i]),
            shrunk_lag=float(shrunk[i]),
            pairs=int(found.pairs[i]),
        )
        for i, code in enumerate(codes)
    ]


def _shrunk(lag: Floats, variance: Floats) -> Floats:
    """Own and pooled lag by precision, shape (1 + territory,); the first is the pooled row."""
    own, spread = lag[1:], variance[1:]
    known = np.isfinite(own)
    centre = lag[0]
    if not np.isfinite(centre):
        if not known.any():
            return np.full(lag.shape, np.nan)
        centre = float(np.average(own[known], weights=1.0 / spread[known]))
    between = 0.0
    if known.sum() > 2:
        between = max(float(np.mean((own[known] - centre) ** 2 - spread[known])), 0.0)
    share = between / (between + spread)
    return np.concatenate([[centre], np.where(known, share * own + (1 - share) * centre, centre)])


def _total(values: Floats, has: NDArray[np.bool_]) -> Floats:
    """Sum over the territories that have the service; unknown unless four fifths of them are known."""
    inside = values[:, has]
    known = np.isfinite(inside)
    share = known.mean(axis=1) if has.any() else np.zeros(values.shape[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(share >= 0.8, np.where(known, inside, 0.0).sum(axis=1) / share, np.nan)
