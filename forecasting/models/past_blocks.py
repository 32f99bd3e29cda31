"""What a costly model would have known then: blocks of past origins, each with parameters from before it.

A model that is estimated today and rehearsed on last winter with today's parameters has seen last winter: its
past errors look smaller than they were, it is given too much weight and too narrow intervals. So past origins are
grouped into blocks, and the parameters a block is rehearsed with are estimated on nothing but what came before
the block's first day (its *cut*), from a few territories, as in a first run.

Cuts lie on a calendar grid, whatever day a run is made: every 4 weeks in the last half-year, every 8 in the half-year
before, every 24 in the years that seasons are rehearsed in, every 48 before that (the grids nest). Their parameters
are kept in the model's state by the day of the cut, so that a daily run estimates a new block once in four weeks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.problem import REHEARSED_YEARS, Problem
from forecasting.seasons import YEAR

GRIDS = ((28.0, 4), (54.0, 8), (REHEARSED_YEARS * YEAR + 6.0, 24), (6.0 * YEAR, 48))
"""Up to which age in weeks, and every how many weeks there is a cut."""


@dataclass(frozen=True)
class Block:
    """Past origins rehearsed with the same parameters.

    Attributes
    ----------
    cut : datetime64[D]
        First day whose data the parameters do not know.
    known : int
        Number of periods before the cut.
    first, end : int
        Positions, in the times given, of its first origin and after its last.
    """

    cut: np.datetime64
    known: int
    first: int
    end: int

    @property
    def name(self) -> str:
        """Key of the block in a model's state."""
        return str(self.cut)


def blocks(problem: Problem, times: NDArray[np.int64], fewest: int) -> list[Block]:
    """Group the times of past origins into blocks, oldest first.

    Parameters
    ----------
    problem : Problem
    times : ndarray of int, shape (step,)
        Positions on the problem's time axis, ascending; the last one, today, is in no block.
    fewest : int
        Steps there must be before a cut.

    Returns
    -------
    list of Block
        Times too old, or with too little before them, are in none.
    """
    dates = problem.dates[times[:-1]].astype("datetime64[D]")
    weeks_back = (problem.dates[-1] - dates).astype(np.int64) / 7.0
    week = dates.astype(np.int64) // 7
    cut = np.full(len(dates), np.iinfo(np.int64).min)
    for oldest, every in reversed(GRIDS):
        cut = np.where(weeks_back <= oldest, week // every * every, cut)
    found = []
    for at in np.unique(cut[weeks_back <= GRIDS[-1][0]]):
        day = np.datetime64(int(at) * 7, "D")
        inside = np.flatnonzero(cut == at)
        if int((dates < day).sum()) >= fewest:
            known = int((problem.dates < day).sum())
            found.append(Block(day, known, int(inside[0]), int(inside[-1]) + 1))
    return found


def as_known_at(problem: Problem, periods: int) -> Problem:
    """Cut the problem's level and signals after its first periods; the rest of it, and its scales, stay."""
    then = replace(problem, z=problem.z[:periods])
    # The signals are computed once and kept in the instance: give the cut ones as already computed.
    then.__dict__["signals"] = {name: level[:periods] for name, level in problem.signals.items()}
    return then
