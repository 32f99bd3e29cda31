"""Frames as people have them: each is forecast, or refused by an error that names the column and the row."""

from __future__ import annotations

import datetime
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from forecasting import QUANTILE_LEVELS, FrameError, Panel, TooShort, forecast, frame_files
from forecasting.distribution import ForecastDistribution
from forecasting.hubverse import COLUMNS
from forecasting.models import REGISTRY
from infra.command_line import build_app
from infra.errors import MeteoError
from tests.forecasting.test_forecast import epidemic_frame

QUICK = tuple(m for m in REGISTRY if m.name not in ("prophet", "sarimax"))


def weeks(n: int = 40, territories: int = 2, start: str = "2021-01-04") -> pd.DataFrame:
    frame = epidemic_frame(territories, n, weekly=True, delay=0)
    frame = frame[frame["signal"] == "admissions"].reset_index(drop=True)
    shift = pd.Timestamp(start) - frame["date"].min()
    return frame.assign(date=frame["date"] + shift, value=frame["value"].astype(float))


def quickly(frame: pd.DataFrame, horizons: Any = (0, 1, 2), **given: object) -> ForecastDistribution:
    options: dict[str, Any] = {"draws": 50, "rng": 1, "models": QUICK, **given}
    answer = forecast(frame, "admissions", horizons, **options)
    draws = answer.distribution.draws
    assert np.isfinite(draws).all()
    assert (draws >= 0).all()
    return answer.distribution


def test_codes_and_numbers_of_any_type_give_the_same_forecast() -> None:
    frame = weeks().assign(territory=lambda f: f["territory"].str[1:])
    plain = quickly(frame)
    for other in (
        frame.astype({"territory": int}),
        frame.astype({"territory": float}),
        frame.astype({"territory": "category", "signal": "category", "value": "category"}),
        frame.astype({"value": "Int64", "date": str}),
        frame.assign(date=frame["date"].dt.strftime("%Y%m%d").astype(int)),
        frame.assign(date=frame["date"].dt.tz_localize("Europe/Paris")),
        frame.assign(date=frame["date"].dt.date, note="x"),
        frame.sample(frac=1.0, random_state=3),
    ):
        assert quickly(other).draws.tobytes() == plain.draws.tobytes()


def test_a_civil_date_is_never_converted() -> None:
    stamps = [f"2021-01-{d:02d}T00:30:00+0{1 + d % 2}:00" for d in range(1, 31)]
    frame = pd.DataFrame({"territory": "44", "date": stamps, "signal": "x", "value": 1.0})
    panel = Panel.from_frame(frame)
    assert (str(panel.dates[0]), str(panel.dates[-1])) == ("2021-01-01", "2021-01-30")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": "04/01/2021"}, r"column 'date', row 7: '04/01/2021' is not a date that can be read without doubt"),
        ({"date": 44200}, "column 'date', row 7: 44200 is not a date"),
        ({"date": None}, "column 'date', row 7"),
        ({"date": pd.Timestamp("2021-01-06")}, "row 7: 2021-01-06 is a Wednesday, while weeks here"),
        ({"territory": " "}, "column 'territory', row 7: ' ' is empty"),
        ({"signal": None}, "column 'signal', row 7"),
        ({"value": "3,5"}, "column 'value', row 7: '3,5' is not a number"),
        ({"value": np.inf}, "column 'value', row 7: inf is infinite"),
        ({"value": -1.0}, "column 'value', row 7: -1.0 is negative"),
        ({"date": pd.Timestamp("2021-01-04")}, "column 'date', row 7: '2021-01-04' repeats"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    frame = weeks().astype(object)
    for column, value in change.items():
        frame.loc[7, column] = value
    with pytest.raises(FrameError, match=message):
        quickly(frame)


@pytest.mark.parametrize(
    "text",
    [
        "territory;date;signal;value\n01;2021-01-04;x;3,5\n",
        "territory\tdate\tsignal\tvalue\n01\t2021-01-04\tx\t3.5\n",
        "territory, date, signal, value\n01, 2021-01-04, x, 3.5\n",
    ],
    ids=["semicolons", "tabulators", "spaces"],
)
def test_columns_are_parted_as_the_first_line_says(text: str, tmp_path: Path) -> None:
    file = tmp_path / "panel.csv"
    file.write_text(text, encoding="utf-8-sig")
    assert frame_files.read(file).to_dict("records") == [
        {"territory": "01", "date": "2021-01-04", "signal": "x", "value": 3.5}
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("territory,date,signal,value\n01,2021-01-04,x,3,5\n", "line 2 holds more values than line 1 names columns"),
    ],
)  # fmt: skip
def test_a_file_without_columns_or_with_too_many_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "panel.csv"
    file.write_text(text)
    with pytest.raises(MeteoError, match=message):
        frame_files.read(file)


