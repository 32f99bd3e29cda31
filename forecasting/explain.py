"""What each group of signals adds to the published median, so that the parts sum.

The median with no group at all is the *reference* (the level a persistence forecast would publish), the
median with all of them is what was published. For up to five groups the Shapley value is exact, from the 2^n
medians:

    phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! * (v(S + i) - v(S))

(Shapley 1953; Lundberg & Lee 2017, doi:10.48550/arXiv.1705.07874), and sum(phi) = v(all) - v(none) exactly.
Where models are costly, a fixed order of groups is added one by one instead (n + 1 medians). A linear model
needs neither: its parts are coefficients times features. Calibration and coherence move the published median
a little after the models spoke; that is the *remainder*, named and shown, so reference + parts + remainder =
published median always.

Group keys are ``own``, ``emergency``, ``calls``, ``laboratory``, ``calendar``; whoever shows an explanation words
it, and the parameters of its sentence are listed in :mod:`forecasting.message_keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MedianWith = Callable[[frozenset[str]], Floats]
Parameter = str | float | int

GROUPS = ("own", "emergency", "calls", "laboratory", "calendar")
MAX_GROUPS = 5
_STEADY = 0.05


@dataclass(frozen=True)
class Explanation:
    """Parts of a published median.

    Attributes
    ----------
    groups : tuple of str
        Group keys, in the order of ``parts``.
    reference : ndarray, shape (...)
        Median without any group, in the unit of the target.
    parts : ndarray, shape (group, ...)
        What each group adds.
    remainder : ndarray, shape (...)
        What calibration and coherence added, or the models could not share out.
    published : ndarray, shape (...)
        ``reference + parts.sum(axis=0) + remainder``.
    """

    groups: tuple[str, ...]
    reference: Floats
    parts: Floats
    remainder: Floats
    published: Floats


@dataclass(frozen=True)
class Sentence:
    """Key and parameters of the sentence that sums an explanation up.

    Attributes
    ----------
    key : str
        Message key.
    parameters : mapping of str to str or number
        As listed in :mod:`forecasting.message_keys`.
    """

    key: str
    parameters: Mapping[str, Parameter]


def shapley(median_with: MedianWith, groups: Sequence[str], published: Floats | None = None) -> Explanation:
    """Share the median out exactly among groups.

    Parameters
    ----------
    median_with : callable
        Gives the median, any shape, for a set of groups whose signals the models may use. Called once for
        each of the 2^n sets; must not draw random numbers, or use the same ones each time.
    groups : sequence of str
        At most five keys.
    published : ndarray, optional
        The median as published; default what all groups give.

    Returns
    -------
    Explanation
        The remainder is ``published`` minus the median with all groups.

    Raises
    ------
    ValueError
        For no group, a repeated one, or more than five.
    """
    names = _checked(groups)
    count = len(names)
    medians = {
        frozenset(chosen): np.asarray(median_with(frozenset(chosen)), dtype=np.float64)
        for size in range(count + 1)
        for chosen in combinations(names, size)
    }
    parts = []
    for name in names:
        part = np.zeros_like(medians[frozenset()])
        for chosen, value in medians.items():
            if name not in chosen:
                size = len(chosen)
                weight = factorial(size) * factorial(count - size - 1) / factorial(count)
                part = part + weight * (medians[chosen | {name}] - value)
        parts.append(part)
    return _explained(names, medians[frozenset()], np.stack(parts), medians[frozenset(names)], published)


def fixed_order(
    median_with: MedianWith, groups: Sequence[str], published: Floats | None = None
) -> Explanation:
    """Share the median out by adding groups one by one, in the order given.

    Parameters
    ----------
    median_with, published
        As in :func:`shapley`; called ``len(groups) + 1`` times.
    groups : sequence of str
        Keys; earlier ones get what several could explain.

    Returns
    -------
    Explanation
        Sums as the Shapley one does.
    """
    names = _checked(groups)
    medians = [
        np.asarray(median_with(frozenset(names[:size])), dtype=np.float64) for size in range(len(names) + 1)
    ]
    parts = np.stack([after - before for before, after in pairwise(medians)])
    return _explained(names, medians[0], parts, medians[-1], published)


def linear(
    coefficients: Floats,
    features: Floats,
    baseline: Floats,
    feature_groups: Sequence[str],
    reference: Floats,
    *,
    inverse: Callable[[Floats], Floats] | None = None,
    published: Floats | None = None,
) -> Explanation:
    """Share out the median of a linear model, without running it again.

    Parameters
    ----------
    coefficients : ndarray, shape (..., feature) or (feature,)
        Of the model, on its own scale.
    features, baseline : ndarray, shape (..., feature)
        Their values, and those that stand for "knowing nothing" (the mean of training, usually).
    feature_groups : sequence of str
        Group key of each feature.
    reference : ndarray, shape (...)
        Model output at the baseline, on the model's scale.
    inverse : callable, optional
        From the model's scale to the target's, if it is not the same (fourth power, exponential); parts are
        then the Aumann-Shapley values (Aumann & Shapley 1974), which keep signs and sum.
    published : ndarray, optional
        The median as published.

    Returns
    -------
    Explanation
        Exact for a linear scale.
    """
    names = _checked(list(dict.fromkeys(feature_groups)))
    each = np.asarray(coefficients * (features - baseline), dtype=np.float64)
    member = np.array([[group == name for group in feature_groups] for name in names], dtype=np.float64)
    parts = np.moveaxis(each @ member.T, -1, 0)
    start = np.asarray(reference, dtype=np.float64)
    if inverse is None:
        return _explained(names, start, parts, start + parts.sum(axis=0), published)
    return _explained(names, *_through(inverse, start, parts), published)


def sentence(explanation: Explanation, place: tuple[int, ...] = ()) -> Sentence:
    """Choose the sentence of one forecast: rising, falling or steady, and its main driver.

    Parameters
    ----------
    explanation : Explanation
        Of one or many forecasts.
    place : tuple of int
        Which of them, an index into the median's shape.

    Returns
    -------
    Sentence
        ``explain.rise``, ``explain.fall`` or ``explain.steady`` (within 5 %); the driver is the group that
        adds most in the direction of the change, the remainder included.
    """
    median, reference = float(explanation.published[place]), float(explanation.reference[place])
    shown: dict[str, Parameter] = {"median": round(median, 1), "reference": round(reference, 1)}
    change = median - reference
    if abs(change) <= _STEADY * max(abs(reference), 1.0):
        return Sentence("explain.steady", shown)
    amounts = {name: float(explanation.parts[(i, *place)]) for i, name in enumerate(explanation.groups)}
    amounts["remainder"] = float(explanation.remainder[place])
    driver = max(amounts, key=lambda name: amounts[name] * np.sign(change))
    shown |= {"driver": driver, "amount": round(amounts[driver], 1)}
    return Sentence("explain.rise" if change > 0 else "explain.fall", shown)


def _through(
    inverse: Callable[[Floats], Floats], start: Floats, parts: Floats
) -> tuple[Floats, Floats, Floats]:
    """Carry parts through a curved scale by the Aumann-Shapley value.

    For a function of the sum of the parts it is each part times the mean slope along the straight path, which
    is the whole change over the whole sum.
    """
    total = parts.sum(axis=0)
    low, high = inverse(start), inverse(start + total)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(np.abs(total) > 1e-12, (high - low) / total, _slope(inverse, start))
    return low, parts * slope, high


def _slope(inverse: Callable[[Floats], Floats], at: Floats) -> Floats:
    step = 1e-5 * np.maximum(np.abs(at), 1.0)
    slope: Floats = (inverse(at + step) - inverse(at - step)) / (2.0 * step)
    return slope


def _explained(
    names: tuple[str, ...], reference: Floats, parts: Floats, modelled: Floats, published: Floats | None
) -> Explanation:
    final = modelled if published is None else np.asarray(published, dtype=np.float64)
    # The remainder closes the sum to the last bit: rounding in the parts must not show as a discrepancy.
    return Explanation(names, reference, parts, final - reference - parts.sum(axis=0), final)


def _checked(groups: Sequence[str]) -> tuple[str, ...]:
    names = tuple(groups)
    if not 1 <= len(names) <= MAX_GROUPS or len(set(names)) != len(names):
        raise ValueError(f"one to {MAX_GROUPS} different groups are explained, got {list(names)}")
    return names
