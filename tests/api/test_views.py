"""What the page makes of an answer, without a browser."""

from __future__ import annotations

import httpx
import pytest

from api.answers import LeadOut
from api.explaining import bars
from api.pages.view import leading


def _lead(signal: str, days: float | None, strength: float = 0.5) -> LeadOut:
    return LeadOut(
        signal=signal, target="admissions:all", lag_days=days, low=days, high=days, strength=strength
    )


def test_a_signal_that_does_not_lead_is_not_listed_among_those_that_do() -> None:
    rows = [
        _lead("ed_visits", 0.0, 0.9),
        _lead("sos_calls", 4.0, 0.4),
        _lead("lab_positives", 6.0, 0.7),
        _lead("samu_calls", None),
        _lead("sos_calls", 2.0, 0.1),
    ]
    assert [(row.signal, row.lag_days) for row in leading(rows)] == [
        ("lab_positives", 6.0),
        ("sos_calls", 4.0),
    ]


def test_bars_tell_the_largest_first_and_the_remainder_last() -> None:
    assert bars({"own": 0.0, "remainder": -4.0, "calls": 2.0}) == [
        ("calls", 2.0, 0.5),
        ("remainder", -4.0, -1.0),
    ]
    assert bars({}) == []


@pytest.mark.parametrize(
    ("language", "title"), [("fr", "pour les Pays de la Loire"), ("en", "for Pays de la Loire")]
)
def test_the_empty_page_names_its_place_as_the_language_does(
    public: httpx.Client, language: str, title: str
) -> None:
    assert title in public.get("/t/R52", params={"lang": language}).text
