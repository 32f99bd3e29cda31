"""Pooled growth: one ridge regression over all territories on differences of the fourth-root level.

For each anchor ``h`` the change of level is linear in the columns of `forecasting.features`::

    z[i, t+h] - z[i, t] = x[i, t]' beta + u[t] + e[i, t]

The shock ``u`` is common to every territory: a lockdown, a holiday, a new variant. A plain regression takes
each territory-day for evidence and learns the few common shocks by heart. So rows are *quasi-demeaned*
before the fit, the random-effects estimator (Balestra & Nerlove 1966, doi:10.2307/1909771): ``theta`` of
the mean over territories is taken off both sides, and the coefficients are learned mostly from territories
differing from one another at the same time, of which there are many, and little from the common path, of
which there is one. What shrinkage shrinks towards is persistence; looks at one part of the year may drift. The
penalty is relative to how many weeks the rows come from: one winter's rows are many, its weeks few.

Several looks at the data, memories and strengths of ``theta`` are fitted and their forecasts averaged: no
single lag set or window wins every season.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.features import Look, table
from forecasting.models.base import CannotForecast, Fitted, State
from forecasting.problem import Problem
from forecasting.seasons import YEAR, memory, season_distance
from forecasting.spread import Lesson, intervals
from forecasting.transforms import Floats, activity

LESSON_YEARS = 5.0
EMBARGO_WEEKS = 26.0
FULL_WEEKS = 26.0
WINTER_YEARS = 1.1
WITH_WINTERS, WITH_SIGNALS, WITHOUT = 0.7, 0.8, 0.95


@dataclass(frozen=True)
class Member:
    """One way of fitting the pooled regression.

    Attributes
    ----------
    look : Look
        Columns.
    theta : float
        Share of the mean over territories taken off before the fit, 0 to 1.
    memory_weeks : float or None
        Half-life of past rows; None remembers all alike.
    season_weeks : int or None
        Only rows of the same part of the year, so many weeks to each side; None for the whole year.
    penalty : float
        Ridge penalty relative to the diagonal of the cross-product.
    taught : bool
        Learn from the problem's donors too.
    by_level : float
        Rows weigh as this power of their level: more where a wave is, and where counts are large.
    """

    look: Look
    theta: float = 0.9
    memory_weeks: float | None = None
    season_weeks: int | None = None
    penalty: float = 0.1
    taught: bool = False
    by_level: float = 2.0


@dataclass(frozen=True)
class PooledGrowth:
    """The average of several pooled ridge regressions.

    Attributes
    ----------
    name : str
    members : tuple of Member
    family : str
        See `Fitted`.
    years : float
        Years of history, its own or a donor's, that it needs.
    cadence : int
        Days between fits: every run, as the fit takes a fraction of a second.
    """

    name: str
    members: tuple[Member, ...]
    family: str = "pooled local"
    years: float = 0.0
    cadence: int = 1

    def fit(self, problem: Problem, state: State) -> Fitted:
        """Fit every member at every rehearsal origin and now, and wrap their mean in intervals."""
        longest = max(len(p.z) / p.weekly_step for p in (problem, *problem.donors)) / YEAR
        if longest < self.years:
            raise CannotForecast("history.short", years=round(longest, 2), needed=self.years)
        points = self.points(problem)
        origins = [*problem.rehearsals, len(problem.z) - 1]
        lessons = [self._lesson(donor) for donor in problem.donors]
        common = all(m.taught for m in self.members)
        quantiles = intervals(problem, points, origins, lessons if common else [])
        # What territories share is learned from winters; how they differ from what leads each of them, of which a few
        # weeks teach all there is.
        grounds = longest >= WINTER_YEARS if common else bool(problem.signals)
        prior = (WITH_WINTERS if common else WITH_SIGNALS) if grounds else WITHOUT
        return Fitted(
            self.name,
            problem.anchors,
            quantiles[-1],
            quantiles[:-1],
            refitted=points.shape[1],
            elsewhere=_gain(lessons),
            family=self.family,
            prior=prior,
            schooled=schooling(problem, self.members, origins) if common else None,
        )

    def _lesson(self, donor: Problem) -> Lesson:
        """Forecast a donor's own past; unknown before its first fit."""
        times = lesson_times(donor)
        points = self.points(donor, times)
        points[: times[0] if times else None] = np.nan
        return Lesson(donor, points)

    def points(self, problem: Problem, refits: Sequence[int] | None = None) -> Floats:
        """Forecast changes from every time to every anchor, shape (time, territory, anchor)."""
        times = refit_times(problem) if refits is None else refits
        return np.asarray(np.mean([member_points(problem, m, times) for m in self.members], axis=0))


