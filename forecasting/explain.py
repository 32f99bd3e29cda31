"""What each group of signals adds to the published median, so that the parts sum.

The median with no group at all is the *reference* (the level a persistence forecast would publish), the
median with all of them is what was published. For up to five groups the Shapley value is exact, from the 2^n
medians:

    phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! * (v(S + i) - v(S))

(Shapley 1953; Lundberg & Lee 2017, doi:10.48550/arXiv.1705.07874), and sum(phi) = v(all) - v(none) exactly. How
the ensemble is heard with any set of groups, without fitting it again, is in `forecasting.attribution`. Drawing
single days moves the published median a little after the models spoke; that is the *remainder*, named and
shown, so reference + parts + remainder = published median always.

Group keys are ``own``, ``emergency``, ``calls``, ``laboratory``, ``calendar``; whoever shows an explanation words
it, and the parameters of its sentence are listed in :mod:`forecasting.message_keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
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
        What drawing added, or models that cannot be shared out said.
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
    shown: dict[str, Parameter] = {"median": round(median, 1) + 0.0, "reference": round(reference, 1) + 0.0}
    change = median - reference
    if abs(change) <= _STEADY * max(abs(reference), 1.0):
        return Sentence("explain.steady", shown)
    amounts = {name: float(explanation.parts[(i, *place)]) for i, name in enumerate(explanation.groups)}
    amounts["remainder"] = float(explanation.remainder[place])
    driver = max(amounts, key=lambda name: amounts[name] * np.sign(change))
    shown |= {"driver": driver, "amount": round(amounts[driver], 1) + 0.0}
    return Sentence("explain.rise" if change > 0 else "explain.fall", shown)


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
