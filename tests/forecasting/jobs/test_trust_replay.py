"""Trust lived through morning by morning, with forecasts of the real chain: breaks flagged, quiet left alone."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.texts import say
from streams.simulator.parameters import Break
from tests.forecasting.reference import LOCKDOWN, mornings_of_2020
from tests.forecasting.replaying import (
    QUICK,
    Replay,
    by_the_chain,
    coverage,
    interval_score,
    replay,
    week_ahead,
)
from tests.forecasting.worlds import World, first_shown, simulated

TERRITORIES = ("44", "48", "59", "35", "2A", "75")
BREAK = date(2026, 1, 20)
BEFORE, AFTER, HISTORY = 8, 18, 204


def broken_world(target: str, *breaks: Break, seed: int) -> tuple[World, World]:
    """Return a world whose rules change on `BREAK`, and the same without the change."""
    first, mornings = BREAK - timedelta(days=BEFORE), BEFORE + AFTER
    worlds = [
        simulated(target, first, mornings, TERRITORIES, seed=seed, history=HISTORY, breaks=b)
        for b in (breaks, ())
    ]
    return worlds[0], worlds[1]


def live(world: World) -> Replay:
    return replay(world.panels(BEFORE + AFTER), world.signals[0], by_the_chain(QUICK))


@pytest.mark.parametrize(
    ("change", "seed"),
    [(Break(BREAK, ("covid",), 3.0, 1.0, 0.0, 1.0), 1), (Break(BREAK, ("covid",), 1.0, 1.0, -5.0, 1.0), 2)],
    ids=["three times as many admissions a call", "leads from six days to one"],
)
def test_a_changed_epidemic_is_flagged_within_a_week_of_the_first_patient(change: Break, seed: int) -> None:
    """Counted from the first patient more or fewer anywhere, the earliest day on which anything could be seen."""
    broken, whole = broken_world("admissions:covid", change, seed=seed)
    lived = live(broken)
    shows = first_shown(broken, whole)
    assert shows >= BREAK
    doubted = lived.doubted("FR")
    assert doubted
    assert shows < doubted[0] <= shows + timedelta(days=7)
    flagged = lived.verdicts[lived.mornings.index(doubted[0])]
    # The sum shows what no small territory can show by itself; it is handed down to all of them.
    assert all(flagged[t].state != "ok" for t in TERRITORIES)
    assert {c.key for t in TERRITORIES for c in flagged[t].causes} <= {
        "trust.parent_flagged",
        "trust.forecast_too_low",
        "trust.forecast_too_narrow",
    }


def test_a_partner_that_halves_its_reports_is_flagged_and_intervals_widen() -> None:
    """Each territory by itself, from the first day of half counts; a department of twenty admissions a day too."""
    whole = simulated(
        "admissions:all", BREAK - timedelta(days=BEFORE), BEFORE + AFTER, TERRITORIES, seed=3, history=HISTORY
    )
    at = whole.first + BEFORE
    halved = whole.truth.copy()
    halved[at:] = np.random.default_rng(0).binomial(halved[at:].astype(int), 0.5)
    world = whole.with_target(halved)
    lived = live(world)
    for territory in TERRITORIES:
        doubted = lived.doubted(territory)
        assert doubted, territory
        assert BREAK < doubted[0] <= BREAK + timedelta(days=7), territory
    flagged = lived.mornings.index(max(lived.doubted(t)[0] for t in TERRITORIES))
    assert lived.verdicts[flagged]["44"].causes[0].key == "trust.forecast_too_high"
    models, told, truth = week_ahead(lived, world.truth, world.first, slice(flagged, flagged + 7))
    assert coverage(told, truth, 0.8) > coverage(models, truth, 0.8)
    assert interval_score(told[:, :-1], truth[:, :-1]) < 1.1 * interval_score(models[:, :-1], truth[:, :-1])


def test_five_quiet_weeks_of_winter_raise_no_more_than_a_stray_flag() -> None:
    """Waves, Christmas, weekends, and a département of ten admissions a day; at most one flag in all."""
    first, mornings = date(2025, 12, 8), 35
    world = simulated("admissions:all", first, mornings, TERRITORIES, seed=4, history=157)
    lived = replay(world.panels(mornings), "admissions:all", by_the_chain(QUICK))
    assert sum(len(lived.flags(t)) for t in lived.territories) <= 1


@pytest.mark.reference_data
def test_the_lockdown_of_2020_is_flagged_within_a_week_by_every_model_there_is(reference_data: Path) -> None:
    """Emergency departments emptied; models of three weeks' past went on for days as if nothing had happened.

    The file begins three weeks before: that morning is the first on which anything could be forecast from it.
    """
    panels, truth = mornings_of_2020(reference_data, "ed_visits:all", LOCKDOWN, 12)
    lived = replay(panels, "ed_visits:all", by_the_chain())
    doubted = lived.doubted("FR")
    assert doubted
    assert doubted[0] <= LOCKDOWN + timedelta(days=7)
    at = lived.mornings.index(doubted[0])
    verdicts = lived.verdicts[at]
    assert all(verdicts[t].state != "ok" for t in lived.territories)
    cause = verdicts["FR"].causes[0]
    assert cause.key == "trust.forecast_too_high"
    facts: dict[str, Any] = dict(cause.parameters)
    assert "trop hautes" in say(cause.key, "fr", **facts)
    assert verdicts["FR"].widen > 1.2
    first = int((panels[0].dates[-1] - panels[0].dates[0]).astype(int))
    models, told, true = week_ahead(lived, truth, first, slice(at, None))
    assert coverage(told, true, 0.8) >= coverage(models, true, 0.8)


@pytest.mark.reference_data
def test_the_new_epidemic_of_2020_is_flagged_within_a_week_though_models_were_wide(
    reference_data: Path,
) -> None:
    """Visits for COVID, coded for seventeen days when anything can first be forecast, nearly fourfold in a week."""
    panels, _ = mornings_of_2020(reference_data, "ed_visits:covid", LOCKDOWN, 8)
    lived = replay(panels, "ed_visits:covid", by_the_chain())
    doubted = lived.doubted("FR")
    assert doubted
    assert doubted[0] <= LOCKDOWN + timedelta(days=7)
    verdicts = lived.verdicts[lived.mornings.index(doubted[0])]
    assert all(verdicts[t].state != "ok" for t in lived.territories)
    cause = verdicts["FR"].causes[0]
    assert cause.key == "trust.growth_unheard_of"
    facts: dict[str, Any] = dict(cause.parameters)
    assert "épidémie saisonnière" in say(cause.key, "fr", **facts)
