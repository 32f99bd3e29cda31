"""What the page makes of an answer, without a browser."""

from __future__ import annotations

from datetime import date, timedelta

import httpx
import pytest

from api.answers import LeadOut
from api.explaining import bars
from api.pages.charts import FanPoint, fan_chart
from api.pages.view import leading
from tests.api.conftest import Served
from tests.api.published import AS_OF, Story, publish


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


def test_a_colour_that_waits_for_confirmation_is_drawn_as_an_outline(fresh: Served) -> None:
    with fresh.client() as client:
        before = client.get("/").text
        with fresh.connect() as connection:
            publish(connection, [Story(raw_colour="green")], as_of=AS_OF + timedelta(hours=1))
        # The shelf is emptied when the news is heard.
        after = client.get("/", params={"as_of": (AS_OF + timedelta(hours=1)).isoformat()}).text
        days = client.get("/v1/meteo/44", params={"as_of": (AS_OF + timedelta(hours=1)).isoformat()}).json()[
            "days"
        ]
    assert "tile yellow kept" not in before
    assert "tile yellow kept" in after
    assert "Contour seul" in after
    assert "tile green kept" not in after
    assert {d["raw_colour"] for d in days} == {"green"}


@pytest.mark.parametrize(("low", "from_zero"), [(900.0, False), (12.0, True)])
def test_beds_far_from_zero_are_drawn_against_the_beds_free(low: float, from_zero: bool) -> None:
    days = [date(2025, 12, 18) + timedelta(days=n) for n in range(3)]
    needed = {0.1: low, 0.5: 980.0, 0.9: 1020.0}
    chart = fan_chart([FanPoint(day, needed, 1056.0) for day in days], [(days[0], 950.0)], "fr")
    scales = [layer["encoding"]["y"].get("scale") for layer in chart["layer"] if "y" in layer["encoding"]]
    assert [scale["zero"] for scale in scales if scale] == [from_zero]


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
