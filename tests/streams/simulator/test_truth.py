"""The truth of a simulated world: volumes, leads, weekdays, breaks, stays; and that asking for more changes nothing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.errors import MeteoError
from streams.simulator.events import SIGNALS
from streams.simulator.partners import UNIT_NAMES
from streams.simulator.scenario import Scenario, scenario
from streams.simulator.simulation import Simulation, simulate

DISEASES = ("covid", "influenza", "bronchiolitis", "gastroenteritis")


@pytest.fixture(scope="module")
def world() -> Scenario:
    return scenario("winter")


@pytest.fixture(scope="module")
def years(world: Scenario) -> Simulation:
    return simulate(world, date(2022, 9, 1), date(2025, 9, 1))


def test_same_seed_same_truth_and_other_seed_another(world: Scenario) -> None:
    start, end = date(2025, 11, 1), date(2025, 11, 20)
    first, again = simulate(world, start, end).truth, simulate(world, start, end).truth
    pd.testing.assert_frame_equal(first, again)
    other = simulate(scenario("winter", seed=45), start, end).truth
    assert not first["value"].equals(other["value"])


def test_longer_period_keeps_the_past(world: Scenario, years: Simulation) -> None:
    early = simulate(world, date(2022, 9, 1), date(2023, 2, 1))
    assert np.array_equal(early.daily, years.daily[: early.last])
    assert np.array_equal(early.present, years.present[: early.last])


def test_dated_events_of_a_scenario_leave_what_was_before_them(world: Scenario) -> None:
    start, end = date(2025, 12, 1), world_day(12)
    calm, broken = simulate(world, start, end), simulate(scenario("break"), start, end)
    until = broken.calendar.index(world_day(10))
    assert np.array_equal(calm.daily[:until], broken.daily[:until])


def world_day(days: int) -> date:
    return date(2025, 12, 15) + timedelta(days=days)


@pytest.mark.parametrize(("signal", "usual"), [("ed_visits", 532), ("sos_calls", 589)])
@pytest.mark.parametrize("seed", [44, 7])
def test_volumes_are_those_of_the_departement(signal: str, usual: float, seed: int) -> None:
    made = simulate(scenario("winter", seed=seed), date(2023, 9, 1), date(2025, 9, 1))
    assert made.series(signal).mean() == pytest.approx(usual, rel=0.05)


def test_volumes_follow_the_population() -> None:
    small = scenario("winter", territory="85")
    made = simulate(small, date(2025, 3, 1), date(2025, 6, 1))
    assert made.series("ed_visits").mean() == pytest.approx(532 * small.scale, rel=0.10)


@pytest.fixture(scope="module")
def many_waves() -> list[Simulation]:
    """Return four times four years in a large territory, so that waves rise above counting noise."""
    worlds = (scenario("winter", seed=s, territory="59", start=date(2021, 8, 1)) for s in (44, 7, 1, 2))
    return [simulate(w, date(2021, 9, 1), date(2025, 9, 1)) for w in worlds]


LAGS = np.arange(-5, 20)


@pytest.mark.parametrize("syndrome", DISEASES)
@pytest.mark.parametrize("leading", ["sos_calls", "samu_calls", "lab_positives", "ed_visits"])
def test_stated_leads_are_in_the_data(many_waves: list[Simulation], leading: str, syndrome: str) -> None:
    """The cross-correlation of fortnightly means peaks within a day of the stated lead."""
    true_lead = many_waves[0].scenario.true_lead(leading, "admissions", syndrome)
    fit = sum(_cross_correlation(made, leading, syndrome) for made in many_waves)
    assert isinstance(fit, np.ndarray)
    best = int(fit.argmax())
    before, peak, after = fit[best - 1 : best + 2]
    found = LAGS[best] + 0.5 * (before - after) / (before - 2 * peak + after)
    assert found == pytest.approx(true_lead, abs=1.0)


def _cross_correlation(made: Simulation, leading: str, syndrome: str) -> np.ndarray:
    """Return the correlation of a signal with admissions `LAGS` days later, holidays and weekdays taken out."""
    factors = np.array(made.scenario.parameters.weekday["lab" if leading == "lab_positives" else leading])
    usual = _fortnight(factors[made.counts.days.day_kind[made.first : made.last]])
    calls = np.sqrt(_fortnight(made.series(leading, syndrome)) / usual)
    beds = np.sqrt(_fortnight(made.series("admissions", syndrome)))
    n = len(beds)
    return np.array([np.corrcoef(calls[5:-20], beds[5 + k : n - 20 + k])[0, 1] for k in LAGS])


def _fortnight(series: np.ndarray) -> np.ndarray:
    return np.convolve(series, np.ones(14) / 14, "valid")


def test_leads_are_near_those_of_the_reference_data(world: Scenario) -> None:
    assert world.true_lead("sos_calls", "admissions", "covid") == pytest.approx(6, abs=0.5)
    assert world.true_lead("lab_positives", "admissions", "covid") == pytest.approx(8, abs=0.5)
    assert 3 <= world.true_lead("ed_visits", "admissions", "covid") <= 4
    assert world.true_lead("admissions", "critical_admissions", "covid") > 0


def test_a_break_moves_the_lead_and_the_severity() -> None:
    broken = scenario("break")
    before = broken.true_lead("sos_calls", "admissions", "influenza")
    after = broken.true_lead("sos_calls", "admissions", "influenza", world_day(30))
    assert before - after == pytest.approx(4)
    start, end = world_day(0), world_day(45)
    calm, hit = simulate(scenario("winter"), start, end), simulate(broken, start, end)
    late = slice(25, 45)
    assert (
        hit.series("admissions", "influenza")[late].sum()
        > 1.4 * calm.series("admissions", "influenza")[late].sum()
    )
    assert (
        hit.series("sos_calls", "influenza")[late].sum()
        < 0.8 * calm.series("sos_calls", "influenza")[late].sum()
    )
    # A disease that the break does not concern differs by the order of the draws only.
    others = [made.series("sos_calls", "bronchiolitis").sum() for made in (hit, calm)]
    assert others[0] == pytest.approx(others[1], rel=0.1)


def test_quiet_has_no_waves() -> None:
    calm = simulate(scenario("quiet"), date(2025, 6, 1), date(2025, 12, 1))
    for name in ("admissions", "ed_visits"):
        weekly = calm.series(name)[:182].reshape(26, 7).sum(axis=1)
        # What remains is counting noise, public holidays and the summer's smaller programme.
        assert weekly.std() / weekly.mean() < 0.06
    by_cause = calm.series("sos_calls", "covid")[:182].reshape(26, 7).sum(axis=1)
    assert by_cause.std() / by_cause.mean() < 0.15


def test_seasons_have_waves_that_fill_the_beds(years: Simulation) -> None:
    flu = years.series("admissions", "influenza")
    days = np.array(years.counts.days.dates[years.first : years.last])
    peak = days[np.convolve(flu, np.ones(7), "same").argmax()]
    assert peak.month in (11, 12, 1, 2)
    census = years.census
    conventional = census[~census["critical"]].groupby("date")[["occupied", "staffed"]].sum()
    ratio = conventional["occupied"] / conventional["staffed"]
    assert 0.82 < ratio.mean() < 0.92
    assert (ratio > 1).mean() < 0.10
    assert ratio.max() > 0.98


def test_the_demonstration_fills_up_in_three_weeks_then_empties() -> None:
    made = simulate(scenario("winter"), world_day(0), world_day(70))
    census = made.census
    conventional = census[~census["critical"]].groupby("date")[["occupied", "staffed"]].sum()
    ratio = (conventional["occupied"] / conventional["staffed"]).to_numpy()
    assert ratio[:10].mean() < 0.92
    assert ratio[21:28].mean() > 0.98
    assert ratio[-7:].mean() < 0.92


def test_weekdays(years: Simulation) -> None:
    weekday = years.counts.days.weekday[years.first : years.last]
    holiday = years.counts.days.public_holiday[years.first : years.last]

    def mean(signal: str, *kinds: int) -> float:
        return float(years.series(signal)[np.isin(weekday, kinds) & ~holiday].mean())

    assert mean("sos_calls", 5, 6) > 1.15 * mean("sos_calls", 1, 2, 3)
    assert years.series("lab_tests")[(weekday == 6) | holiday].max() == 0
    assert mean("ed_visits", 0) > 1.1 * mean("ed_visits", 6)
    assert mean("admissions", 1) > 1.3 * mean("admissions", 5)
    assert mean("discharges", 6) < mean("discharges", 2)


def test_news_brings_calls_without_illness() -> None:
    start, end = world_day(0), world_day(20)
    calm, told = simulate(scenario("winter"), start, end), simulate(scenario("news"), start, end)
    surge = told.series("sos_calls", "covid") - calm.series("sos_calls", "covid")
    assert surge[5] > 100
    assert abs(surge[:5]).sum() == 0
    after = slice(5, 12)
    for name in ("lab_positives", "admissions"):
        assert told.series(name, "covid")[after].sum() == pytest.approx(
            calm.series(name, "covid")[after].sum(), rel=0.25
        )
    assert (
        told.series("lab_tests", "covid")[after].sum() > calm.series("lab_tests", "covid")[after].sum() + 200
    )


def test_stays_hold_together(years: Simulation) -> None:
    stays = years.stays
    times, exits = stays.times, stays.exits
    there = times >= 0
    assert there[:, 0].all()
    assert not (there[:, 2] & ~there[:, 1]).any()
    assert (exits[there] > times[there]).all()
    came = stays.arrival >= 0
    assert (stays.arrival[came] < times[came, 0]).all()
    # One unit at a time: each segment begins where the one before ends, in another unit.
    for k in (1, 2):
        moved = there[:, k]
        assert (exits[moved, k - 1] == times[moved, k]).all()
        assert (stays.units[moved, k] != stays.units[moved, k - 1]).all()
    assert ((stays.end - times[:, 0]) < 150 * 86400).all()


def test_census_is_what_movements_leave(years: Simulation) -> None:
    """Patients at the end of a day, counted one by one from the stays, for some days."""
    stays = years.stays
    for day in (date(2023, 1, 10), date(2024, 3, 31), date(2025, 8, 15)):
        index = years.calendar.index(day)
        moment = years.calendar.midnights[index + 1]
        inside = (stays.times >= 0) & (stays.times < moment) & (stays.exits >= moment)
        assert (inside.sum(axis=1) <= 1).all()
        for p in range(len(years.scenario.partners)):
            for u in range(len(UNIT_NAMES)):
                counted = (inside & (stays.units == u) & (stays.partner == p)[:, None]).sum()
                assert counted == years.present[index, p, u]


def test_flows_of_stays_balance(years: Simulation) -> None:
    beds = years.present[years.last - 1].sum() - years.present[years.first - 1].sum()
    left = years.series("discharges").sum() + years.series("deaths").sum()
    assert years.series("admissions").sum() - left == beds


def test_truth_adds_up_to_its_series(years: Simulation) -> None:
    truth = years.truth
    totals = truth.groupby("signal")["value"].sum()
    assert set(totals.index) == set(SIGNALS)
    for name in SIGNALS:
        assert totals[name] == years.series(name).sum()
    assert (truth["value"] >= 0).all()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": "summer"}, "unknown scenario"),
        ({"territory": "FR"}, "is a country"),
        ({"territory": "999"}, "unknown territory"),
        ({"start": date(2026, 5, 1)}, "after its first live day"),
    ],
)
def test_wrong_scenarios_say_why(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(MeteoError, match=told):
        scenario(**wrong)


def test_periods_outside_the_scenario_say_why(world: Scenario) -> None:
    with pytest.raises(MeteoError, match="before the scenario"):
        simulate(world, date(2020, 1, 1), date(2020, 2, 1))
    with pytest.raises(MeteoError, match="empty"):
        simulate(world, date(2025, 2, 1), date(2025, 2, 1))
    with pytest.raises(MeteoError, match="no disease"):
        world.true_lead("sos_calls", "admissions", "plague")
    with pytest.raises(MeteoError, match="not a parameter"):
        world.true_lead("occupied_beds", "admissions", "covid")
