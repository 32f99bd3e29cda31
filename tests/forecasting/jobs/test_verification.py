"""Live verification: past runs scored against the matured truth, once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from forecasting import store
from forecasting.jobs.conduct import make_plan, make_run
from forecasting.jobs.cycles import cycle_on
from forecasting.jobs.verification import verify_matured
from infra.clock import FixedClock
from infra.database import Connection
from tests.forecasting.jobs.reports import ASKED, LAST_DAY, WORLD

ORIGIN = LAST_DAY - timedelta(days=30)


def test_matured_horizons_are_scored_once(filled: Connection) -> None:
    cycle = cycle_on(ORIGIN, "05:30", "Europe/Paris")
    plan = make_plan(filled, WORLD.name, cycle, "cycle", ASKED)
    make_run(filled, plan, ASKED, FixedClock(cycle.moment))
    soon = cycle_on(ORIGIN + timedelta(days=15), "05:30", "Europe/Paris").moment
    assert verify_matured(filled, soon) == 2 * 5 * 6
    assert verify_matured(filled, soon) == 0
    later = cycle_on(ORIGIN + timedelta(days=29), "05:30", "Europe/Paris").moment
    assert verify_matured(filled, later) > 0
    found = store.scores(filled, "44", target="admissions:covid")
    assert [s.horizon for s in found] == list(range(14, -1, -1))
    assert found[0].day == date(2020, 10, 30)
    # The yardstick was asked for, so the run is as good as the yardstick.
    skill = {(s.target, s.horizon): s for s in store.skill(filled, "44")}
    assert skill["admissions:covid", 7].relative_wis == pytest.approx(1.0, abs=0.35)
    assert all(0 <= s.coverage_50 <= s.coverage_80 <= s.coverage_95 <= 1 for s in skill.values())
    assert len(store.skill(filled)) == len(skill)
