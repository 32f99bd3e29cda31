"""The nowcast itself: draws of the final values of the dates not yet complete.

Steps: completeness by delay (:mod:`.delays`), expected finals (:mod:`.point`) and their tuning on past nowcasts
(:mod:`.tuning`), the errors of these (:mod:`.past_errors`), and draws as wrong as they were (:mod:`.dispersion`).
Without a usable triangle the nowcast says on what else it rests (its *basis*): a completeness learnt elsewhere, a
usual delay, or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forecasting.nowcast.delays import Completeness, estimate_completeness
from forecasting.nowcast.dispersion import draw_finals
from forecasting.nowcast.past_errors import estimate_dispersion
from forecasting.nowcast.point import Tuning, cells_at, default_tuning, expected_final
from forecasting.nowcast.triangle import Dates, Floats, ReportingTriangle
from forecasting.nowcast.tuning import PastNowcasts, tune_on_past

Basis = Literal["estimated", "pooled", "assumed", "identity"]

_RATE_AS_COUNTS = 50.0
"""Rates are put on the scale of such counts, so that pseudo-counts and strengths of priors mean the same."""


@dataclass(frozen=True)
class Nowcast:
    """Final values expected for the last dates.

    Attributes
    ----------
    dates : ndarray of datetime64[D], shape (time,)
        The dates, oldest first.
    territories : tuple of str
        Codes.
    reported : ndarray, shape (time, territory)
        Newest reported value, NaN for none.
    expected : ndarray, shape (time, territory)
        Mean of the final value.
    completeness : ndarray, shape (time, territory)
        Share taken to be reported.
    draws : ndarray, shape (draw, time, territory)
        Final values, joint over the dates of a territory.
    basis : {"estimated", "pooled", "assumed", "identity"}
        What the delays rest on: this triangle; a curve learnt elsewhere; a usual delay; nothing (taken as
        reported).
    curve : Completeness or None
        Completeness by delay behind it.
    tuning : Tuning or None
        Choices made on past nowcasts.
    """

    dates: Dates
    territories: tuple[str, ...]
    reported: Floats
    expected: Floats
    completeness: Floats
    draws: Floats
    basis: Basis
    curve: Completeness | None = None
    tuning: Tuning | None = None


def nowcast(
    triangle: ReportingTriangle,
    rng: np.random.Generator,
    *,
    draws: int = 200,
    steps: int | None = None,
    occasions: int = 20,
    elsewhere: Completeness | None = None,
) -> Nowcast:
    """Nowcast the last dates from a reporting triangle.

    Parameters
    ----------
    triangle : ReportingTriangle
        As known at the moment of the nowcast.
    rng : numpy.random.Generator
        Source of randomness.
    draws : int
        Number of draws.
    steps : int, optional
        How many of the last dates; default as many as the longest delay.
    occasions : int
        Past nowcasts used to choose settings and to learn the error.
    elsewhere : Completeness, optional
        Curve of other territories or a like signal, used when this triangle has taught nothing.

    Returns
    -------
    Nowcast
        ``basis`` tells which of them was used. A triangle without pairs of sightings and nothing from
        elsewhere gives the values as reported, flagged ``identity``.
    """
    counts = _whole(triangle.cumulative)
    unit = 1.0 if counts else _typical(triangle.cumulative) / _RATE_AS_COUNTS
    triangle = replace(triangle, cumulative=triangle.cumulative / unit)
    curve = estimate_completeness(triangle)
    basis: Basis = "estimated"
    if curve.pairs == 0:
        curve, basis = (curve, "identity") if elsewhere is None else (_spread(elsewhere, triangle), "pooled")
    tuning, past = default_tuning(triangle.max_delay), _no_past()
    if basis == "estimated":
        tuning, past = tune_on_past(triangle, occasions=occasions)
    last = min(triangle.edge, triangle.dates.size - 1)
    count = triangle.max_delay if steps is None else steps
    positions = np.arange(max(last - count + 1, 0), last + 1, dtype=np.int64)
    cells = cells_at(triangle, positions, use_weekday=tuning.use_weekday, completeness=curve)
    full = cells.completeness
    expected = cells.reported if basis == "identity" else expected_final(cells, tuning)
    error = estimate_dispersion(past, triangle.max_delay)
    values = draw_finals(cells.reported, expected, full, cells.delay, error, draws, rng, counts=counts)
    return Nowcast(
        triangle.dates[positions],
        triangle.territories,
        cells.reported * unit,
        expected * unit,
        full,
        values * unit,
        basis,
        curve,
        tuning,
    )


def nowcast_without_triangle(
    reported: Floats,
    dates: Dates,
    territories: tuple[str, ...],
    ages: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    completeness: Floats | None = None,
    usual_delay: int | None = None,
    draws: int = 200,
) -> Nowcast:
    """Make the best of values whose reporting history is unknown.

    Parameters
    ----------
    reported : ndarray, shape (time, territory)
        Values as they stand.
    dates : ndarray of datetime64[D], shape (time,)
        Their dates.
    territories : tuple of str
        Codes.
    ages : ndarray of int, shape (time,)
        Steps from each date to the moment of the nowcast.
    rng : numpy.random.Generator
        Source of randomness.
    completeness : ndarray, shape (delay,), optional
        Completeness by delay known from elsewhere.
    usual_delay : int, optional
        Delay before which this signal is not reported: younger values are set aside as unknown.
    draws : int
        Number of draws.

    Returns
    -------
    Nowcast
        Basis ``pooled`` with a completeness, ``assumed`` with a usual delay, else ``identity``.
    """
    shape = reported.shape
    if completeness is not None:
        share = np.broadcast_to(completeness[np.clip(ages, 0, completeness.size - 1)][:, None], shape)
        missing = np.maximum(reported + 1.0 - share, 0.0) / share * (1.0 - share)
        expected = np.where(share >= 1.0, reported / share, reported + missing)
        delay = np.broadcast_to(ages[:, None], shape)
        error = estimate_dispersion(_no_past(), completeness.size - 1)
        counts = _whole(reported)
        values = draw_finals(reported, expected, share, delay, error, draws, rng, counts=counts)
        return Nowcast(dates, territories, reported, expected, np.array(share), values, "pooled")
    basis: Basis = "identity" if usual_delay is None else "assumed"
    young = (ages < (usual_delay or 0))[:, None]
    known = np.where(young, np.nan, reported)
    share = np.broadcast_to(np.where(young, 0.0, 1.0), shape)
    values = np.broadcast_to(known, (draws, *shape)).copy()
    return Nowcast(dates, territories, known, known, np.array(share), values, basis)


def _typical(values: Floats) -> float:
    """Mean of what is known and not zero, or one."""
    known = values[np.isfinite(values) & (values > 0)]
    return float(known.mean()) if known.size else 1.0


def _whole(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    return bool(np.all(known == np.round(known)) and np.all(known >= 0))


def _spread(curve: Completeness, triangle: ReportingTriangle) -> Completeness:
    size = triangle.max_delay + 1
    pooled = np.interp(np.arange(size), np.arange(curve.pooled.size), curve.pooled)
    people = len(triangle.territories)
    return Completeness(pooled, np.tile(pooled[:, None], (1, people)), np.tile(pooled, (7, 1)), curve.pairs)


def _no_past() -> PastNowcasts:
    none, whole = np.empty(0), np.empty(0, np.int64)
    return PastNowcasts(whole, none, none, none, none, whole, whole)
