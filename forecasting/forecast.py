"""The forecast: panel in, distribution out. One call runs the whole chain on any panel.

1. the panel as of its moment (`forecasting.panel`), the newest cells from nowcast draws when there are
some; 2. one problem for the target (`forecasting.problem`), every model of the registry fitted and
rehearsed on past weeks; 3. weighted median of their quantiles (`forecasting.ensemble`), adaptive conformal
levels (`forecasting.calibration`); 4. paths by past ranks (`forecasting.coupling`), weeks dealt out to days
(`forecasting.days`).

Everything random is keyed by (seed, territory, target, purpose): the same inputs give the same bytes
whoever computes them and in whatever order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecasting.calibration import Conformal, apply_shift, calibrate
from forecasting.coupling import coupled_uniforms
from forecasting.days import days_from_weeks, periods_from_anchors
from forecasting.distribution import QUANTILE_LEVELS, ForecastDistribution
from forecasting.ensemble import Combined, LeftOut, combine, fit_all, rehearsal_truths
from forecasting.models import REGISTRY
from forecasting.models.base import Fitted, Model, at_probability
from forecasting.nowcast.tail import nowcast_tail
from forecasting.panel import DateLike, Freq, Panel, checked_rows
from forecasting.problem import Problem, make_problem
from forecasting.streams_of_chance import generator, seed_of
from forecasting.transforms import Floats

FEWEST_WEEKS = 3
ENSEMBLE = "ensemble"


class TooShort(ValueError):
    """The target's history is shorter than three weeks."""


@dataclass(frozen=True)
class Forecast:
    """What one call answers.

    Attributes
    ----------
    distribution : ForecastDistribution
        The published draws.
    levels : tuple of float
        Quantile levels asked for.
    quantiles : ndarray, shape (territory, horizon, level)
        Read from the draws.
    models : mapping of str to ForecastDistribution
        Each model's own draws of the level at the anchors (week means for a daily flow), uncalibrated;
        empty unless asked for.
    weights : mapping of model to weight
    scores : mapping of model to score
        Recent score of each model's rehearsals, on the root scale.
    left_out : tuple of LeftOut
        Models that did not answer or went wild, and why.
    state : mapping
        Input of the next run: each model's parameters and record, the weights and the conformal levels;
        plain data.
    pit : ndarray, shape (origin, territory, anchor)
        Calibrated probability integral transforms of the rehearsals, for `forecasting.trust`.
    anchors : tuple of int
        Steps after the last known period at which models forecast.
    """

    distribution: ForecastDistribution
    levels: tuple[float, ...]
    quantiles: Floats
    models: Mapping[str, ForecastDistribution]
    weights: Mapping[str, float]
    scores: Mapping[str, float]
    left_out: tuple[LeftOut, ...]
    state: Mapping[str, Any]
    pit: Floats
    anchors: tuple[int, ...]
    refitted: Mapping[str, int] = field(default_factory=dict)