def _gain(lessons: Sequence[Lesson]) -> float:
    """Mean absolute error on donors over their last years relative to no change, natural units; NaN without any."""
    ours = theirs = 0.0
    for lesson in lessons:
        p = lesson.donor
        weeks_back = (len(p.z) - 1 - np.arange(len(p.z))) / p.weekly_step
        weight = memory(weeks_back, 26.0, 6.0)[:, None]
        for a, steps in enumerate(p.anchors):
            now, change = p.z[:-steps], lesson.points[:-steps, :, a]
            size = p.scale.size
            truth = p.scale.back(p.z[steps:]) / size
            known = np.isfinite(truth) & np.isfinite(now) & np.isfinite(change)
            w = np.where(known, weight[:-steps], 0.0)
            ours += float((w * np.nan_to_num(np.abs(p.scale.back(now + change) / size - truth))).sum())
            theirs += float((w * np.nan_to_num(np.abs(p.scale.back(now) / size - truth))).sum())
    return ours / theirs if theirs > 0 else float("nan")


def member_points(problem: Problem, member: Member, refits: Sequence[int]) -> Floats:
    """Out-of-sample changes forecast by one member: each week's coefficients know only what came before."""
    columns, _, _ = table(problem, member.look)
    known = known_share(problem, member.look)
    out = np.zeros((*problem.z.shape, len(problem.anchors)))
    for a, steps in enumerate(problem.anchors):
        beta = coefficients(problem, columns, known, member, steps, refits)
        for r, start in enumerate(refits):
            end = refits[r + 1] if r + 1 < len(refits) else len(problem.z)
            out[start:end, :, a] = columns[start:end] @ beta[r]
    return out


def refit_times(problem: Problem) -> list[int]:
    """List the times at which coefficients are fitted anew: weekly, counted back from the newest."""
    last = len(problem.z) - 1
    return list(range(last, 2 * problem.weekly_step, -problem.weekly_step))[::-1]


def lesson_times(problem: Problem) -> list[int]:
    """List the times at which a donor's coefficients are fitted: monthly over its last years, to save time."""
    last, step = len(problem.z) - 1, 4 * problem.weekly_step
    first = max(2 * problem.weekly_step, last - round(LESSON_YEARS * YEAR * problem.weekly_step))
    return list(range(last, first, -step))[::-1]


def known_share(problem: Problem, look: Look) -> Floats:
    """Share of the signals that were there at each time, so that rows before a signal began weigh little."""
    sources = [problem.z] + [
        s for n, s in problem.signals.items() if (look.shares if "/" in n else look.signals)
    ]
    return np.asarray(np.mean([np.isfinite(s).any(axis=1) for s in sources], axis=0))


def coefficients(
    problem: Problem, columns: Floats, known: Floats, member: Member, steps: int, refits: Sequence[int]
) -> Floats:
    """Ridge coefficients at each refit time, shape (refit, column)."""
    n_columns = columns.shape[-1]
    weights = np.stack([time_weights(problem, member, known, steps, problem.dates[t]) for t in refits])
    weeks = _weeks(weights, problem)
    left, right = _weighted(cross_products(problem, columns, member, steps), weights)
    if member.taught:
        for donor in problem.donors:
            own, _, _ = table(donor, member.look)
            k = own.shape[-1]
            there = np.isfinite(donor.z).any(axis=1).astype(float)
            taught = np.stack([time_weights(donor, member, there, steps, problem.dates[t]) for t in refits])
            extra_left, extra_right = _weighted(cross_products(donor, own, member, steps), taught)
            # A donor has the target's own columns, which come first, and knows nothing of the other signals.
            weeks = weeks + _weeks(taught, donor)
            left[:, :k, :k] += extra_left
            right[:, :k] += extra_right
    diagonal = np.einsum("rpp->rp", left)
    # Weeks are what there is little of: one winter's few teach less than their many rows would have it.
    strength = member.penalty * FULL_WEEKS / np.maximum(weeks, 1.0)
    ridge = strength[:, None] * diagonal + 1e-3 * diagonal.mean(axis=1, keepdims=True) + 1e-9
    left = left + ridge[:, :, None] * np.eye(n_columns)
    return np.asarray(np.linalg.solve(left, right[..., None])[..., 0])


