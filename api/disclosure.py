"""What may be read from outputs: no count of a partner below the threshold, read or deduced.

Counts are additive tables: a syndrome group is part of all causes, a département of its region. A hidden cell can
be found again by subtraction, so hiding the small cells (primary suppression) is followed by hiding others until
no equation gives one away (secondary suppression; Hundepool et al., *Statistical Disclosure Control*, Wiley 2012,
chapter 4). Three rules close the other ways:

- **equations**: in each total with hidden parts, the parts hidden add up to the threshold or more, so neither one
  of them nor their union is a readable small count; else another part, or the total, is hidden as well;
- **combinations**: equations may be solved together, so what remains is checked by linear algebra;
- **time**: a published count stays until it has moved by the threshold or more, so a small correction between two
  cycles is no readable count either.

Forecasts are estimates, yet day 0 may be a plain count: they are rounded, bottom-coded under the threshold, and the
aggregates from which a small territory could be subtracted are rounded to steps as wide as the threshold.

Everything here is pure; zero counts are small counts too.

>>> protected({"all": 40.0, "covid": 4.0, "other": 36.0}, [("all", ("covid", "other"))], 11)
frozenset({'covid', 'other'})
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Cell = TypeVar("Cell", bound=Hashable)
Equation = tuple[Cell, Sequence[Cell]]
_RANK_TOLERANCE = 1e-8


def protected(
    counts: Mapping[Cell, float],
    equations: Sequence[Equation[Cell]],
    threshold: int,
    exempt: frozenset[Cell] = frozenset(),
) -> frozenset[Cell]:
    """Return the cells that must not be published.

    Parameters
    ----------
    counts
        Every cell of one moment, each the count of what was seen.
    equations
        Totals and their parts; cells that `counts` does not hold are unknown to everybody and make the
        equation useless to an attacker.
    threshold
        Smallest count that may be read.
    exempt
        Cells already public under an open licence: published as they are, and so known to an attacker.
    """
    if threshold <= 0:
        return frozenset()
    hidden = {cell for cell, value in counts.items() if value < threshold and cell not in exempt}
    whole = [(total, tuple(parts)) for total, parts in equations if _complete(total, parts, counts)]
    while True:
        added = _close_equations(counts, whole, hidden, threshold, exempt)
        added = added or _close_combinations(counts, whole, hidden, threshold, exempt)
        if not added:
            return frozenset(hidden)


def _complete(total: Cell, parts: Sequence[Cell], counts: Mapping[Cell, float]) -> bool:
    return total in counts and all(part in counts for part in parts)


def _close_equations(
    counts: Mapping[Cell, float],
    equations: Sequence[Equation[Cell]],
    hidden: set[Cell],
    threshold: int,
    exempt: frozenset[Cell],
) -> bool:
    """Hide one more cell wherever the hidden parts of a known total are one, or few together."""
    added = False
    for total, parts in equations:
        secret = [part for part in parts if part in hidden]
        if not secret or total in hidden:
            continue
        if len(secret) > 1 and sum(counts[part] for part in secret) >= threshold:
            continue
        choice = _least(counts, [p for p in parts if p not in hidden and p not in exempt])
        if choice is None and total not in exempt:
            choice = total
        if choice is not None:
            hidden.add(choice)
            added = True
    return added


def _close_combinations(
    counts: Mapping[Cell, float],
    equations: Sequence[Equation[Cell]],
    hidden: set[Cell],
    threshold: int,
    exempt: frozenset[Cell],
) -> bool:
    """Hide one more cell where several equations together give a small one away."""
    given = determined(hidden, equations)
    for cell in sorted(given, key=repr):
        if counts[cell] >= threshold:
            continue
        near = {c for total, parts in equations if cell in (total, *parts) for c in (total, *parts)}
        choice = _least(counts, [c for c in near if c not in hidden and c not in exempt])
        if choice is None:
            choice = _least(counts, [c for c in _involved(equations) if c not in hidden and c not in exempt])
        if choice is not None:
            hidden.add(choice)
            return True
    return False


def _involved(equations: Sequence[Equation[Cell]]) -> set[Cell]:
    return {cell for total, parts in equations for cell in (total, *parts)}


def _least(counts: Mapping[Cell, float], cells: Iterable[Cell]) -> Cell | None:
    """Return the cell whose hiding loses least: the smallest count, named in a stable order."""
    return min(cells, key=lambda cell: (counts[cell], repr(cell)), default=None)


def determined(hidden: Iterable[Cell], equations: Sequence[Equation[Cell]]) -> frozenset[Cell]:
    """Return the hidden cells that the equations and the published cells fix exactly.

    A cell is fixed when it is zero in every vector of the null space of the equations over the hidden cells.
    """
    cells = sorted(set(hidden), key=repr)
    place = {cell: column for column, cell in enumerate(cells)}
    rows = [row for row in (_row(equation, place) for equation in equations) if row.any()]
    if not rows:
        return frozenset()
    _, singular, basis = np.linalg.svd(np.array(rows), full_matrices=True)
    rank = int(np.sum(singular > _RANK_TOLERANCE * singular[0]))
    free = np.abs(basis[rank:]).max(axis=0, initial=0.0)
    return frozenset(cell for cell, column in place.items() if free[column] < _RANK_TOLERANCE)


def _row(equation: Equation[Cell], place: Mapping[Cell, int]) -> NDArray[np.float64]:
    total, parts = equation
    row = np.zeros(len(place))
    for cell, sign in [(total, 1.0), *((part, -1.0) for part in parts)]:
        if cell in place:
            row[place[cell]] += sign
    return row


def held(successive: Sequence[float | None], threshold: int) -> float | None:
    """Return the published value of a count after its successive versions.

    A version is published when none was, or when it moved by the threshold or more from the published one; a
    withdrawn count (None) is withdrawn at once.

    >>> held([20, 23, 29, 33, 35], 11), held([20, 23], 11)
    (33, 20)
    """
    shown: float | None = None
    for value in successive:
        if value is None or shown is None or abs(value - shown) >= max(threshold, 1):
            shown = value
    return shown


def bottom_coded(
    values: NDArray[np.float64], threshold: int, *, aggregate: bool = False
) -> NDArray[np.float64]:
    """Return forecast values as they may be published: whole, none below `threshold - 1`, NaN where unknown.

    Parameters
    ----------
    values
        Any shape, counts or beds.
    aggregate
        Whether it is a total (region, country, all causes): rounded to steps of `threshold - 1`.

    Returns
    -------
    ndarray
        Same shape; `threshold - 1` reads "fewer than the threshold". Order along any axis is kept.
    """
    if threshold <= 1:
        return values
    step = float(threshold - 1) if aggregate else 1.0
    return np.maximum(np.round(values / step) * step, float(threshold - 1))


def rounded_down(count: int, step: int = 100) -> int:
    """Return a counter that anybody may watch: it moves in steps too wide to see single events.

    >>> rounded_down(1234)
    1200
    """
    return count - count % step