def forecast(
    panel: Panel | pd.DataFrame,
    target: str,
    horizons: Sequence[int] = tuple(range(15)),
    quantiles: Sequence[float] = QUANTILE_LEVELS,
    draws: int = 1000,
    as_of: DateLike | None = None,
    rng: int | np.random.Generator = 0,
    *,
    freq: Freq | None = None,
    state: Mapping[str, Any] | None = None,
    donors: Sequence[Panel] = (),
    nowcast_draws: Floats | None = None,
    territories: Sequence[str] | None = None,
    models: Sequence[Model] = REGISTRY,
    keep_models: bool = False,
) -> Forecast:
    """Forecast one target of every territory of a panel.

    Parameters
    ----------
    panel : Panel or DataFrame
        A panel, or a tidy frame for `Panel.from_frame`.
    target : str
        One of its signals.
    horizons : sequence of int
        Periods after the panel's last date; 0 is that date itself.
    quantiles : sequence of float
        Levels to read.
    draws : int
        Joint paths; publish from 1,000 or more.
    as_of : date-like, optional
        Nothing known later is read. Needed for a frame unless its last date is meant; cuts a panel by date.
    rng : int or Generator
        The seed, or a generator one seed is taken from.
    freq : {"D", "W"}, optional
        For a frame; guessed when left out.
    state : mapping, optional
        ``Forecast.state`` of the previous run.
    donors : sequence of Panel
        Longer series of the same nature to learn the shape of waves from (a sentinel network's winters for
        emergency visits); only what was known at ``as_of`` is read.
    nowcast_draws : ndarray, shape (draw, time_tail, territory, signal), optional
        Possible completed values of the newest ``time_tail`` periods; each draw of the forecast starts from
        one. Left out, they are drawn from the revisions of a frame with ``reported_at``.
    territories : sequence of str, optional
        Draw only these; the models still learn from all, so the numbers are the same as in a full run.
    models : sequence of Model, optional
    keep_models : bool
        Also return each model's own distribution at the anchors.

    Raises
    ------
    FrameError
        For a frame that cannot become a panel, or an unknown target.
    TooShort
        With less than three weeks of history.
    """
    whole = panel if isinstance(panel, Panel) else Panel.from_frame(panel, as_of=as_of, freq=freq)
    if as_of is not None and isinstance(panel, Panel):
        whole = whole.until(as_of)
    seed = seed_of(rng)
    if nowcast_draws is None and isinstance(panel, pd.DataFrame):
        nowcast_draws = _nowcast_of_frame(panel, whole, seed, target)
    if nowcast_draws is not None:
        whole = with_median_nowcast(whole, nowcast_draws)
    problem = make_problem(whole, target, max(horizons), donors)
    if len(problem.z) < FEWEST_WEEKS * problem.weekly_step:
        raise TooShort(
            f"{target}: {len(problem.z)} periods of history; a forecast needs {FEWEST_WEEKS} weeks"
        )
    before = state or {}
    answers, failed = fit_all(models, problem, before.get("models", {}))
    combined = combine(problem, answers)
    leads = tuple(-(-a // problem.weekly_step) for a in problem.anchors)
    conformal = calibrate(combined.rehearsed, rehearsal_truths(problem), leads)
    chosen = _positions(whole, territories)
    z = _draw_levels(problem, combined, conformal, draws, seed, chosen)
    if nowcast_draws is not None:
        z = z + _nowcast_shift(problem, nowcast_draws, draws, chosen)
    paths = _periods(problem, z, seed, chosen)
    distribution = _published(problem, paths, horizons, chosen, nowcast_draws)
    return Forecast(
        distribution=distribution,
        levels=tuple(quantiles),
        quantiles=distribution.quantiles(quantiles),
        models=_model_distributions(problem, answers, draws, seed) if keep_models else {},
        weights=combined.weights,
        scores=combined.scores,
        left_out=(*failed, *combined.left_out),
        state=_new_state(problem, answers, combined, conformal, before),
        pit=conformal.pit,
        anchors=problem.anchors,
        refitted={a.model: a.refitted for a in answers},
    )


def _nowcast_of_frame(frame: pd.DataFrame, panel: Panel, seed: int, target: str) -> Floats | None:
    """Complete the newest periods of a frame whose cells have been revised before; None when none ever was."""
    if "reported_at" not in frame.columns:
        return None
    return nowcast_tail(
        checked_rows(frame),
        panel.dates,
        panel.territories,
        panel.signals,
        str(panel.as_of),
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


def level_quantiles(problem: Problem, models: Sequence[Model], state: Mapping[str, Any]) -> Floats:
    """Read calibrated quantiles of the level at the anchors, natural units, (territory, anchor, level), no draws."""
    answers, _ = fit_all(models, problem, state)
    combined = combine(problem, answers)
    leads = tuple(-(-a // problem.weekly_step) for a in problem.anchors)
    conformal = calibrate(combined.rehearsed, rehearsal_truths(problem), leads)
    return problem.scale.back(_calibrated(combined, conformal), axis=0)


def _calibrated(combined: Combined, conformal: Conformal) -> Floats:
    q = combined.quantiles
    return np.stack([apply_shift(q[:, a], conformal.shift[a]) for a in range(q.shape[1])], axis=1)


def _draw_levels(
    problem: Problem,
    combined: Combined,
    conformal: Conformal,
    draws: int,
    seed: int,
    chosen: NDArray[np.int64],
) -> Floats:
    """Joint draws of the level at the anchors on the root scale, shape (territory, anchor, draw)."""
    names = tuple(problem.panel.territories[i] for i in chosen)
    uniforms = coupled_uniforms(conformal.pit[:, chosen], draws, seed, problem.target, names)
    return at_probability(_calibrated(combined, conformal)[chosen], uniforms)


def _periods(problem: Problem, z: Floats, seed: int, chosen: NDArray[np.int64]) -> Floats:
    if problem.window > 1:
        sizes = replace(problem.scale, size=problem.scale.size[chosen])
        return days_from_weeks(problem, sizes.back(z, axis=0), seed, chosen)
    return periods_from_anchors(problem, z, chosen)


def _published(
    problem: Problem,
    paths: Floats,
    horizons: Sequence[int],
    chosen: NDArray[np.int64],
    nowcast: Floats | None,
) -> ForecastDistribution:
    """Pick the horizons asked for; what is known already is the same in every draw unless it is nowcast."""
    late = len(problem.panel.dates) - 1 - problem.last
    n_draws = paths.shape[2]
    out = np.empty((len(chosen), len(horizons), n_draws))
    for k, h in enumerate(horizons):
        step = h + late
        if step >= 1:
            out[:, k] = paths[:, step - 1]
        else:
            out[:, k] = _known(problem, step, chosen, nowcast, n_draws)
    return ForecastDistribution(
        target=problem.target,
        origin=problem.panel.dates[-1],
        freq=problem.panel.freq,
        territories=tuple(problem.panel.territories[i] for i in chosen),
        horizons=tuple(int(h) for h in horizons),
        draws=out,
    )


def _known(
    problem: Problem, step: int, chosen: NDArray[np.int64], nowcast: Floats | None, n_draws: int
) -> Floats:
    at = problem.last + step
    value = np.nan_to_num(problem.filled[max(at, 0), chosen])
    known = np.repeat(value[:, None], n_draws, axis=1)
    back = len(problem.panel.dates) - 1 - at
    if nowcast is None or back >= nowcast.shape[1]:
        return known
    series = nowcast[:, nowcast.shape[1] - 1 - back, chosen, problem.panel.signal_index(problem.target)]
    drawn = series[np.arange(n_draws) % len(series)].T
    return np.where(np.isfinite(drawn), drawn, known)


def _nowcast_shift(problem: Problem, nowcast: Floats, draws: int, chosen: NDArray[np.int64]) -> Floats:
    """How far each nowcast draw's newest level is from the median one, shape (territory, 1, draw), root scale."""
    k = problem.panel.signal_index(problem.target)
    tail = nowcast.shape[1]
    late = len(problem.panel.dates) - 1 - problem.last
    usable = nowcast[:, : tail - late, :, k] if late < tail else nowcast[:, :0, :, k]
    if usable.shape[1] == 0:
        return np.zeros((len(chosen), 1, draws))
    values = np.repeat(problem.filled[None, -max(problem.window, usable.shape[1]) :], len(usable), axis=0)
    part = values[:, -usable.shape[1] :]
    values[:, -usable.shape[1] :] = np.where(np.isfinite(usable), usable, part)
    level = problem.scale.forward(values[:, -problem.window :].mean(axis=1))
    shift = np.nan_to_num(level - np.median(level, axis=0))[:, chosen]
    return np.asarray(shift[np.arange(draws) % len(shift)].T[:, None, :])


def _model_distributions(
    problem: Problem, answers: Sequence[Fitted], draws: int, seed: int
) -> dict[str, ForecastDistribution]:
    out = {}
    for answer in answers:
        rng = generator(seed, "", problem.target, answer.model)
        z = np.stack([answer.draw(a, draws, rng) for a in problem.anchors], axis=1)
        out[answer.model] = ForecastDistribution(
            target=problem.target,
            origin=problem.dates[-1],
            freq=problem.panel.freq,
            territories=problem.panel.territories,
            horizons=problem.anchors,
            draws=problem.scale.back(z, axis=0),
        )
    return out


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


def _positions(panel: Panel, territories: Sequence[str] | None) -> NDArray[np.int64]:
    if territories is None:
        return np.arange(len(panel.territories))
    unknown = [t for t in territories if t not in panel.territories]
    if unknown:
        raise KeyError(f"territories not in the panel: {', '.join(unknown[:5])}")
    return np.array([panel.territories.index(t) for t in territories], dtype=np.int64)
