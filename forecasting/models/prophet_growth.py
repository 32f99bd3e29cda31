"""Prophet: a piecewise-linear trend on the log scale with weekday, holidays and lagged signals, per territory.

``log y[t] = trend + weekday + year + holidays + b' x[t-L] + e`` (Taylor & Letham 2018,
doi:10.1080/00031305.2017.1380080). The lag ``L`` is the furthest anchor, so every regressor is known over
the horizon. What is used is the growth it forecasts, set on the newest level: Prophet's own level lags when
the trend turns. A few territories are fitted a run, the longest-unfitted first; the slope and the
regression kept in the state, shrunk to the median over territories, carry the others and the days between.

Its past forecasts are kept in the state too, as rehearsing it would mean fitting it anew for every past
week; so it has a record, and a weight, from its third run on.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecasting.models.base import CannotForecast, Fitted, State
from forecasting.models.leading import filled_level, leading_signals
from forecasting.models.rotation import due, pooled_parameters, remember
from forecasting.problem import Problem
from forecasting.spread import intervals
from forecasting.transforms import Floats, lagged

SHORTEST_WEEKS = 8
KEPT_ORIGINS = 26


@dataclass(frozen=True)
class ProphetGrowth:
    """Prophet's growth on the newest level.

    Attributes
    ----------
    name : str
    cadence : int
        Days after which a territory is due again.
    most : int
        Territories fitted in one run.
    country : str or None
        Country whose public holidays are known to the model (ISO code).
    """

    name: str = "prophet"
    cadence: int = 7
    most: int = 6
    country: str | None = None

    def fit(self, problem: Problem, state: State) -> Fitted:
        """Fit the territories that are due, read growth for all, wrap it in intervals of its past errors."""
        if len(problem.z) < SHORTEST_WEEKS * problem.weekly_step:
            raise CannotForecast(
                "history.short", weeks=len(problem.z) // problem.weekly_step, needed=SHORTEST_WEEKS
            )
        names = tuple(state.get("signals") or leading_signals(problem, 2))
        names = tuple(n for n in names if n in problem.signals)
        same = names == tuple(state.get("signals", names))
        before: State = state if same else {}
        fresh = {i: self._estimate(problem, i, names) for i in due(problem, before, self.cadence, self.most)}
        kept = remember(problem, before, fresh)
        growth = _growth(problem, pooled_parameters(problem, kept, 1 + len(names)), names)
        history = _history(problem, before, growth)
        points = _points(problem, history)
        quantiles = intervals(problem, points, [*problem.rehearsals, len(problem.z) - 1])
        new = {"signals": list(names), "parameters": kept, "history": history}
        return Fitted(
            self.name, problem.anchors, quantiles[-1], quantiles[:-1], state=new, refitted=len(fresh)
        )

    def _estimate(self, problem: Problem, i: int, names: tuple[str, ...]) -> list[float]:
        """Slope of the log trend per period at the end, and coefficients of the regressors."""
        # Both complain on import and at every fit: of plotting, which is not used, and of nothing.
        for logger in ("cmdstanpy", "prophet.plot", "prophet"):
            logging.getLogger(logger).disabled = True
        from prophet import Prophet

        size = problem.scale.size[i]
        frame = pd.DataFrame(
            {"ds": problem.dates, "y": np.log(problem.filled[: len(problem.z), i] / size + 0.05)}
        )
        years = len(frame) / (52.0 * problem.weekly_step)
        model = Prophet(
            weekly_seasonality=problem.weekly_step > 1,
            yearly_seasonality=years >= 2,
            daily_seasonality=False,
            uncertainty_samples=0,
            changepoint_range=0.95,
        )
        if self.country is not None:
            model.add_country_holidays(country_name=self.country)
        for k, name in enumerate(names):
            frame[f"x{k}"] = lagged(filled_level(problem.signals[name]), problem.anchors[-1])[:, i]
            model.add_regressor(f"x{k}", standardize=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(frame.dropna(), seed=1)
        trend = np.asarray(model.predict_trend(model.setup_dataframe(frame.dropna())), dtype=float)
        slope = float(trend[-1] - trend[-2])
        beta = np.asarray(model.params["beta"]).reshape(-1)
        design: Any = model.train_component_cols
        columns = [design[f"x{k}"].to_numpy() == 1 for k in range(len(names))]
        scale = float(model.y_scale or 1.0)
        # The trend is in units of y; coefficients are in units of y over its scale.
        return [round(slope, 6), *(round(float(beta[c][0]) * scale, 6) for c in columns)]


def _growth(problem: Problem, parameters: Floats, names: tuple[str, ...]) -> Floats:
    """Change of level from now to each anchor, shape (territory, anchor)."""
    return grown(problem, log_growth(problem, parameters, names).sum(axis=-1))


def log_growth(problem: Problem, parameters: Floats, names: tuple[str, ...]) -> Floats:
    """Growth of the logarithm by anchor: the trend's, then each signal's, shape (territory, anchor, part)."""
    reach = problem.anchors[-1]
    parts = np.zeros((problem.z.shape[1], len(problem.anchors), 1 + len(names)))
    for a, steps in enumerate(problem.anchors):
        parts[:, a, 0] = parameters[:, 0] * steps
        for k, name in enumerate(names):
            x = filled_level(problem.signals[name])
            ahead, here = x[max(0, len(x) - 1 - reach + steps)], x[max(0, len(x) - 1 - reach)]
            parts[:, a, 1 + k] = parameters[:, 1 + k] * (ahead - here)
    return parts


def grown(problem: Problem, growth: Floats) -> Floats:
    """Turn growth of the logarithm into change of the level on the root scale, shape (territory, anchor)."""
    now = carried_level(problem)[:, None] + 0.05
    return np.asarray((now * np.exp(np.clip(growth, -1.5, 1.5))) ** 0.25 - now**0.25)


def carried_level(problem: Problem) -> Floats:
    """Newest level relative to the territory's size, shape (territory,)."""
    return np.asarray(problem.scale.back(np.nan_to_num(problem.level, nan=0.05**0.25)) / problem.scale.size)


def _history(problem: Problem, state: State, growth: Floats) -> dict[str, dict[str, list[float]]]:
    """Past forecasts by origin and territory, the newest `KEPT_ORIGINS`, with today's added."""
    history = dict(state.get("history", {}))
    today = {t: [round(float(v), 5) for v in growth[i]] for i, t in enumerate(problem.panel.territories)}
    history[str(problem.dates[-1])] = today
    return {origin: history[origin] for origin in sorted(history)[-KEPT_ORIGINS:]}


def _points(problem: Problem, history: dict[str, dict[str, list[float]]]) -> Floats:
    points = np.full((*problem.z.shape, len(problem.anchors)), np.nan)
    position = {str(d): t for t, d in enumerate(problem.dates)}
    for origin, by_territory in history.items():
        if origin not in position:
            continue
        for i, territory in enumerate(problem.panel.territories):
            values = by_territory.get(territory, [])
            if len(values) == len(problem.anchors):
                points[position[origin], i] = values
    return points
