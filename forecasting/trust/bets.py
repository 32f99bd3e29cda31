"""Bets against forecasts: densities on their PIT that are fair as long as forecasts are right.

If forecasts are calibrated their PIT ``u`` is uniform, and any density ``f`` on [0, 1] is a fair bet against that:
``E f(u) = 1``. Beta densities bet on "too low", "too high" and "too narrow", gently and boldly.
:mod:`forecasting.trust.evidence` keeps what they win.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]

TOO_LOW, TOO_HIGH, TOO_NARROW = (
    "trust.forecast_too_low",
    "trust.forecast_too_high",
    "trust.forecast_too_narrow",
)
CAUSES = (TOO_LOW, TOO_HIGH, TOO_NARROW)
"""What bets and sums may accuse forecasts of."""

BETS: tuple[tuple[str, tuple[float, float], tuple[float, float]], ...] = (
    (TOO_LOW, (3.0, 1.0), (3.0, 1.0)),
    (TOO_LOW, (8.0, 1.0), (8.0, 1.0)),
    (TOO_HIGH, (1.0, 3.0), (1.0, 3.0)),
    (TOO_HIGH, (1.0, 8.0), (1.0, 8.0)),
    (TOO_NARROW, (6.0, 1.0), (1.0, 6.0)),
)
"""Cause, and the two Beta densities whose mean is the bet."""

SLACK = 0.5
"""Standard deviations by which forecasts may err for weeks without a bet gaining, as when every season rises."""


def slackened(u: Floats) -> Floats:
    """Bring PITs nearer the middle by `SLACK` on the normal scale; what lies nearer than that is put there.

    Bets on what results are worse than fair, so bounds hold all the more.
    """
    z = ndtri(np.clip(u, 1e-6, 1 - 1e-6))
    nearer: Floats = ndtr(np.sign(z) * np.maximum(np.abs(z) - SLACK, 0.0))
    return nearer


def density_of_bets(u: Floats) -> Floats:
    """Densities of the bets at ``u``, shape (territory, bet); each has mean one over a uniform ``u``."""
    inside = np.clip(u, 1e-6, 1 - 1e-6)
    columns = [0.5 * (_beta(inside, *one) + _beta(inside, *two)) for _, one, two in BETS]
    return np.stack(columns, axis=1)


def density_of_cause(u: Floats, accused: Indices) -> Floats:
    """Density at ``u`` of the mean of the bets on one cause of `CAUSES` each, shape (territory,)."""
    of_cause = np.array([[key == cause for key, _, _ in BETS] for cause in CAUSES], dtype=np.float64)
    share = of_cause / of_cause.sum(axis=1, keepdims=True)
    found: Floats = (density_of_bets(u) * share[accused]).sum(axis=1)
    return found


def _beta(u: Floats, a: float, b: float) -> Floats:
    """Density of Beta(a, 1) or Beta(1, b), which need no Beta function."""
    density: Floats = a * u ** (a - 1.0) if b == 1.0 else b * (1.0 - u) ** (b - 1.0)
    return density
