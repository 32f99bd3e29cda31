"""Prophet: a piecewise-linear trend on the log scale with weekday, holidays and lagged signals, per territory.

``log y[t] = trend + weekday + year + holidays + b' x[t-L] + e`` (Taylor & Letham 2018,
doi:10.1080/00031305.2017.1380080). The lag ``L`` is the furthest anchor, so every regressor is known over
the horizon. What is used is the growth it forecasts, set on the newest level: Prophet's own level lags when
the trend turns. A few territories are fitted a run, the longest-unfitted first; the slope and the
regression kept in the state, shrunk to the median over territories, carry the others and the days between.

Its past forecasts are kept in the state too, as rehearsing it would mean fitting it anew for every past
week. Its record is made of forecasts it did make, and of "no change" at the origins before: once
`FEWEST_ORIGINS` of the origins rehearsed are its own it is weighed, by what it was worth against no change. Until
then it has no weight.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecasting.models.base import CannotForecast, Fitted, State
from forecasting.models.leading import filled_level, leading_signals
from forecasting.models.rotation import due, known_by, pooled_parameters, regressors, remember, today_of
from forecasting.problem import Problem
from forecasting.spread import intervals
from forecasting.transforms import Floats, lagged

SHORTEST_WEEKS = 8
KEPT_ORIGINS = 70
FEWEST_ORIGINS = 4
STALE_DAYS = 28


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
        names, before = regressors(problem, known_by(problem, state), lambda: leading_signals(problem, 2))
        fresh = {i: self._estimate(problem, i, names) for i in due(problem, before, self.cadence, self.most)}
        kept = remember(problem, before, fresh)
        growth = _growth(problem, pooled_parameters(problem, _lively(problem, kept), 1 + len(names)), names)
        history = _history(problem, before, growth)
        quantiles = intervals(problem, _points(problem, history), [*problem.rehearsals, len(problem.z) - 1])
        own = [str(problem.dates[origin]) in history for origin in problem.rehearsals]
        if sum(own) < FEWEST_ORIGINS:
            quantiles[:-1] = np.nan
        new = {**before, "parameters": kept, "history": history}
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


def _lively(problem: Problem, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Estimates of the last `STALE_DAYS`: a slope says where things went when it was fitted."""
    today = np.datetime64(today_of(problem), "D")
    return {t: p for t, p in kept.items() if (today - np.datetime64(p["on"], "D")).astype(int) <= STALE_DAYS}


def _history(problem: Problem, state: State, growth: Floats) -> dict[str, dict[str, Any]]:
    """Past forecasts by origin, the newest `KEPT_ORIGINS`, with today's added."""
    history = dict(state.get("history", {}))
    history[str(problem.dates[-1])] = {
        "on": today_of(problem),
        "anchors": list(problem.anchors),
        "growth": {
            t: [round(float(v), 4) for v in growth[i]] for i, t in enumerate(problem.panel.territories)
        },
    }
    return {origin: history[origin] for origin in sorted(history)[-KEPT_ORIGINS:]}


def _points(problem: Problem, history: Mapping[str, Mapping[str, Any]]) -> Floats:
    """Past forecasts on the problem's time axis; "no change" where none was made, so that no time goes unscored."""
    points = np.zeros((*problem.z.shape, len(problem.anchors)))
    position = {str(d): t for t, d in enumerate(problem.dates)}
    for origin, past in history.items():
        if origin not in position:
            continue
        both = [(a, past["anchors"].index(s)) for a, s in enumerate(problem.anchors) if s in past["anchors"]]
        for i, territory in enumerate(problem.panel.territories):
            for a, at in both if territory in past["growth"] else ():
                points[position[origin], i, a] = past["growth"][territory][at]
    return points
