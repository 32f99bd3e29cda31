"""Trust in a run: a break of the simulator's rules is flagged within a week, a quiet half-year hardly ever."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting.distribution import QUANTILE_LEVELS
from forecasting.jobs.believing import believed, ranked_as
from forecasting.jobs.completing import Revisions, no_revisions
from forecasting.jobs.days_off import least_share
from forecasting.jobs.forecaster import BACK_DAYS, DISTRUSTED, HORIZONS, TargetDraws, draw_yardstick
from forecasting.jobs.input_doubts import input_doubts
from forecasting.jobs.remembering import Published
from forecasting.jobs.trusting import Verdicts, doubted_sums, judge, judge_all, state_name
from forecasting.panel import Panel
from forecasting.store import canonical
from forecasting.trust.plausibility import implausible_forecast
from streams.simulator.scenario import scenario
from streams.simulator.simulation import Simulation, simulate

BEFORE = 300
FIRST = date(2025, 12, 15)


@cache
def simulated(name: str, first: date, days: int) -> Simulation:
    start = first - timedelta(days=BEFORE)
    return simulate(scenario(name, first, start=start), start, first + timedelta(days=days))


def panel_of(made: Simulation, targets: tuple[str, ...], until: int) -> Panel:
    """Return what is known on the morning of a day: all days before it."""
    values = np.stack([made.series(*t.split(":")) for t in targets], axis=1)[: until + 1].astype(float)
    values[until] = np.nan
    dates = np.datetime64(made.start, "D") + np.arange(until + 1)
    return Panel(
        dates=dates,
        freq="D",
        territories=("44",),
        signals=targets,
        values=values[:, None, :],
        exists=np.ones((1, len(targets)), dtype=bool),
        as_of=dates[-1],
        population=None,
        kinds={},
    )


def flagged_days(name: str, first: date, days: int, targets: tuple[str, ...]) -> list[int]:
    """Replay mornings with the yardstick; return the days on which a monitor stands flagged."""
    made = simulated(name, first, days)
    published: dict[tuple[str, str, str], tuple[list[float], list[float]]] = {}
    states: dict[str, bytes | None] = dict.fromkeys(targets)
    flagged = set()
    for until in range(BEFORE - 30, BEFORE + days):
        panel = panel_of(made, targets, until)
        for target in targets:
            verdict = judge(panel, target, published, states[target], 1)
            states[target] = verdict.state or states[target]
            if verdict.causes("44"):
                flagged.add(until - BEFORE)
            draws = verdict.widened("44", draw_yardstick(panel, target, "44", 400, 1))[BACK_DAYS:]
            levels = np.quantile(draws, QUANTILE_LEVELS, axis=1).T
            published[target, "44", str(panel.dates[-1])] = (levels[1].tolist(), levels[7].tolist())
    return sorted(flagged)


def test_a_break_is_flagged_within_a_week_of_showing() -> None:
    days = 30
    broken, whole = (
        simulated(name, FIRST, days).series("admissions", "covid") for name in ("break", "winter")
    )
    shows = int(np.flatnonzero(broken != whole)[0]) - BEFORE
    flags = flagged_days("break", FIRST, days, ("admissions:covid",))
    assert flags
    assert shows < flags[0] <= shows + 7


@pytest.mark.slow
def test_a_quiet_half_year_has_at_most_one_false_flag() -> None:
    flags = flagged_days("quiet", date(2025, 7, 15), 180, ("admissions:all",))
    episodes = sum(day - 1 not in flags for day in flags)
    assert episodes <= 1


def test_a_flag_of_the_region_is_handed_down_to_its_departements() -> None:
    dates = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-03-31"))
    values = np.full((len(dates), 2, 1), 10.0)
    panel = Panel(
        dates, "D", ("2A", "2B"), ("admissions:all",), values, np.ones((2, 1), bool), dates[-1], None, {}
    )
    near = list(np.linspace(2.0, 4.0, len(QUANTILE_LEVELS)))
    told: Published = {("admissions:all", "R94", str(d)): (near, near) for d in dates}
    state = None
    for until in range(70, len(dates)):
        found = judge(panel.until(dates[until]), "admissions:all", told, state, 1)
        state = found.state
    # Twenty patients came each day where the region was told to expect three.
    assert [c.key for c in found.causes("2A")] == ["trust.parent_flagged"]
    assert found.causes("R94")
    assert found.widened("2A", np.array([[1.0, 2.0, 3.0]]))[0, 2] > 3.0
    # The region itself says why, from what the run leaves; nothing is said of one that nobody watched.
    assert state is not None
    (cause,) = doubted_sums({state_name("admissions:all"): state, "admissions:all": b"{}"}, ["R94", "FR"])[
        "R94"
    ]
    assert (cause.key, cause.params["target"]) == ("trust.forecast_too_low", "admissions:all")


def test_the_width_that_doubt_asks_for_does_not_end_it() -> None:
    """Forecasts too low by two and a half deviations for six weeks, published as wide as doubt made them."""
    dates = np.arange(np.datetime64("2020-02-01"), np.datetime64("2020-05-31"))
    values = np.full((len(dates), 1, 1), 100.0)
    panel = Panel(
        dates, "D", ("44",), ("admissions:all",), values, np.ones((1, 1), bool), dates[-1], None, {}
    )
    normal = np.random.default_rng(0).normal(size=4000)
    told: dict[tuple[str, str, str], tuple[list[float], list[float]]] = {}
    state, states, widths = None, [], []
    for until in range(40, 82):
        verdicts = judge(panel.until(dates[until]), "admissions:all", told, state, 1)
        state = verdicts.state or state
        drawn = np.tile(75.0 + 10.0 * normal, (2, 1))
        near, far = np.quantile(verdicts.widened("44", drawn), QUANTILE_LEVELS, axis=1).T
        told["admissions:all", "44", str(dates[until])] = (near.tolist(), far.tolist())
        states.append(verdicts.by_territory["44"].state)
        widths.append(verdicts.by_territory["44"].widen)
    assert states[0] == "ok"
    first = next(i for i, s in enumerate(states) if s != "ok")
    assert first <= 7
    assert "ok" not in states[first:]
    assert min(widths[first + 10 :]) > 2.0


def test_a_forecast_out_of_all_proportion_is_not_published_once() -> None:
    """Models that say a hundredth of what came all month are answered by the yardstick on the very morning."""
    dates = np.arange(np.datetime64("2020-02-01"), np.datetime64("2020-04-01"))
    values = np.random.default_rng(1).poisson(200.0, (len(dates), 2, 1)).astype(float)
    names = ("44", "49")
    panel = Panel(dates, "D", names, ("ed_visits:all",), values, np.ones((2, 1), bool), dates[-1], None, {})
    absurd, sound = np.full((len(HORIZONS), 100), 2.0), np.full((len(HORIZONS), 100), 190.0)
    flow = TargetDraws({"44": absurd, "49": sound}, {})
    flows, judged = believed(panel, {"ed_visits:all": flow}, {}, Verdicts(), draws=100, seed=1)
    verdict = judged["ed_visits:all"].by_territory["44"]
    assert [c.key for c in verdict.causes] == ["trust.forecast_implausible"]
    assert (verdict.state, verdict.fallback) == ("degraded", True)
    assert 150 < np.median(flows["ed_visits:all"].draws["44"][-7:]) < 250
    assert "49" not in judged["ed_visits:all"].by_territory
    np.testing.assert_array_equal(flows["ed_visits:all"].draws["49"], sound)


def test_an_epidemic_may_double_in_three_days_and_a_small_place_may_do_anything() -> None:
    """Neither is out of proportion; fifty times the level is."""
    week = np.full((7, 10), 1.0)
    seen = np.concatenate([np.full(21, 20.0), 20.0 * 2.0 ** (np.arange(7) / 3.0)])
    coming = 100.0 * 2.0 ** (np.arange(7)[:, None] / 3.0) * week
    assert implausible_forecast(seen, coming, "admissions:covid") is None
    assert implausible_forecast(np.zeros(28), 12.0 * week, "admissions:covid") is None
    assert implausible_forecast(np.full(28, 12.0), 0.0 * week, "admissions:covid") is None
    found = implausible_forecast(np.full(28, 20.0), 1000.0 * week, "admissions:covid")
    assert found is not None
    assert dict(found.parameters) == {"target": "admissions:covid", "median": 1000.0, "usual": 20.0}


def test_yardsticks_that_answer_for_many_do_not_cancel_out_in_their_sum() -> None:
    """Draws keep the order of the models' futures: the sum is as wide as its parts together."""
    rng = np.random.default_rng(2)
    models = rng.normal(100.0, 10.0, (15, 1000)) + rng.normal(0.0, 50.0, 1000)
    yardsticks = [rng.poisson(rng.gamma(9.0, 10.0, 1000), (15, 1000)).astype(float) for _ in range(9)]
    ordered = [ranked_as(models, y) for y in yardsticks]
    assert all(
        np.array_equal(np.sort(o, axis=1), np.sort(y, axis=1))
        for o, y in zip(ordered, yardsticks, strict=True)
    )
    alone = sum(y.mean(axis=0).std() for y in yardsticks)
    assert np.sum([o.mean(axis=0) for o in ordered], axis=0).std() > 0.95 * alone
    assert np.sum([y.mean(axis=0) for y in yardsticks], axis=0).std() < 0.5 * alone


