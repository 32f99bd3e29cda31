"""Learning one target from all territories: the slow half of a forecast, whose result is small.

The newest periods are completed, every model of the registry is fitted and rehearsed on past weeks, their
quantiles are combined and calibrated. What is left over is `forecasting.learned.Learned`; drawing needs
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np
import pandas as pd

from forecasting.calibration import Conformal, apply_shift, calibrate
from forecasting.closures import opened
from forecasting.ensemble import Combined, combine, fit_all, rehearsal_truths
from forecasting.given import Given, checked, panel_of
from forecasting.grid import refuse_weeks_as_days
from forecasting.learned import Learned
from forecasting.models import REGISTRY
from forecasting.models.base import LEVELS, Fitted
from forecasting.nowcast.tail import nowcast_tail
from forecasting.panel import DateLike, Panel
from forecasting.problem import Problem, make_problem
from forecasting.streams_of_chance import generator, seed_of
from forecasting.tidy_frame import checked_rows
from forecasting.transforms import Floats

FEWEST_WEEKS = 3
MIDDLE = len(LEVELS) // 2


class TooShort(ValueError):
    """The target's history is shorter than three weeks."""


@dataclass(frozen=True, eq=False)
class Workings:
    """What learning leaves, with the problem and the answers it came from, which are too large to send."""

    learned: Learned
    problem: Problem
    answers: Sequence[Fitted]


def learn(
    panel: Panel | pd.DataFrame,
    target: str,
    furthest: int = 14,
    as_of: DateLike | None = None,
    rng: int | np.random.Generator = 0,
    **given: Unpack[Given],
) -> Learned:
    """Learn one target from all territories, so that any of them can be drawn anywhere.

    Parameters
    ----------
    panel, target, as_of
        As of `forecasting.forecast.forecast`, which raises the same errors.
    furthest : int
        Largest horizon that will be drawn, in periods after the panel's last date.
    rng : int or Generator
        Only read to complete the newest periods of a frame that has revisions.
    **given
        `forecasting.given.Given`.
    """
    return work(panel, target, furthest, as_of, seed_of(rng), **given).learned


def work(
    panel: Panel | pd.DataFrame,
    target: str,
    furthest: int,
    as_of: DateLike | None,
    seed: int,
    **given: Unpack[Given],
) -> Workings:
    """Learn, keeping the workings; parameters as of `learn`."""
    whole, nowcast_draws = _completed(panel, target, as_of, seed, checked(given))
    problem = make_problem(whole, target, furthest, given.get("donors") or ())
    if len(problem.z) < FEWEST_WEEKS * problem.weekly_step:
        raise TooShort(
            f"{target}: {len(problem.z)} periods of history; a forecast needs {FEWEST_WEEKS} weeks"
        )
    before = given.get("state") or {}
    answers, failed = fit_all(given.get("models") or REGISTRY, problem, before.get("models", {}))
    combined = combine(problem, answers)
    truths = rehearsal_truths(problem)
    conformal = calibrate(combined.rehearsed, truths, leads(problem))
    learned = Learned(
        target=target,
        freq=whole.freq,
        origin=whole.dates[-1],
        territories=whole.territories,
        is_count=problem.is_count,
        window=problem.window,
        late=len(whole.dates) - 1 - problem.last,
        anchors=problem.anchors,
        history=problem.filled,
        closures=_closures(problem),
        level=problem.level,
        size=problem.scale.size,
        quantiles=calibrated(combined, conformal),
        pit=conformal.pit,
        errors=_natural_errors(problem, combined.rehearsed[..., MIDDLE], truths),
        shift=_nowcast_shift(problem, nowcast_draws),
        tail=_nowcast_tail(problem, nowcast_draws),
        weights=combined.weights,
        scores=combined.scores,
        left_out=(*failed, *combined.left_out),
        refitted={a.model: a.refitted for a in answers},
        state=_new_state(problem, answers, combined, conformal, before),
    )
    return Workings(learned, problem, answers)


def _completed(
    panel: Panel | pd.DataFrame, target: str, as_of: DateLike | None, seed: int, given: Given
) -> tuple[Panel, Floats | None]:
    """Return the panel with its newest cells completed, and the draws they were completed from, if any.

    A territory without any value of the target has no such service, and is not among those kept.
    """
    whole, draws = panel_of(panel, as_of, given), given.get("nowcast_draws")
    if isinstance(panel, pd.DataFrame):
        refuse_weeks_as_days(whole, target)
    if draws is None and isinstance(panel, pd.DataFrame):
        draws = _nowcast_of_frame(panel, whole, as_of, seed, target)
    whole, served = whole.where(target)
    if not served.any():
        raise TooShort(f"{target}: no value is known; a forecast needs {FEWEST_WEEKS} weeks")
    if draws is None:
        return whole, None
    draws = draws[:, :, served]
    return with_median_nowcast(whole, draws), draws


