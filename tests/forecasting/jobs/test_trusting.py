"""Trust in a run: a break of the simulator's rules is flagged within a week, a quiet half-year hardly ever."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest

from forecasting.distribution import QUANTILE_LEVELS
from forecasting.jobs.completing import Revisions, no_revisions
from forecasting.jobs.forecaster import BACK_DAYS, DISTRUSTED, TargetDraws, draw_yardstick
from forecasting.jobs.input_doubts import input_doubts
from forecasting.jobs.trusting import Published, judge, judge_all
from forecasting.panel import Panel
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
    assert found["44"][0].parameters["now"] < found["44"][0].parameters["before"]  # type: ignore[operator] # numbers
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