def test_spacing_that_is_neither_days_nor_weeks_is_refused() -> None:
    frame = weeks()
    monthly = frame.assign(
        date=frame.groupby("territory")
        .cumcount()
        .map(lambda k: pd.Timestamp("2021-01-01") + pd.DateOffset(months=k))
    )
    with pytest.raises(FrameError, match="usually 31 days apart"):
        quickly(monthly)
    with pytest.raises(FrameError, match="whole weeks apart, so freq is W"):
        quickly(frame, freq="D")
    with pytest.raises(FrameError, match="one date only"):
        quickly(frame.groupby("territory").tail(1))
    with pytest.raises(FrameError, match="no row is known at 2019"):
        quickly(frame, as_of="2019-01-01")
    with pytest.raises(FrameError, match="as_of 'soon' is not a date"):
        quickly(frame, as_of="soon")
    with pytest.raises(FrameError, match="'value' is there more than once"):
        quickly(pd.concat([frame, frame[["value"]]], axis=1))


@pytest.mark.parametrize(
    "start", ["2021-01-04", "2021-01-09", "2021-01-10"], ids=["Monday", "Saturday", "Sunday"]
)
def test_weeks_keep_the_names_they_came_with(start: str) -> None:
    found = quickly(weeks(start=start))
    last = np.datetime64(start) + 7 * 39
    assert found.origin == last
    assert found.target_dates().tolist() == [(last + 7 * h).item() for h in (0, 1, 2)]


@pytest.mark.parametrize("level", [0.0, 7.0, 7.3, 1e9])
def test_a_series_that_never_moves_stays(level: float) -> None:
    found = quickly(weeks().assign(value=level))
    assert np.allclose(found.median(), level, rtol=0.02)


def test_territories_that_start_late_stopped_or_have_gaps_leave_the_others_alone() -> None:
    frame = weeks(120, 3)
    first, last = frame["date"].min(), frame["date"].max()
    cases = {
        "late": frame["date"] < last - pd.Timedelta(days=21),
        "stopped": frame["date"] > first + pd.Timedelta(days=150),
        "gap": frame["date"].between("2021-09-01", "2022-04-01"),
        "newest": frame["date"] == last,
    }
    for hidden in cases.values():
        found = quickly(frame[~(hidden & (frame["territory"] == "T1"))])
        assert found.territories == ("T0", "T1", "T2")
    everywhere = quickly(frame[~cases["gap"]])
    assert everywhere.origin == np.datetime64(last.date())


def test_a_territory_without_the_target_is_left_out_and_one_with_three_days_of_it_is_not() -> None:
    frame = epidemic_frame(3, 60, delay=0)
    target = frame["signal"] == "admissions"
    young = frame[~(target & (frame["territory"] == "T1") & (frame["date"] < "2021-03-02"))]
    found = quickly(young, (1, 7))
    recent = young[(young["signal"] == "admissions") & (young["territory"] == "T1")]["value"].mean()
    assert found.territories == ("T0", "T1", "T2")
    assert found.median()[1, 0] == pytest.approx(recent, rel=0.6)
    silent = frame["date"].between("2021-02-17", "2021-03-02")
    holed = quickly(frame[~(target & (frame["territory"] == "T1") & silent)], (1, 7))
    assert holed.territories == ("T0", "T1", "T2")
    never = quickly(frame[~(target & (frame["territory"] == "T1"))], (1, 7))
    assert never.territories == ("T0", "T2")
    with pytest.raises(TooShort, match="no value is known"):
        quickly(frame.assign(value=frame["value"].where(~target)))


@pytest.mark.parametrize("horizons", [[3, 1, 2], [0], [-1, 0, 1], [2, 2], np.arange(1, 4), [1.0, 2.0]])
def test_horizons_in_any_order_are_answered_in_that_order(horizons: list[int]) -> None:
    found = quickly(weeks(), horizons)
    assert found.horizons == tuple(int(h) for h in horizons)
    straight = quickly(weeks(), sorted({*range(4), *found.horizons}))
    if max(found.horizons) == 3:
        assert np.array_equal(found.draws, straight.at(found.horizons).draws)


