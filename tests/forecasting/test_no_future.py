"""Nothing that becomes known after the moment of a forecast may change it: not data, not states, not donors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting import Panel, forecast
from forecasting.models import REGISTRY, CannotForecast, Fitted, Model
from forecasting.models.prophet_growth import ProphetGrowth
from forecasting.models.sarimax import Sarimax
from forecasting.panel import Freq
from forecasting.problem import Problem, make_problem
from tests.forecasting.test_forecast import epidemic_frame

WEEKLY_NOW, DAILY_NOW, STOCK_NOW = "2024-03-04", "2021-04-04", "2021-04-04"
LATER = 28


@cache
def panel_of(kind: str) -> Panel:
    """Three winters of weeks, four months of days, or four months of beds."""
    if kind == "weekly":
        return Panel.from_frame(epidemic_frame(3, 172, weekly=True, delay=0), freq="W")
    frame = epidemic_frame(4, 110, delay=0)
    if kind == "daily":
        return Panel.from_frame(frame, freq="D")
    beds = frame[frame["signal"] == "admissions"].copy()
    beds["value"] = beds.groupby("territory")["value"].transform(lambda v: v.rolling(9, min_periods=1).sum())
    return Panel.from_frame(
        pd.concat([beds.assign(signal="admissions"), frame[frame["signal"] == "positives"]]), freq="D"
    )


def moment_of(kind: str) -> np.datetime64:
    return np.datetime64({"weekly": WEEKLY_NOW, "daily": DAILY_NOW, "stock": STOCK_NOW}[kind])


def poisoned(panel: Panel, after: np.datetime64) -> Panel:
    """Turn everything about days after a moment into nonsense."""
    values = panel.values.copy()
    later = panel.dates > after
    values[later] = 1e5 + 1e3 * np.arange(values[later].size).reshape(values[later].shape) % 7919
    return replace(panel, values=values)


def problem_at(panel: Panel, moment: np.datetime64) -> Problem:
    return make_problem(panel.until(moment), "admissions", 14 if panel.freq == "D" else 4)


def fitted(model: Model, problem: Problem, state: Mapping[str, Any]) -> Fitted | str:
    try:
        return model.fit(problem, state)
    except CannotForecast as refusal:
        return refusal.key


def assert_same(one: Fitted | str, two: Fitted | str) -> None:
    if isinstance(one, str) or isinstance(two, str):
        assert one == two
        return
    assert one.quantiles.tobytes() == two.quantiles.tobytes()
    assert one.rehearsed.tobytes() == two.rehearsed.tobytes()
    assert one.state == two.state


@pytest.mark.parametrize("kind", ["weekly", "daily", "stock"])
@pytest.mark.parametrize("model", REGISTRY, ids=lambda m: m.name)
def test_each_model_alone_cannot_see_later_data_nor_a_later_state(model: Model, kind: str) -> None:
    panel, now = panel_of(kind), moment_of(kind)
    if isinstance(model, Sarimax | ProphetGrowth):
        model = replace(model, most=2)  # fewer territories to estimate: the same code, less time
    problem = problem_at(panel, now)
    cold = fitted(model, problem, {})
    assert_same(cold, fitted(model, problem_at(poisoned(panel, now), now), {}))
    learnt = fitted(model, problem_at(poisoned(panel, now), now + LATER), {})
    if not isinstance(learnt, str) and learnt.state:
        assert_same(cold, fitted(model, problem, json.loads(json.dumps(dict(learnt.state)))))


@pytest.mark.parametrize("model", [Sarimax(most=2), ProphetGrowth(most=2)], ids=lambda m: m.name)
def test_of_a_later_state_only_what_was_learnt_by_then_is_used(model: Model) -> None:
    """A week's run, then a later one from its state: back at the first week, only the first one's parameters count."""
    panel, now = panel_of("daily"), moment_of("daily")
    first = fitted(model, problem_at(panel, now - 2), {})
    assert not isinstance(first, str)
    answers = []
    for world in (panel, poisoned(panel, now)):
        later = fitted(model, problem_at(world, now + LATER), first.state)
        assert not isinstance(later, str)
        assert set(later.state["parameters"]) > set(first.state["parameters"])
        answers.append(fitted(model, problem_at(panel, now), later.state))
    assert_same(*answers)


@pytest.mark.parametrize("kind", ["weekly", "daily", "stock"])
def test_sarimax_rehearses_with_nothing_that_came_after_the_origin(kind: str) -> None:
    """Whatever happens after a past origin, its rehearsed median, and those before, stay what they were."""
    panel = panel_of(kind)
    problem = problem_at(panel, moment_of(kind))
    origin = int(problem.rehearsals[-5])
    z = problem.z.copy()
    z[origin + 1 :] = 0.4 + 1.2 * np.random.default_rng(5).random(z[origin + 1 :].shape)
    other = replace(problem, z=z)
    signals = {name: level.copy() for name, level in problem.signals.items()}
    for level in signals.values():
        level[origin + 1 :] = np.random.default_rng(6).random(level[origin + 1 :].shape)
    other.__dict__["signals"] = signals
    true, false = (Sarimax(most=2).fit(p, {}) for p in (problem, other))
    middle = true.rehearsed.shape[-1] // 2
    known = problem.rehearsals <= origin
    same = true.rehearsed[known][..., middle], false.rehearsed[known][..., middle]
    np.testing.assert_allclose(*same, atol=1e-6)
    assert not np.allclose(true.quantiles, false.quantiles)


def frame_with_reports(freq: Freq) -> pd.DataFrame:
    """Make counts that arrive over four periods, the share known growing with delay."""
    weekly = freq == "W"
    final = epidemic_frame(4, 60 if weekly else 110, weekly=weekly, delay=0)
    versions, step = [], 7 if weekly else 1
    for delay, share in enumerate((0.7, 0.9, 0.97, 1.0)):
        reported = final["date"] + pd.Timedelta(days=step * (1 + delay), hours=9)
        versions.append(final.assign(value=(final["value"] * share).round(), reported_at=reported))
    return pd.concat(versions, ignore_index=True)


@pytest.mark.parametrize(("freq", "as_of"), [("D", "2021-04-04"), ("W", "2021-12-26")])
def test_later_reports_change_not_one_byte_with_nowcast_donors_and_state(freq: Freq, as_of: str) -> None:
    honest = frame_with_reports(freq)
    late = honest["reported_at"] >= pd.Timestamp(as_of) + pd.Timedelta(days=1)
    lies = honest.copy()
    lies.loc[late, "value"] = 3e5 + np.arange(late.sum())
    more = lies[late].assign(reported_at=pd.Timestamp(as_of) + pd.Timedelta(days=1, hours=1), value=9e5)
    lies = pd.concat([lies, more]).drop_duplicates(["territory", "date", "signal", "reported_at"])
    donor = Panel.from_frame(
        epidemic_frame(3, 120 if freq == "D" else 70, seed=9, weekly=freq == "W"), freq=freq
    )
    answers = []
    for frame, teacher in ((honest, donor), (lies, poisoned(donor, np.datetime64(as_of)))):
        states: list[Mapping[str, Any] | None] = [None]
        for moment in (pd.Timestamp(as_of) + pd.Timedelta(days=LATER), pd.Timestamp(as_of)):
            answer = forecast(
                frame, "admissions", range(5), draws=50, as_of=str(moment.date()), rng=3,
                freq=freq, donors=(teacher,), state=states[-1],
            )  # fmt: skip
            states.append(answer.state)
        answers.append(answer)
    assert answers[0].distribution.draws.tobytes() == answers[1].distribution.draws.tobytes()
    assert answers[0].distribution.draws[:, 0].std(axis=-1).max() > 0
    assert json.loads(json.dumps(answers[0].state)) == json.loads(json.dumps(answers[1].state))