def _nowcast_of_frame(
    frame: pd.DataFrame, panel: Panel, as_of: DateLike | None, seed: int, target: str
) -> Floats | None:
    """Complete the newest periods of a frame whose cells have been revised before; None when none ever was."""
    if "reported_at" not in frame.columns:
        return None
    return nowcast_tail(
        checked_rows(frame),
        panel.dates,
        panel.territories,
        panel.signals,
        str(panel.as_of) if as_of is None else pd.Timestamp(as_of),
        generator(seed, "", target, "nowcast"),
        freq=panel.freq,
    )


def with_median_nowcast(panel: Panel, nowcast_draws: Floats) -> Panel:
    """Put the median of nowcast draws in the panel's newest cells wherever the draws say something."""
    tail = nowcast_draws.shape[1]
    values = panel.values.copy()
    middle = np.median(nowcast_draws, axis=0)
    values[-tail:] = np.where(np.isfinite(middle), middle, values[-tail:])
    return replace(panel, values=values)


def leads(problem: Problem) -> tuple[int, ...]:
    """Weeks until the truth of each anchor is known."""
    return tuple(-(-a // problem.weekly_step) for a in problem.anchors)


def calibrated(combined: Combined, conformal: Conformal) -> Floats:
    """Quantiles of the level at the anchors at the levels now asked, root scale, (territory, anchor, level)."""
    q = combined.quantiles
    return np.stack([apply_shift(q[:, a], conformal.shift[a]) for a in range(q.shape[1])], axis=1)


def _natural_errors(problem: Problem, medians: Floats, truths: Floats) -> Floats:
    back = problem.scale.back
    return np.asarray(back(truths, axis=1) - back(medians, axis=1))


def _nowcast_shift(problem: Problem, nowcast: Floats | None) -> Floats:
    """How far each nowcast draw's newest level is from the median one, shape (nowcast draw, territory)."""
    n_territories = problem.z.shape[1]
    if nowcast is None:
        return np.empty((0, n_territories))
    k = problem.panel.signal_index(problem.target)
    tail = nowcast.shape[1]
    late = len(problem.panel.dates) - 1 - problem.last
    usable = nowcast[:, : tail - late, :, k] if late < tail else nowcast[:, :0, :, k]
    if usable.shape[1] == 0:
        return np.empty((0, n_territories))
    values = np.repeat(problem.filled[None, -max(problem.window, usable.shape[1]) :], len(usable), axis=0)
    # Draws are of days as they are told, the past is freed of closures.
    usable = np.stack([opened(u, problem.closed_on(problem.dates[-usable.shape[1] :])) for u in usable])
    part = values[:, -usable.shape[1] :]
    values[:, -usable.shape[1] :] = np.where(np.isfinite(usable), usable, part)
    level = problem.scale.forward(values[:, -problem.window :].mean(axis=1))
    return np.asarray(np.nan_to_num(level - np.median(level, axis=0)))


def _closures(problem: Problem) -> Floats:
    """Factor of each day of the past and of the days ahead, without rows when no holiday is known."""
    if not any(len(holidays) for holidays in problem.panel.calendars):
        return np.empty((0, 1))
    ahead = problem.dates[-1] + np.arange(1, problem.anchors[-1] + 1)
    return problem.closed_on(np.concatenate([problem.dates, ahead]))


def _nowcast_tail(problem: Problem, nowcast: Floats | None) -> Floats:
    if nowcast is None:
        return np.empty((0, 0, problem.z.shape[1]))
    return np.ascontiguousarray(nowcast[..., problem.panel.signal_index(problem.target)])


def _new_state(
    problem: Problem,
    answers: Sequence[Fitted],
    combined: Combined,
    conformal: Conformal,
    before: Mapping[str, Any],
) -> dict[str, Any]:
    # What a model that failed today had kept is not lost.
    kept = {**before.get("models", {}), **{a.model: dict(a.state) for a in answers if a.state}}
    return {
        "origin": str(problem.dates[-1]),
        "models": kept,
        "weights": {name: round(w, 6) for name, w in combined.weights.items()},
        "conformal": conformal.as_state(),
    }