def test_horizons_and_levels_that_mean_nothing_are_refused() -> None:
    for horizons in ([], [1.5]):
        with pytest.raises(ValueError, match="whole periods"):
            quickly(weeks(), horizons)
    with pytest.raises(ValueError, match="between 0 and 1"):
        quickly(weeks(), quantiles=[0.5, 1.2])
    answer = forecast(weeks(), "admissions", [1], quantiles=[0.9, 0.1, 1 / 3], draws=50, models=QUICK)
    assert answer.quantiles[0, 0, 0] >= answer.quantiles[0, 0, 2] >= answer.quantiles[0, 0, 1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_frame_is_forecast_or_refused(data: st.DataObject) -> None:
    """Holes, zeros, rates, late starts, versions and nonsense cells, in any mixture."""
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    n, people = data.draw(st.integers(1, 45)), data.draw(st.integers(1, 4))
    step = data.draw(st.sampled_from([1, 7]))
    day = datetime.date(2021, 1, 1) + datetime.timedelta(days=data.draw(st.integers(0, 6)))
    dates = pd.date_range(day, periods=n, freq=f"{step}D")
    level = data.draw(st.sampled_from([0.0, 0.3, 20.0, 1e6]))
    value = rng.poisson(level, (n, people)) * data.draw(st.sampled_from([1.0, 0.37]))
    frame = pd.DataFrame(
        {
            "territory": np.tile(np.arange(people), n),
            "date": np.repeat(dates, people),
            "signal": "admissions",
            "value": value.reshape(-1).astype(float),
        }
    )
    frame = frame[rng.random(len(frame)) >= data.draw(st.sampled_from([0.0, 0.2, 0.8]))]
    frame.loc[rng.random(len(frame)) < data.draw(st.sampled_from([0.0, 0.3])), "value"] = np.nan
    if data.draw(st.booleans()):
        later = frame.assign(
            reported_at=frame["date"] + pd.Timedelta(days=3 * step), value=frame["value"] * 1.2
        )
        frame = pd.concat([frame.assign(reported_at=frame["date"] + pd.Timedelta(days=step)), later])
    as_of = data.draw(st.sampled_from([None, "2021-01-20", "2021-03-01"]))
    horizons = data.draw(st.lists(st.integers(-2, 6), min_size=1, max_size=4))
    freq = data.draw(st.sampled_from([None, "D" if step == 1 else "W"]))
    with suppress(FrameError, TooShort):
        quickly(frame, horizons, as_of=as_of, freq=freq)


@pytest.mark.parametrize(("start", "by_end"), [("2021-01-04", False), ("2021-01-09", True)])
def test_the_command_writes_hubverse_rows_that_read_back(tmp_path: Path, start: str, by_end: bool) -> None:
    data, out = tmp_path / "données.csv", tmp_path / "out.csv"
    frame = weeks(30, 2, start).assign(value=lambda f: f["value"] / 10)
    frame.to_csv(data, index=False, sep=";", decimal=",", encoding="cp1252")
    given = [
        "forecast",
        "--data",
        str(data),
        "--target",
        "admissions",
        "--horizons",
        "1:3",
        "--out",
        str(out),
    ]
    done = CliRunner().invoke(build_app(), [*given, "--draws", "60", "--samples"])
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(out, dtype={"output_type_id": str})
    assert tuple(rows.columns) == COLUMNS
    last = pd.Timestamp(start) + pd.Timedelta(weeks=29)
    ends = last + pd.Timedelta(days=0 if by_end else 6)
    assert set(rows["reference_date"]) == {str(ends.date())}
    quantiles = rows[rows["output_type"] == "quantile"]
    assert len(quantiles) == 2 * 3 * len(QUANTILE_LEVELS)
    assert sorted(set(quantiles["output_type_id"].astype(float))) == sorted(QUANTILE_LEVELS)
    horizon = pd.to_timedelta(7 * quantiles["horizon"], unit="D")
    assert (pd.to_datetime(quantiles["target_end_date"]) == ends + horizon).all()
    for _, cell in quantiles.groupby(["location", "horizon"]):
        assert cell["value"].is_monotonic_increasing
    assert rows.loc[rows["output_type"] == "sample", "output_type_id"].nunique() == 60


def test_the_command_names_the_line_of_the_file(tmp_path: Path) -> None:
    data = tmp_path / "panel.csv"
    frame = weeks(10).astype({"value": object})
    frame.loc[4, "value"] = "beaucoup"
    frame.to_csv(data, index=False)
    given = ["forecast", "--data", str(data), "--target", "admissions", "--out", str(tmp_path / "out.csv")]
    done = CliRunner().invoke(build_app(), given)
    assert done.exit_code != 0
    assert "column 'value', row 6: 'beaucoup' is not a number" in f"{done.output}{done.exception}"
    assert "beaucoup" in data.read_text().splitlines()[6 - 1]
