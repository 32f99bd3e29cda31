"""The colour rule: monotone in the probability, grey where nothing is known, down only when confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.run import COLOURS, Colour, Unit, VigilanceDay
from forecasting.vigilance import DEFAULT_RULES, ColourRules, confirmed, headline, raw_colour, severity
from infra.errors import MeteoError

probabilities = st.floats(0, 1)
colours = st.sampled_from([*COLOURS, "grey"])


def day(horizon: int, colour: Colour, unit: Unit = "conventional", facility: str = "") -> VigilanceDay:
    """Return a day of a unit."""
    return VigilanceDay(
        territory="44",
        facility=facility,
        unit=unit,
        day=date(2020, 11, 1) + timedelta(days=horizon),
        horizon=horizon,
        colour=colour,
        raw_colour=colour,
        probability=None if colour == "grey" else 0.2,
        beds_needed=None,
        beds_free=None,
        basis="census",
        driver=None,
    )


@given(probabilities, probabilities)
def test_a_higher_probability_never_has_a_milder_colour(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert severity(raw_colour(low, DEFAULT_RULES)) <= severity(raw_colour(high, DEFAULT_RULES))


@pytest.mark.parametrize(
    ("probability", "colour"),
    [(0, "green"), (0.099, "green"), (0.1, "yellow"), (0.3, "orange"), (0.6, "red"), (1, "red")],
)
def test_thresholds(probability: float, colour: str) -> None:
    assert raw_colour(probability, DEFAULT_RULES) == colour


def test_what_is_not_known_is_grey() -> None:
    assert raw_colour(None, DEFAULT_RULES) == "grey"
    assert raw_colour(float("nan"), DEFAULT_RULES) == "grey"
    with pytest.raises(ValueError, match="not a probability"):
        raw_colour(1.2, DEFAULT_RULES)


@given(st.lists(colours, min_size=2, max_size=20))
def test_a_colour_goes_down_only_when_two_cycles_agree(raw: list[Colour]) -> None:
    published = [confirmed(now, before) for before, now in zip([None, *raw], raw, strict=False)]
    for step, (before, now) in enumerate(pairwise(published), start=1):
        if severity(before) > severity(now) >= 0 and raw[step - 1] != "grey":
            assert severity(raw[step - 1]) < severity(before)
            assert severity(raw[step]) < severity(before)


@given(colours, colours)
def test_a_colour_rises_at_once_and_grey_shows_at_once(now: Colour, before: Colour) -> None:
    published = confirmed(now, before)
    assert severity(published) >= severity(now)
    assert (published == "grey") == (now == "grey")


@given(st.lists(st.tuples(st.integers(0, 14), colours), max_size=30))
def test_the_headline_is_the_worst_of_days_1_to_7_and_absence_is_never_green(
    listed: list[tuple[int, Colour]],
) -> None:
    found = headline([day(h, c) for h, c in listed], DEFAULT_RULES)
    inside = [c for h, c in listed if 1 <= h <= 7]
    worst = max((severity(c) for c in inside), default=-1)
    if worst > 0:
        assert severity(found.colour) == worst
        assert found.day is not None
    elif not inside or "grey" in inside:
        assert found.colour == "grey"
    else:
        assert found.colour == "green"


def test_the_headline_names_the_first_of_the_worst_days_and_leaves_facilities_to_themselves() -> None:
    days = [
        day(5, "orange"),
        day(3, "orange", "critical"),
        day(1, "yellow"),
        day(2, "red", facility="440000271"),
    ]
    found = headline(days, DEFAULT_RULES)
    assert found.colour == "orange"
    assert found.day == days[1]


def test_a_day_that_reaches_the_colour_is_named_before_one_that_only_keeps_it() -> None:
    kept = replace(day(1, "yellow"), raw_colour="green", probability=0.02)
    assert headline([kept, day(5, "yellow"), day(6, "yellow")], DEFAULT_RULES).day == day(5, "yellow")
    assert headline([kept, day(3, "green")], DEFAULT_RULES).day == kept


def test_rules_are_data_and_wrong_ones_are_refused() -> None:
    rules = ColourRules.from_document({"yellow": 0.2}, version=3)
    assert raw_colour(0.15, rules) == "green"
    assert rules.document()["version"] == 3
    with pytest.raises(MeteoError, match="unknown field 'amber'"):
        ColourRules.from_document({"amber": 0.2}, version=3)
    with pytest.raises(MeteoError, match="must rise"):
        ColourRules(yellow=0.5)