def schooling(problem: Problem, members: Sequence[Member], origins: Sequence[int]) -> Floats:
    """How much members had learned from at each origin but the last, as a share of what they have at the last.

    Weeks are weighed by what was going on in them: a summer teaches nothing of a winter.
    """
    steps, learned = problem.anchors[-1], np.zeros(len(origins))
    for member in members:
        for p in (problem, *problem.donors * member.taught):
            there = np.isfinite(p.z).any(axis=1).astype(float)
            weights = np.stack([time_weights(p, member, there, steps, problem.dates[o]) for o in origins])
            learned += weights @ activity(p.z) / p.weekly_step
    return np.asarray(np.minimum(learned[:-1] / max(float(learned[-1]), 1.0), 1.0))


def _weeks(weights: Floats, problem: Problem) -> Floats:
    """Effective number of weeks behind each refit (refit, time), as if all weighed alike."""
    total = weights.sum(axis=1)
    square = (weights**2).sum(axis=1)
    return np.asarray(
        np.divide(total**2, square, out=np.zeros(len(total)), where=square > 0) / problem.weekly_step
    )


def _weighted(products: tuple[Floats, Floats], weights: Floats) -> tuple[Floats, Floats]:
    """Sum cross-products over time with the weights of each refit (refit, time)."""
    cross, against = products
    n_columns = against.shape[-1]
    return (weights @ cross.reshape(len(cross), -1)).reshape(-1, n_columns, n_columns), weights @ against


def cross_products(problem: Problem, columns: Floats, member: Member, steps: int) -> tuple[Floats, Floats]:
    """Weighted cross-products of quasi-demeaned rows at each time: (time, column, column), (time, column)."""
    z = problem.z
    change = np.full(z.shape, np.nan)
    if steps < len(z):
        change[:-steps] = z[steps:] - z[:-steps]
    w = np.where(np.isfinite(change), row_weights(problem, member.by_level), 0.0)
    y = np.where(w > 0, change, 0.0)
    total = np.maximum(w.sum(axis=1), 1e-12)
    x = columns - member.theta * (np.einsum("tip,ti->tp", columns, w) / total[:, None])[:, None, :]
    y = y - member.theta * ((y * w).sum(axis=1) / total)[:, None]
    xw = x * w[..., None]
    return np.matmul(np.swapaxes(xw, 1, 2), x), np.einsum("tip,ti->tp", xw, y)


def row_weights(problem: Problem, by_level: float) -> Floats:
    """Weight of each territory and time: more where counts are larger, as they are less noisy there."""
    size = problem.scale.size
    return np.asarray(np.nan_to_num(problem.z) ** by_level * np.sqrt(size / size.mean()))


def time_weights(
    problem: Problem, member: Member, known: Floats, steps: int, origin: np.datetime64
) -> Floats:
    """Weight of each time for a fit on the day ``origin``; zero where the outcome was not known by then.

    A rehearsal may learn from winters after its own, which are known today, once they are half a year away: a
    cross-validation by blocks, which shows what a model can do with as much past as it has now. Today's fit has
    nothing after it.
    """
    weeks = (origin - problem.dates).astype(int) / 7.0
    age_weeks = weeks - steps / problem.weekly_step
    weight = np.where((age_weeks >= 0) | (weeks <= -EMBARGO_WEEKS), known**4, 0.0)
    if member.memory_weeks is not None:
        weight = weight * 0.5 ** (np.maximum(np.abs(age_weeks), 0.0) / member.memory_weeks)
    if member.season_weeks is not None:
        weight = weight * (season_distance(weeks) <= member.season_weeks)
    return np.asarray(weight)
