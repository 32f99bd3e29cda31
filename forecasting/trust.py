"""When not to trust a forecast: monitors of past forecasts against the truth, as it matures.

Three monitors per territory, fed once a step with forecasts of the date whose truth has just matured: the
newest one made of it (one step ahead) and one made a week before:

*E-detector on the PIT.* If forecasts are calibrated their PIT ``u`` is uniform, and any density ``f`` on [0,
1] is a fair bet against that: ``E f(u) = 1``. With Beta densities for "too low", "too high" and "too narrow",

    M_t = f(u_t) max(M_{t-1}, 1),

and the mean of ``M`` over the densities passes ``c`` on average not before ``c`` steps while nothing is wrong
(Shin, Ramdas & Rinaldo 2024, e-detectors, doi:10.51387/23-NEJSDS51), whatever the forecast. The PIT is first
put through the pooled distribution of past PITs, so a small standing miscalibration, common to all, is not
news.

*Two CUSUMs on standardised residuals* (Page 1954, doi:10.1093/biomet/41.1-2.100), because a PIT cannot tell
three standard deviations from thirty. One step ahead, errors are independent but a model that follows the
data hides a change of regime from them; a week ahead, it cannot have adapted yet, but errors overlap: that
CUSUM has more slack and a higher bound. Bounds were set by simulation on quiet seasons (one
false flag in about fifteen territories over 180 days).

A small territory cannot show a break within a week by itself; its parent can, so a flag is handed down.

Inputs (stale, out of range, moved lags, changed delays) are checked in :mod:`forecasting.input_checks`, which
gives causes too. :func:`assess` turns all of it into a state, a widening factor and the advice to fall back.
Causes carry keys and parameters, never sentences (:mod:`forecasting.messages` renders them).

The state between runs is an explicit value, :class:`TrustState`, an input and an output of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Trust = Literal["ok", "degraded", "broken"]
Parameter = str | float | int

BETS: tuple[tuple[str, tuple[float, float], tuple[float, float]], ...] = (
    ("trust.forecast_too_low", (3.0, 1.0), (3.0, 1.0)),
    ("trust.forecast_too_low", (8.0, 1.0), (8.0, 1.0)),
    ("trust.forecast_too_high", (1.0, 3.0), (1.0, 3.0)),
    ("trust.forecast_too_high", (1.0, 8.0), (1.0, 8.0)),
    ("trust.forecast_too_narrow", (6.0, 1.0), (1.0, 6.0)),
)
"""Cause, and the two Beta densities whose mean is the bet."""

EVIDENCE_DEGRADED = 2000.0
EVIDENCE_BROKEN = 5e4
_EVIDENCE_CLEAR = 20.0
_EVIDENCE_CAP = 1e6
_DRIFT = np.array([0.6, 1.25])
_CUSUM_DEGRADED = np.array([8.0, 12.0])
_CUSUM_BROKEN = 2.0
_CUSUM_CAP = 2.5
_WINSOR = 6.0
_MEAN_ABSOLUTE_NORMAL = 0.7979
_BINS = 20
_BIN_PRIOR = 40.0
_HALF_LIFE = 180.0
_RECENT_HALF_LIFE = 5.0


@dataclass(frozen=True)
class Cause:
    """Why a forecast is not fully trusted.

    Attributes
    ----------
    key : str
        Message key, e.g. ``"trust.signal_stale"``.
    severity : {"degraded", "broken"}
        What it makes of the state.
    parameters : mapping of str to str or number
        What the sentence needs.
    """

    key: str
    severity: Trust
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True)
class TrustAssessment:
    """Verdict on one territory.

    Attributes
    ----------
    state : {"ok", "degraded", "broken"}
        The worst of the causes.
    causes : tuple of Cause
        Empty when ok.
    widen : float
        Factor by which to widen intervals around the median, 1 to 3.
    fallback : bool
        Publish the yardstick instead of the ensemble.
    """

    state: Trust
    causes: tuple[Cause, ...]
    widen: float
    fallback: bool


@dataclass(frozen=True)
class TrustState:
    """What the monitors carry from run to run.

    Attributes
    ----------
    territories : tuple of str
        Codes.
    evidence : ndarray, shape (territory, bet)
        ``M`` of each bet.
    cusum : ndarray, shape (territory, 2, 2)
        Sums of standardised residuals by horizon (a step, a week) and direction (up, down), in units of their
        bound.
    flagged : ndarray of bool, shape (territory,)
        Whether a monitor stands flagged; it clears only when the evidence has faded.
    recent : ndarray, shape (territory,)
        Fading mean of the absolute standardised residual, in units of its calibrated value.
    histogram : ndarray, shape (20,)
        Fading counts of past PITs, all territories, with a uniform prior.
    spread : ndarray, shape (2, 2)
        Fading sum of absolute residuals and their number, by horizon, all territories.
    """

    territories: tuple[str, ...]
    evidence: Floats
    cusum: Floats
    flagged: NDArray[np.bool_]
    recent: Floats
    histogram: Floats
    spread: Floats

    def to_dict(self) -> dict[str, Any]:
        """Give the state as plain lists, ready for JSON."""
        arrays = {name: getattr(self, name).tolist() for name in _ARRAYS}
        return {"territories": list(self.territories), **arrays}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> TrustState:
        """Read a state back.

        Parameters
        ----------
        stored : mapping
            What :meth:`to_dict` gave.

        Returns
        -------
        TrustState
            Equal to the one stored.

        Raises
        ------
        ValueError
            If a field is missing, by name.
        """
        missing = {"territories", *_ARRAYS} - set(stored)
        if missing:
            raise ValueError(
                f"the stored trust state has no {sorted(missing)}; start from initial_state() instead"
            )
        arrays: dict[str, Any] = {
            name: np.asarray(stored[name], dtype=kind) for name, kind in _ARRAYS.items()
        }
        return cls(tuple(str(code) for code in stored["territories"]), **arrays)

    def for_territories(self, territories: Sequence[str]) -> TrustState:
        """Carry the state to another list of territories; new ones start fresh.

        Parameters
        ----------
        territories : sequence of str
            Codes of this run.

        Returns
        -------
        TrustState
            In the order of ``territories``.
        """
        fresh = initial_state(territories)
        place = {code: i for i, code in enumerate(self.territories)}
        known = [(i, place[code]) for i, code in enumerate(territories) if code in place]
        arrays = {name: getattr(fresh, name).copy() for name in ("evidence", "cusum", "flagged", "recent")}
        for name, array in arrays.items():
            for mine, theirs in known:
                array[mine] = getattr(self, name)[theirs]
        return replace(fresh, **arrays, histogram=self.histogram, spread=self.spread)


_ARRAYS: dict[str, type] = {
    "evidence": np.float64,
    "cusum": np.float64,
    "flagged": np.bool_,
    "recent": np.float64,
    "histogram": np.float64,
    "spread": np.float64,
}


def initial_state(territories: Sequence[str]) -> TrustState:
    """Start the monitors.

    Parameters
    ----------
    territories : sequence of str
        Codes.

    Returns
    -------
    TrustState
        No evidence against anybody.
    """
    people = len(territories)
    return TrustState(
        tuple(territories),
        np.ones((people, len(BETS))),
        np.zeros((people, 2, 2)),
        np.zeros(people, dtype=np.bool_),
        np.ones(people),
        np.full(_BINS, _BIN_PRIOR),
        np.tile([100.0 * _MEAN_ABSOLUTE_NORMAL, 100.0], (2, 1)),
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
    at = np.moveaxis(
        np.apply_along_axis(lambda q: np.interp([0.1, 0.5, 0.9], levels, q), -1, quantiles), -1, 0
    )
    low, middle, high = at
    error = observed - middle
    half = np.where(error >= 0, high - middle, middle - low) / 1.2816
    result: Floats = error / np.maximum(half, 0.5)
    return result


def advance(
    state: TrustState, pit: Floats, residual: Floats, week_residual: Floats | None = None
) -> TrustState:
    """Show the monitors one more step of matured truth.

    Parameters
    ----------
    state : TrustState
        From the previous run.
    pit, residual : ndarray, shape (territory,)
        PIT (randomised for counts) and standardised residual of the newest forecast of the date whose truth
        has just matured; NaN where it has not.
    week_residual : ndarray, shape (territory,), optional
        Standardised residual of the forecast of that date made a week before.

    Returns
    -------
    TrustState
        For the next run.
    """
    known = np.isfinite(pit) & np.isfinite(residual)
    week = np.full(pit.shape, np.nan) if week_residual is None else week_residual
    raw = np.stack([residual, week], axis=1)
    typical = np.maximum(1.0, state.spread[:, 0] / state.spread[:, 1] / _MEAN_ABSOLUTE_NORMAL)
    z = np.clip(raw / typical, -_WINSOR, _WINSOR)
    u = _recalibrated(np.where(known, pit, 0.5), state.histogram)
    grown = np.clip(_bets(u) * np.maximum(state.evidence, 1.0), 0.0, _EVIDENCE_CAP)
    evidence = np.where(known[:, None], grown, state.evidence)
    cusum = _summed(state.cusum, z)
    level, highest = evidence.mean(axis=1), cusum.max(axis=(1, 2))
    raised = (level >= EVIDENCE_DEGRADED) | (highest >= 1.0)
    quiet = (level < _EVIDENCE_CLEAR) & (highest < 0.3)
    # Histogram and spread learn from territories not flagged only: a break must not become the norm.
    calm = ~raised & ~state.flagged
    return TrustState(
        state.territories,
        evidence,
        cusum,
        raised | (state.flagged & ~quiet),
        _recent(state.recent, z),
        _learned_histogram(state.histogram, pit[known & calm]),
        _learned_spread(state.spread, raw[calm]),
    )


def _summed(cusum: Floats, z: Floats) -> Floats:
    step = (np.stack([z, -z], axis=2) - _DRIFT[:, None]) / _CUSUM_DEGRADED[:, None]
    known = np.isfinite(z)[:, :, None]
    return np.where(known, np.clip(cusum + np.nan_to_num(step), 0.0, _CUSUM_CAP), cusum)


def _recent(recent: Floats, z: Floats) -> Floats:
    keep = 0.5 ** (1.0 / _RECENT_HALF_LIFE)
    known = np.isfinite(z)
    size = (
        np.where(known, np.abs(z), 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1) / _MEAN_ABSOLUTE_NORMAL
    )
    return np.where(known.any(axis=1), keep * recent + (1 - keep) * size, recent)


def _learned_histogram(histogram: Floats, pit: Floats) -> Floats:
    fade = 0.5 ** (1.0 / _HALF_LIFE)
    seen = np.bincount(np.minimum((pit * _BINS).astype(np.int64), _BINS - 1), minlength=_BINS)
    learned: Floats = _BIN_PRIOR + fade * (histogram - _BIN_PRIOR) + seen
    return learned


def _learned_spread(spread: Floats, residuals: Floats) -> Floats:
    known = np.isfinite(residuals)
    size = np.where(known, np.minimum(np.abs(residuals), _WINSOR), 0.0).sum(axis=0)
    learned: Floats = 0.5 ** (1.0 / _HALF_LIFE) * spread + np.stack([size, known.sum(axis=0)], axis=1)
    return learned


def assess(
    state: TrustState,
    input_causes: Mapping[str, Sequence[Cause]] | None = None,
    parents: Mapping[str, str] | None = None,
) -> dict[str, TrustAssessment]:
    """Judge every territory.

    Parameters
    ----------
    state : TrustState
        After :func:`advance`.
    input_causes : mapping of territory to causes, optional
        From :mod:`forecasting.input_checks`.
    parents : mapping of territory to territory, optional
        A territory whose parent's monitors stand flagged is degraded with it.

    Returns
    -------
    dict of territory to TrustAssessment
        In the order of the state.
    """
    given, above = input_causes or {}, parents or {}
    own = {code: _monitor_causes(state, i) for i, code in enumerate(state.territories)}
    verdicts = {}
    for place, code in enumerate(state.territories):
        parent = above.get(code, "")
        handed = (Cause("trust.parent_flagged", "degraded", {"parent": parent}),) if own.get(parent) else ()
        inputs = tuple(given.get(code, ()))
        verdicts[code] = _verdict(own[code] or handed, inputs, float(state.recent[place]))
    return verdicts


def _verdict(monitors: tuple[Cause, ...], inputs: tuple[Cause, ...], recent: float) -> TrustAssessment:
    causes = monitors + inputs
    if not causes:
        return TrustAssessment("ok", (), 1.0, False)
    broken = any(cause.severity == "broken" for cause in causes)
    # Errors that were seen say how much wider; a doubtful input only says that it should be wider.
    from_errors = float(np.clip(recent, 1.2, 3.0)) if monitors else 1.0
    from_inputs = 1.0 + 0.15 * min(len(inputs), 3)
    widen = min(max(from_errors, from_inputs) * (1.25 if broken else 1.0), 3.0)
    return TrustAssessment("broken" if broken else "degraded", causes, widen, broken)


def _monitor_causes(state: TrustState, place: int) -> tuple[Cause, ...]:
    if not state.flagged[place]:
        return ()
    level, cusum = float(state.evidence[place].mean()), state.cusum[place]
    broken = level >= EVIDENCE_BROKEN or float(cusum.max()) >= _CUSUM_BROKEN
    up, down = cusum.max(axis=0)
    key = BETS[int(np.argmax(state.evidence[place]))][0]
    if max(up, down) * EVIDENCE_DEGRADED > level:
        key = "trust.forecast_too_low" if up >= down else "trust.forecast_too_high"
    parameters: dict[str, Parameter] = {
        "evidence": round(level, 1),
        "error_ratio": round(float(state.recent[place]), 2),
    }
    return (Cause(key, "broken" if broken else "degraded", parameters),)


def _bets(u: Floats) -> Floats:
    """Densities of the bets at ``u``, shape (territory, bet)."""
    inside = np.clip(u, 1e-6, 1 - 1e-6)
    columns = [0.5 * (_beta(inside, *one) + _beta(inside, *two)) for _, one, two in BETS]
    return np.stack(columns, axis=1)


def _beta(u: Floats, a: float, b: float) -> Floats:
    """Density of Beta(a, 1) or Beta(1, b), which need no Beta function."""
    density: Floats = a * u ** (a - 1.0) if b == 1.0 else b * (1.0 - u) ** (b - 1.0)
    return density


def _recalibrated(u: Floats, histogram: Floats) -> Floats:
    """Put PITs through the pooled distribution of past ones."""
    cumulative = np.concatenate([[0.0], np.cumsum(histogram) / histogram.sum()])
    uniform: Floats = np.interp(u, np.linspace(0.0, 1.0, _BINS + 1), cumulative)
    return uniform
