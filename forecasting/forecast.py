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
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np
import pandas as pd

from forecasting.distribution import QUANTILE_LEVELS, ForecastDistribution
from forecasting.ensemble import LeftOut
from forecasting.given import Given
from forecasting.learning import (
    TooShort,
    Workings,
    with_median_nowcast,
    work,
)
from forecasting.panel import DateLike, Panel
from forecasting.streams_of_chance import generator, seed_of
from forecasting.transforms import Floats

ENSEMBLE = "ensemble"
__all__ = ["ENSEMBLE", "Forecast", "TooShort", "forecast", "with_median_nowcast"]


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
    territories: Sequence[str] | None = None,
    keep_models: bool = False,
    **given: Unpack[Given],
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
    territories : sequence of str, optional
        Draw only these; the models still learn from all, so the numbers are the same as in a full run.
    keep_models : bool
        Also return each model's own distribution at the anchors.
    **given
        ``freq``, ``holidays``, ``state``, ``donors``, ``nowcast_draws`` and ``models``, as
        `forecasting.given.Given` describes them.

    Raises
    ------
    FrameError
        For a frame that cannot become a panel, an unknown target, or holidays that are no dates.
    UnknownCountry
        For holidays of a country that has no calendar.
    TooShort
        With less than three weeks of history.
    ValueError
        For horizons that are no whole periods, or quantile levels that are no probabilities.
    TypeError
        For a keyword that there is not.
    """
    horizons, seed = _whole_periods(horizons), seed_of(rng)
    if not all(0.0 < level < 1.0 for level in quantiles):
        raise ValueError(f"quantiles {tuple(quantiles)}: every level lies between 0 and 1")
    done = work(panel, target, max(horizons), as_of, seed, **given)
    learned = done.learned
    distribution = learned.draw(territories, horizons, draws, seed)
    return Forecast(
        distribution=distribution,
        levels=tuple(quantiles),
        quantiles=distribution.quantiles(quantiles),
        models=_model_distributions(done, draws, seed) if keep_models else {},
        weights=learned.weights,
        scores=learned.scores,
        left_out=learned.left_out,
        state=learned.state,
        pit=learned.pit,
        anchors=learned.anchors,
        refitted=learned.refitted,
    )


def _whole_periods(horizons: Sequence[int]) -> tuple[int, ...]:
    """Horizons as plain integers, or an error that says which is none."""
    wrong = [h for h in horizons if float(h) != int(h)]
    if wrong or not len(horizons):
        raise ValueError(f"horizons {list(horizons)}: give at least one, in whole periods, as 1, 2, 3")
    return tuple(int(h) for h in horizons)


def _model_distributions(done: Workings, draws: int, seed: int) -> dict[str, ForecastDistribution]:
    problem, out = done.problem, {}
    for answer in done.answers:
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
