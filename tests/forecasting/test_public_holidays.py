"""Public holidays: of countries, of their parts, and what a forecast makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from typer import Typer
from typer.testing import CliRunner

from forecasting import FrameError, Panel, UnknownCountry, forecast
from forecasting.closures import HOLIDAY, closed_on, closure_factors, kinds_of_day, opened
from forecasting.commands import register
from forecasting.given import with_holidays
from forecasting.jobs.days_off import least_share
from forecasting.jobs.inputs import panel_bytes, panel_of
from forecasting.learned import Learned
from forecasting.learning import learn
from forecasting.models import REGISTRY
from forecasting.public_holidays import of_country, of_territories

Floats = NDArray[np.float64]
FIRST, LAST = np.datetime64("2024-01-01", "D"), np.datetime64("2024-12-31", "D")
DATES = np.arange(np.datetime64("2022-09-05"), np.datetime64("2024-12-21"))
QUICK = [m for m in REGISTRY if m.name in ("persistence", "pooled local, long")]
SHUT = 0.5


def days(code: str) -> list[str]:
    return [str(day) for day in of_country(code, FIRST, LAST)]


def test_parts_of_a_country_have_its_holidays_and_their_own() -> None:
    common = set(days("FR"))
    assert len(common) == 11
    assert set(days("FR-57")) - common == {"2024-03-29", "2024-12-26"}
    assert set(days("FR-67")) == set(days("FR-68")) == set(days("FR-Alsace"))
    assert set(days("FR-974")) - common == {"2024-12-20"}
    assert days("fr") == days("FRA") == sorted(common)
    local = of_territories("FR", ("44", "57", "68", "974", "R52"), FIRST, LAST)
    assert set(local) == {"57", "68", "974"}
    assert "2024-12-26" in local["68"].astype(str)
    assert set(of_territories("DE", ("BY", "DE-SN", "Bayern", "Loire"), FIRST, LAST)) == {
        "BY",
        "DE-SN",
        "Bayern",
    }
    assert of_territories("FR-57", ("57",), FIRST, LAST) == {}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ZZ", "write an ISO 3166 code, as FR for France; known are AD, AE,"),
        ("France", "country 'France' has no calendar of public holidays"),
        ("", "has no calendar"),
        ("FR-44", "FR has no part '44' with holidays of its own; known are FR-57, FR-6AE, FR-971"),
    ],
)
def test_a_code_that_has_no_calendar_says_which_have(code: str, message: str) -> None:
    with pytest.raises(UnknownCountry, match=message):
        of_country(code, FIRST, LAST)


def test_days_off_of_runs_are_those_of_the_law() -> None:
    assert least_share(date(2024, 5, 1)) == pytest.approx(0.35)
    assert least_share(date(2024, 12, 23)) == pytest.approx(0.6)
    assert least_share(date(2024, 3, 29)) == 1.0
    assert least_share(date(2024, 3, 29), [date(2024, 3, 29)]) == pytest.approx(0.35)


def flow_panel(territories: tuple[str, ...] = ("44", "57", "67", "85")) -> Panel:
    """Return steady counts of places, halved on the public holidays of each; Moselle and Alsace have more."""
    rng = np.random.default_rng(3)
    weekday = np.array([1.2, 1.15, 1.1, 1.1, 1.1, 0.7, 0.65])[(DATES.astype(np.int64) + 3) % 7]
    mean = np.empty((len(DATES), len(territories)))
    for i, territory in enumerate(territories):
        own = of_territories("FR", (territory,), DATES[0], DATES[-1]).get(territory, DATES[:0])
        off = np.isin(DATES, np.union1d(of_country("FR", DATES[0], DATES[-1]), own))
        mean[:, i] = 200.0 * weekday * np.where(off & (weekday > 1.0), SHUT, 1.0)
    values = rng.poisson(mean).astype(float)
    values[-1] = np.nan
    return Panel(
        dates=DATES,
        freq="D",
        territories=territories,
        signals=("admissions",),
        values=values[..., None],
        exists=np.ones((len(territories), 1), dtype=bool),
        as_of=DATES[-1],
        kinds={"admissions": "count"},
    )


def test_a_day_that_is_a_holiday_of_some_is_opened_there_alone_and_told_of_none() -> None:
    panel = with_holidays(flow_panel(), "FR")
    assert set(panel.local_holidays) == {"57", "67"}
    values, calendars = panel.series("admissions"), panel.calendars
    factors = closure_factors(values, panel.dates, calendars)
    assert factors[HOLIDAY] == pytest.approx(SHUT, abs=0.05)
    shut = closed_on(factors, panel.dates, calendars)
    friday = panel.dates == np.datetime64("2024-03-29")
    assert kinds_of_day(panel.dates, panel.holidays)[friday] != HOLIDAY
    assert shut[friday][0] == pytest.approx([1.0, factors[HOLIDAY], factors[HOLIDAY], 1.0])
    level = opened(values, shut)[friday][0]
    assert level == pytest.approx(np.full(4, 220.0), rel=0.2)


def test_one_territory_with_holidays_of_its_own_learns_from_them() -> None:
    alone = with_holidays(flow_panel(("57",)), "FR")
    assert closure_factors(alone.series("admissions"), alone.dates, alone.calendars)[
        HOLIDAY
    ] == pytest.approx(SHUT, abs=0.08)


def test_draws_know_the_holidays_of_each_territory() -> None:
    learned = learn(flow_panel(), "admissions", 14, holidays="FR", models=QUICK)
    again = Learned.of_arrays(*learned.arrays())
    drawn = again.draw(None, range(15), 400, 1)
    assert drawn.draws.tobytes() == learned.draw(None, range(15), 400, 1).draws.tobytes()
    ahead = DATES[-1] + np.arange(15)
    both = np.flatnonzero(ahead == np.datetime64("2024-12-25"))[0]
    stephen = np.flatnonzero(ahead == np.datetime64("2024-12-26"))[0]
    medians = np.median(drawn.draws, axis=2)
    assert np.all(medians[:, both] < 0.7 * medians[:, both - 7])
    assert np.all(medians[[1, 2], stephen] < 0.75 * medians[[0, 3], stephen])
    alone = learned.draw(["57"], range(15), 400, 1)
    assert alone.draws[0].tobytes() == drawn.draws[1].tobytes()


def test_a_code_dates_and_a_panels_own_calendar_are_the_same_forecast() -> None:
    panel = flow_panel(("44", "85"))
    known = of_country("FR", panel.dates[0], panel.dates[-1] + 30)

    def drawn(given: Panel, holidays: Any) -> bytes:
        answer = forecast(given, "admissions", range(15), draws=50, models=QUICK, holidays=holidays)
        return answer.distribution.draws.tobytes()

    by_code = drawn(panel, "FR")
    assert by_code == drawn(panel, known) == drawn(panel, [str(d) for d in known])
    assert by_code == drawn(replace(panel, holidays=known), None)
    assert by_code != drawn(panel, None)


def test_a_calendar_survives_the_bytes_of_a_run() -> None:
    panel = with_holidays(flow_panel(), "FR")
    again = panel_of(panel_bytes(panel))
    assert again.holidays.tolist() == panel.holidays.tolist()
    assert {t: d.tolist() for t, d in again.local_holidays.items()} == {
        t: d.tolist() for t, d in panel.local_holidays.items()
    }


def test_what_cannot_be_given_is_refused() -> None:
    panel = flow_panel(("44",))
    unknown: dict[str, Any] = {"vacations": "FR"}
    with pytest.raises(FrameError, match="holidays, number 1: 'Noël' is not a date"):
        forecast(panel, "admissions", holidays=["2024-12-25", "Noël"])
    with pytest.raises(
        TypeError, match="takes no vacations; beside its panel it may be given freq, holidays"
    ):
        forecast(panel, "admissions", **unknown)


def test_the_command_knows_the_holidays_of_a_country(tmp_path: Path) -> None:
    app, panel = Typer(), flow_panel(("44", "57"))
    register(app)
    rows = pd.DataFrame(
        panel.series("admissions")[-200:-1], columns=panel.territories, index=panel.dates[-200:-1]
    )
    rows = rows.rename_axis("date").reset_index().melt("date", var_name="territory", value_name="value")
    rows.assign(signal="admissions").to_csv(tmp_path / "panel.csv", index=False)
    given = ["forecast", "--data", str(tmp_path / "panel.csv"), "--target", "admissions", "--draws", "60"]
    medians = {}
    for country in ("FR", ""):
        out = tmp_path / f"out{country}.csv"
        options = ["--country", country] if country else []
        done = CliRunner().invoke(app, [*given, "--out", str(out), *options])
        assert done.exit_code == 0, done.output
        found = pd.read_csv(out)
        medians[country] = found[found["output_type_id"] == 0.5].set_index(["location", "target_end_date"])[
            "value"
        ]
    christmas = (44, "2024-12-25")
    assert medians["FR"][christmas] < 0.8 * medians[""][christmas]
    done = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "o.csv"), "--country", "Frankreich"])
    assert done.exit_code != 0
    assert "--country: country 'Frankreich' has no calendar" in str(done.exception)
    assert "FR" in str(done.exception)
