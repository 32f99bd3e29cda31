"""Checks of inputs on simulated worlds in which what changed, and when, is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest

from forecasting.input_checks import Causes
from forecasting.jobs.completing import Revisions, no_revisions
from forecasting.jobs.input_doubts import input_doubts
from forecasting.jobs.judgement import not_told_yet
from forecasting.panel import Panel
from forecasting.run import Message
from streams.simulator.events import INSERT, SIGNALS
from streams.simulator.parameters import Break
from streams.simulator.partners import Lateness
from streams.simulator.scenario import Scenario, scenario
from streams.simulator.simulation import simulate

TODAY = date(2026, 1, 1)
MOVED = TODAY - timedelta(days=150)
FIRST, CHANGED = date(2025, 9, 1), 80
USUAL, LATE = (0.77, 0.04, 0.13, 0.04, 0.02), (0.40, 0.25, 0.20, 0.10, 0.05)
"""Shares of emergency visits that miss no, one, two … sendings of the morning."""


def panel_of(territory: str, signals: tuple[str, ...], values: np.ndarray, first: date) -> Panel:
    dates = np.datetime64(first, "D") + np.arange(len(values))
    exists = np.ones((1, len(signals)), dtype=bool)
    return Panel(dates, "D", (territory,), signals, values[:, None, :], exists, dates[-1], None, {})


def lively(seed: int, *changes: Break) -> Scenario:
    """Return a world in which COVID spreads by fits and starts, so that a lead can be seen at all."""
    found = scenario("winter", TODAY, start=TODAY - timedelta(days=420), seed=seed, territory="59")
    covid = found.disease("covid")
    admitted = covid.paths["admissions"]
    paths = {**covid.paths, "admissions": replace(admitted, probability=10 * admitted.probability)}
    disease = replace(covid, noise=0.3, noise_days=6.0, paths=paths)
    return replace(found, parameters=replace(found.parameters, diseases=(disease,), breaks=changes))


def leads_doubted(world: Scenario) -> Causes:
    made = simulate(world, world.start, TODAY)
    signals = ("admissions:covid", "sos_calls:covid")
    values = np.stack([made.series(*s.split(":")) for s in signals], axis=1).astype(float)
    return input_doubts(panel_of("59", signals, values, world.start), signals[0], no_revisions(), 1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_lead_that_moved_by_five_days_is_found_with_both_its_lengths(seed: int) -> None:
    """Five months after calls led admissions by six days and then by one; two days of error either side."""
    world = lively(seed, Break(MOVED, ("covid",), 1.0, 1.0, -5.0, 1.0))
    before, now = (world.true_lead("sos_calls", "admissions", "covid", on) for on in (world.start, TODAY))
    assert (round(before), round(now)) == (6, 1)
    (cause,) = leads_doubted(world)["59"]
    assert (cause.key, cause.severity) == ("trust.lag_moved", "degraded")
    assert cause.parameters["signal"] == "sos_calls"
    assert abs(float(cause.parameters["before"]) - before) <= 2
    assert abs(float(cause.parameters["now"]) - now) <= 2
    assert leads_doubted(lively(seed)) == {}


@cache
def visits(territory: str, shares: tuple[float, ...]) -> np.ndarray:
    """Return day of occurrence and of report of each emergency visit, shape (visit, 2)."""
    world = scenario("winter", FIRST, start=FIRST, seed=1, territory=territory)
    partners = tuple(
        replace(p, lateness={**p.lateness, "ed_visits": Lateness(True, 0.5, 1.0, shares)})
        if "ed_visits" in p.signals
        else p
        for p in world.partners
    )
    made = simulate(replace(world, partners=partners), FIRST, FIRST + timedelta(days=110))
    found = []
    for events in made.tables():
        kept = (events.signal == SIGNALS.index("ed_visits")) & (events.kind == INSERT)
        found.append(
            np.stack([made.calendar.civil_index(m[kept]) for m in (events.occurred, events.reported)])
        )
    first: int = made.calendar.index(FIRST)
    days: np.ndarray = np.concatenate(found, axis=1).T - first
    return days


def delays_doubted(territory: str, told: np.ndarray, today: int) -> Causes:
    """Return what is doubted on a morning of what was told before it."""
    known = told[(told[:, 1] < today) & (told[:, 0] >= 0)]
    new = np.zeros((today, 12), dtype=int)
    np.add.at(new, (known[:, 0], np.minimum(known[:, 1] - known[:, 0], 11)), 1)
    day, delay = np.nonzero(new)
    first = np.datetime64(FIRST, "D")
    table = pd.DataFrame(
        {
            "territory": territory,
            "date": first + day,
            "signal": "ed_visits:all",
            "value": new.cumsum(axis=1)[day, delay].astype(float),
            "reported_at": first + day + delay,
        }
    )
    visits_known = np.append(new.sum(axis=1), 0)
    values = np.stack([np.full(today + 1, 100.0), visits_known], axis=1)
    panel = panel_of(territory, ("admissions:all", "ed_visits:all"), values, FIRST)
    return input_doubts(panel, "admissions:all", Revisions(table), 1)


@pytest.mark.parametrize("territory", ["44", "48"])
def test_delays_that_change_are_found_within_a_week_of_the_first_late_visit(territory: str) -> None:
    """From three visits in four on the next morning to two in five; a big département and the smallest."""
    usual, late = visits(territory, USUAL), visits(territory, LATE)
    told = np.concatenate([usual[usual[:, 0] < CHANGED], late[late[:, 0] >= CHANGED]])
    doubted = [m for m in range(CHANGED, CHANGED + 9) if delays_doubted(territory, told, m)]
    assert doubted
    # The first visits that come late are missed on the morning after the day of the change.
    assert CHANGED + 1 <= doubted[0] <= CHANGED + 8
    (cause,) = delays_doubted(territory, told, doubted[0])[territory]
    assert cause.key == "trust.delays_changed"
    assert float(cause.parameters["now"]) < float(cause.parameters["before"])
    assert abs(float(cause.parameters["before"]) - USUAL[0]) < 0.05


@pytest.mark.parametrize("territory", ["44", "48"])
def test_delays_that_stay_are_not_doubted(territory: str) -> None:
    """A morning a week over the last two months."""
    told = visits(territory, USUAL)
    assert [m for m in range(50, 108, 7) if delays_doubted(territory, told, m)] == []


def test_a_signal_that_stopped_is_doubted_and_told_once() -> None:
    """Visits stop for six days, calls stopped three months ago; a silent partner's sentence goes before."""
    days = 200
    counts = np.random.default_rng(1).poisson(40.0, (days, 3)).astype(float)
    counts[-1, 0], counts[-7:, 1], counts[-90:, 2] = np.nan, np.nan, np.nan
    signals = ("admissions:all", "ed_visits:all", "sos_calls:all")
    panel = panel_of("44", signals, counts, FIRST)
    (cause,) = input_doubts(panel, "admissions:all", no_revisions(), 1)["44"]
    assert (cause.key, cause.severity) == ("trust.signal_stale", "degraded")
    assert dict(cause.parameters) == {"signal": "ed_visits", "age": 7, "usual": 3}
    doubt = Message(cause.key, dict(cause.parameters))
    late = Message("trust.late", {"partner": "CHU", "signal": "ed_visits", "since": None})
    assert not_told_yet([doubt], []) == [doubt]
    assert not_told_yet([doubt], [late]) == []


def test_admissions_that_stopped_break_the_forecast() -> None:
    """Twelve days without any, of which nine are more than usual."""
    counts = np.random.default_rng(2).poisson(40.0, (200, 1)).astype(float)
    counts[-13:] = np.nan
    (cause,) = input_doubts(
        panel_of("44", ("admissions:all",), counts, FIRST), "admissions:all", no_revisions(), 1
    )["44"]
    assert (cause.key, cause.severity) == ("trust.signal_stale", "broken")