def test_a_state_of_an_earlier_version_starts_the_watch_again() -> None:
    dates = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-03-31"))
    values = np.full((len(dates), 1, 1), 10.0)
    panel = Panel(
        dates, "D", ("2A",), ("admissions:all",), values, np.ones((1, 1), bool), dates[-1], None, {}
    )
    old = canonical.document({"monitors": {"territories": ["2A"]}, "last": "2020-03-20"})
    assert judge(panel, "admissions:all", {}, old, 1).by_territory["2A"].state == "ok"


def test_holidays_of_the_law_and_the_end_of_the_year_explain_a_fall() -> None:
    assert (
        least_share(date(2026, 5, 14))
        < least_share(date(2025, 12, 29))
        < least_share(date(2026, 5, 15))
        == 1.0
    )


def test_delays_that_changed_are_doubted() -> None:
    dates = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-05-10"))
    rows = []
    for day in dates[:-1]:
        late = day > dates[-1] - 25
        for delay, share in ((1, 0.4 if late else 0.9), (2, 0.7 if late else 0.95), (3, 1.0)):
            if day + delay < dates[-1]:
                rows.append(("44", day, "admissions:all", np.round(100 * share), day + delay))
    names = ["territory", "date", "signal", "value", "reported_at"]
    values = np.full((len(dates), 1, 1), 100.0)
    panel = Panel(
        dates, "D", ("44",), ("admissions:all",), values, np.ones((1, 1), bool), dates[-1], None, {}
    )
    told = Revisions(pd.DataFrame(rows, columns=names))
    found = input_doubts(panel, "admissions:all", told, 1)
    assert [c.key for c in found["44"]] == ["trust.delays_changed"]
    facts: dict[str, Any] = dict(found["44"][0].parameters)
    assert facts["now"] < facts["before"]
    assert input_doubts(panel, "admissions:all", no_revisions(), 1) == {}
    # They count against the target that all follow.
    verdicts = judge_all(panel, {}, {}, 1, found)
    assert verdicts["admissions:all"].by_territory["44"].state == "degraded"
    assert verdicts["admissions:all"].by_territory["44"].widen > 1.0


def test_what_broke_is_answered_by_the_yardstick() -> None:
    flow = TargetDraws({"44": np.zeros((2, 3)), "49": np.zeros((2, 3))}, {"weights": {"sarimax": 1.0}})
    told = flow.retold(["44"], DISTRUSTED, lambda _: np.ones((2, 3)))
    assert told.draws["44"].sum() == 6
    assert told.draws["49"].sum() == 0
    assert told.models_of("44")["weights"] == {"persistence": 1.0}
    assert told.models_of("49")["weights"] == {"sarimax": 1.0}
