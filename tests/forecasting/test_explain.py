"""Explanations sum, are fair, and can be read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.texts import has, say
from forecasting.explain import GROUPS, Floats, sentence, shapley


def _game(seed: int, shape: tuple[int, ...] = (3, 4)) -> dict[frozenset[str], Floats]:
    rng = np.random.default_rng(seed)
    sets = [frozenset(g for i, g in enumerate(GROUPS) if mask >> i & 1) for mask in range(32)]
    return {chosen: rng.normal(10, 3, shape) for chosen in sets}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_reference_parts_and_remainder_sum_to_the_published_median(seed: int) -> None:
    """For any game, with a published median the models did not give."""
    game = _game(seed)
    published = game[frozenset(GROUPS)] + 0.7
    found = shapley(game.__getitem__, GROUPS, published)
    total = found.reference + found.parts.sum(axis=0) + found.remainder
    np.testing.assert_allclose(total, published, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.remainder, 0.7, atol=1e-9)
    np.testing.assert_array_equal(found.reference, game[frozenset()])


def test_shapley_values_of_the_textbook_game() -> None:
    """Gloves: one left (a), two right (b, c); a pair is worth 1. Values 2/3, 1/6, 1/6."""

    def worth(chosen: frozenset[str]) -> Floats:
        return np.array(1.0 if "a" in chosen and chosen & {"b", "c"} else 0.0)

    found = shapley(worth, ["a", "b", "c"])
    np.testing.assert_allclose(found.parts, [2 / 3, 1 / 6, 1 / 6], atol=1e-12)


def test_a_group_that_changes_nothing_gets_nothing_and_twins_the_same() -> None:
    """Null player and symmetry."""

    def worth(chosen: frozenset[str]) -> Floats:
        return np.array([3.0 * len(chosen & {"own", "calls"}) ** 2])

    found = shapley(worth, ["own", "calls", "calendar"])
    np.testing.assert_allclose(found.parts[:, 0], [6.0, 6.0, 0.0], atol=1e-12)


def test_all_thirty_two_sets_are_asked_once() -> None:
    """The price of an explanation is known."""
    asked: list[frozenset[str]] = []
    game = _game(0)

    def counted(chosen: frozenset[str]) -> Floats:
        asked.append(chosen)
        return game[chosen]

    shapley(counted, GROUPS)
    assert len(asked) == len(set(asked)) == 32


def test_the_sentence_names_the_main_driver_in_both_languages() -> None:
    """Rising by tests, falling by calls, and steady."""

    def worth(chosen: frozenset[str]) -> Floats:
        rise = 20 + 6.0 * ("laboratory" in chosen) - 1.0 * ("calls" in chosen)
        fall = 20 - 6.0 * ("calls" in chosen) + 1.0 * ("own" in chosen)
        return np.array([rise, fall, 20.0 + 0.2 * ("own" in chosen)])

    found = shapley(worth, ["own", "calls", "laboratory"])
    up, down, flat = (sentence(found, (i,)) for i in range(3))
    assert (up.key, up.parameters["driver"]) == ("explain.rise", "laboratory")
    assert (down.key, down.parameters["driver"], down.parameters["amount"]) == ("explain.fall", "calls", -6.0)
    assert flat.key == "explain.steady"
    told: dict[str, Any] = {**up.parameters, "days": 7, "signal": "admissions"}
    assert french_plain(say(up.key, "fr", **told)) == (
        "À 7 jours, 25 admissions par jour, au-dessus du niveau actuel (20), surtout par : laboratoires (+6)."
    )
    assert say(up.key, "en", **told) == (
        "In 7 days, 25 admissions a day, above the present level (20), mainly from: laboratories (+6)."
    )


def french_plain(text: str) -> str:
    """Return a French sentence with plain spaces."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize("group", [*GROUPS, "remainder"])
def test_every_group_has_a_name(group: str) -> None:
    """A driver that cannot be named explains nothing."""
    assert has(f"group.{group}")


@pytest.mark.parametrize("groups", [[], ["own", "own"], list("abcdef")])
def test_groups_that_cannot_be_explained_are_refused(groups: list[str]) -> None:
    """None, repeated, and six."""
    with pytest.raises(ValueError, match="groups"):
        shapley(lambda _: np.zeros(1), groups)
