r"""Beds from admissions: each patient leaves by chance, day after day, along each path of admissions.

With :math:`A_t` admissions on day :math:`t` of one draw and :math:`S` that draw's survival of stays, the beds
occupied at the end of day :math:`t` are

.. math:: B_t = \sum_{a \ge 0} X_{t-a}(a) + Y_t, \qquad X_t(a) \sim \mathrm{Bin}\big(X_t(a-1), 1 - h_a\big),

where :math:`X_t(-1) = A_t` and :math:`Y_t` are those already present who have not left: with their elapsed stay
known, they go on with the hazards of their age; when only their number is known, with the survival of a patient
of unknown age. In the mean this is the convolution :math:`\sum_a S(a) A_{t-a}` (a queue of infinitely many
servers with arrivals in discrete time, Eick, Massey & Whitt 1993, doi:10.1287/opre.41.4.731). Patients are
whole, and none appears or vanishes: :math:`B_t = B_{t-1} + A_t - D_t` in every draw.

>>> beds = occupy(np.full((3, 2), 4.0), Present.unknown(0), np.full((2, 5), 0.0), np.random.default_rng(1))
>>> beds.occupied.tolist()
[[4, 4], [8, 8], [12, 12]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from forecasting.beds.stay_lengths import remaining_survival, survival

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Present:
    """Patients in beds at the end of the day before the first day of admissions.

    Attributes
    ----------
    number
        Patients.
    by_elapsed
        Patients by days since their admission, shape (age,), or None when only their number is known.
    age_weights
        When only the number is known: recent admissions, the newest first, shape (age,), which say how old
        stays may be; None when admissions were steady.
    """

    number: int
    by_elapsed: Ints | None = None
    age_weights: Floats | None = None

    @classmethod
    def known(cls, by_elapsed: Ints) -> Self:
        """Patients whose elapsed stay is known."""
        return cls(int(by_elapsed.sum()), np.asarray(by_elapsed, dtype=np.int64))

    @classmethod
    def unknown(cls, number: float, recent_admissions: Floats | None = None) -> Self:
        """Patients of whom the number alone is known."""
        return cls(round(number), None, recent_admissions)


@dataclass(frozen=True, eq=False)
class Occupancy:
    """Beds along each path, all of shape (time, draw), in whole patients.

    Attributes
    ----------
    admitted, discharged
        On each day.
    occupied
        At the end of each day.
    """

    admitted: Ints
    discharged: Ints
    occupied: Ints


def whole(values: Floats, rng: np.random.Generator) -> Ints:
    """Round expected patients to whole ones at random, keeping their mean."""
    positive = np.maximum(values, 0.0)
    below = np.floor(positive)
    return np.asarray(below + (rng.random(positive.shape) < positive - below), dtype=np.int64)


def occupy(
    admissions: Floats,
    present: Present,
    hazards: Floats,
    rng: np.random.Generator,
    *,
    elective: Floats | None = None,
) -> Occupancy:
    """Follow admitted and present patients until they leave.

    Parameters
    ----------
    admissions
        Shape (time, draw): draws of admissions per day.
    hazards
        Shape (draw, age): each draw's daily chance of leaving; the last age's goes on.
    elective
        Programmed admissions per day not among `admissions`, shape (time,).

    Raises
    ------
    ValueError
        When hazards and admissions do not have as many draws.
    """
    days, draws = admissions.shape
    if hazards.shape[0] != draws:
        raise ValueError(f"{draws} draws of admissions but {hazards.shape[0]} of hazards")
    added = admissions if elective is None else admissions + np.asarray(elective, dtype=float)[:, None]
    admitted = whole(added, rng)
    staying = 1.0 - hazards
    remaining = _present_path(present, staying, days, rng)
    newly = _admitted_path(admitted, staying, rng)
    occupied = remaining + newly
    before = np.vstack([np.full((1, draws), present.number, dtype=np.int64), occupied[:-1]])
    return Occupancy(admitted, before + admitted - occupied, occupied)


def _admitted_path(admitted: Ints, staying: Floats, rng: np.random.Generator) -> Ints:
    days, draws = admitted.shape
    age_limit = staying.shape[1] - 1
    cohorts = np.zeros((days, draws), dtype=np.int64)
    occupied = np.empty((days, draws), dtype=np.int64)
    for day in range(days):
        cohorts[day] = admitted[day]
        ages = np.minimum(day - np.arange(day + 1), age_limit)
        cohorts[: day + 1] = rng.binomial(cohorts[: day + 1], staying[:, ages].T)
        occupied[day] = cohorts.sum(axis=0)
    return occupied


def _present_path(present: Present, staying: Floats, days: int, rng: np.random.Generator) -> Ints:
    if present.by_elapsed is None:
        return _unknown_path(present, staying, days, rng)
    ages = np.flatnonzero(present.by_elapsed)
    cohorts = np.repeat(present.by_elapsed[ages][:, None], staying.shape[0], axis=1)
    occupied = np.empty((days, staying.shape[0]), dtype=np.int64)
    for day in range(days):
        ages_now = np.minimum(ages + day + 1, staying.shape[1] - 1)
        cohorts = rng.binomial(cohorts, staying[:, ages_now].T)
        occupied[day] = cohorts.sum(axis=0)
    return occupied


def _unknown_path(present: Present, staying: Floats, days: int, rng: np.random.Generator) -> Ints:
    curve = survival(1.0 - staying)
    weights = curve if present.age_weights is None else curve * _padded(present.age_weights, curve.shape[1])
    left = remaining_survival(curve, weights, days)
    before = np.concatenate([np.ones((len(left), 1)), left[:, :-1]], axis=1)
    chance = np.clip(left / np.maximum(before, 1e-12), 0.0, 1.0)
    number = np.full(staying.shape[0], present.number, dtype=np.int64)
    occupied = np.empty((days, staying.shape[0]), dtype=np.int64)
    for day in range(days):
        number = rng.binomial(number, chance[:, day])
        occupied[day] = number
    return occupied


def _padded(recent: Floats, ages: int) -> Floats:
    """Recent admissions for every age: those older than known count as their mean."""
    known = np.maximum(np.nan_to_num(recent[:ages]), 0.0)
    typical = float(known.mean()) if len(known) else 1.0
    padded = np.concatenate([known, np.full(ages - len(known), typical)])
    return padded + 1e-9
