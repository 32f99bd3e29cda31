"""The forecast call: any panel, no future, the same bytes every time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting import Forecast, FrameError, Panel, TooShort, forecast
from forecasting.streams_of_chance import generator


def epidemic_frame(
    territories: int = 6, days: int = 120, seed: int = 7, *, delay: int = 2, weekly: bool = False
) -> pd.DataFrame:
    """Make a wave of admissions a week after one of positives, with weekday troughs, positives ``delay`` late."""
    rng = np.random.default_rng(seed)
    step = 7 if weekly else 1
    dates = pd.date_range("2021-01-04", periods=days, freq=f"{step}D")
    time = np.arange(days) * step
    rows = []
    for i in range(territories):
        size = 1.0 + 2.0 * i
        wave = np.exp(1.2 * np.sin((time - 5 * i) / 25.0))
        ahead = np.exp(1.2 * np.sin((time + 7 - 5 * i) / 25.0))
        trough = 1.0 if weekly else np.where(dates.day_of_week >= 5, 0.6, 1.1)
        admissions = rng.poisson(4 * step * size * wave * trough)
        positives = rng.poisson(40 * step * size * ahead * trough).astype(float)
        if delay:
            positives[-delay:] = np.nan
        for name, values in (("admissions", admissions), ("positives", positives)):
            rows.append(pd.DataFrame({"territory": f"T{i}", "date": dates, "signal": name, "value": values}))
    return pd.concat(rows, ignore_index=True)


def run(frame: pd.DataFrame, **given: Any) -> Forecast:
    options: dict[str, Any] = {"horizons": range(15), "draws": 200, "rng": 3, **given}
    return forecast(frame, "admissions", **options)


@pytest.fixture(scope="module")
def wave() -> pd.DataFrame:
    return epidemic_frame()


@pytest.fixture(scope="module")
def answer(wave: pd.DataFrame) -> Forecast:
    return run(wave)


def test_draws_are_whole_days_of_every_territory(answer: Forecast) -> None:
    draws = answer.distribution.draws
    assert draws.shape == (6, 15, 200)
    assert np.all(draws >= 0)
    assert np.all(draws == np.round(draws))
    assert np.all(np.diff(answer.quantiles, axis=-1) >= 0)


def test_every_family_answers_or_says_why(answer: Forecast) -> None:
    assert {"persistence", "sarimax", "negative binomial", "prophet"} <= set(answer.weights)
    assert {out.key for out in answer.left_out} == {"history.short"}
    assert "seasonal naive" in {out.model for out in answer.left_out}
    assert sum(answer.weights.values()) == pytest.approx(1.0)


def test_horizon_zero_is_what_is_known(wave: pd.DataFrame, answer: Forecast) -> None:
    today = wave[(wave["signal"] == "admissions") & (wave["date"] == wave["date"].max())]
    assert np.all(answer.distribution.draws[:, 0] == today["value"].to_numpy()[:, None])


def test_poisoned_future_changes_not_one_byte(wave: pd.DataFrame) -> None:
    as_of = "2021-04-04"
    poisoned = wave.copy()
    later = poisoned["date"] > as_of
    poisoned.loc[later, "value"] = 1e6 + np.arange(later.sum())
    honest, misled = run(wave, as_of=as_of), run(poisoned, as_of=as_of)
    assert honest.distribution.draws.tobytes() == misled.distribution.draws.tobytes()
    assert honest.state == misled.state


def test_poisoned_reports_change_not_one_byte(wave: pd.DataFrame) -> None:
    as_of = "2021-04-04"
    honest = wave.assign(reported_at=wave["date"] + pd.Timedelta(hours=30))
    revised = honest[honest["date"] <= as_of].assign(
        reported_at=pd.Timestamp("2021-04-05 00:00:01"), value=9e5
    )
    both = pd.concat([honest, revised], ignore_index=True)
    assert (
        run(honest, as_of=as_of).distribution.draws.tobytes()
        == run(both, as_of=as_of).distribution.draws.tobytes()
    )


def test_poisoned_panel_cells_after_the_cut(wave: pd.DataFrame) -> None:
    panel = Panel.from_frame(wave)
    values = panel.values.copy()
    values[panel.dates > np.datetime64("2021-04-04")] = 7e7
    poisoned = Panel(
        panel.dates,
        "D",
        panel.territories,
        panel.signals,
        values,
        panel.exists,
        panel.as_of,
        None,
        panel.kinds,
    )
    one = forecast(panel, "admissions", range(8), draws=50, as_of="2021-04-04")
    two = forecast(poisoned, "admissions", range(8), draws=50, as_of="2021-04-04")
    assert one.distribution.draws.tobytes() == two.distribution.draws.tobytes()


def test_the_same_seed_gives_the_same_bytes(wave: pd.DataFrame, answer: Forecast) -> None:
    again = run(wave)
    assert again.distribution.draws.tobytes() == answer.distribution.draws.tobytes()
    assert run(wave, rng=4).distribution.draws.tobytes() != answer.distribution.draws.tobytes()


def test_territories_shared_between_workers_give_the_same_bytes(wave: pd.DataFrame, answer: Forecast) -> None:
    parts = [run(wave, territories=names).distribution for names in (("T4", "T0"), ("T1", "T2", "T3", "T5"))]
    for part in parts:
        for name in part.territories:
            alone, whole = part.select(name).draws, answer.distribution.select(name).draws
            assert alone.tobytes() == whole.tobytes()


def test_order_of_rows_does_not_matter(wave: pd.DataFrame, answer: Forecast) -> None:
    shuffled = wave.sample(frac=1.0, random_state=1)
    assert run(shuffled).distribution.draws.tobytes() == answer.distribution.draws.tobytes()


def test_state_goes_through_json_and_carries_refits(wave: pd.DataFrame, answer: Forecast) -> None:
    import json

    state = json.loads(json.dumps(answer.state))
    assert state == answer.state
    warm = run(wave, state=state)
    assert answer.refitted["sarimax"] > 0
    assert warm.refitted["sarimax"] == 0


@pytest.mark.parametrize("weekly", [False, True])
def test_three_weeks_are_enough(weekly: bool) -> None:
    frame = epidemic_frame(days=3 if weekly else 21, weekly=weekly, delay=0)
    answer = run(frame, horizons=range(5), freq="W" if weekly else "D")
    assert np.isfinite(answer.distribution.draws).all()
    median = answer.distribution.median()[:, 1:]
    assert np.all(median >= 0)


def test_less_than_three_weeks_is_refused() -> None:
    with pytest.raises(TooShort, match="3 weeks"):
        run(epidemic_frame(days=15, delay=0))


def test_missing_blocks_zeros_and_absent_services_still_forecast(wave: pd.DataFrame) -> None:
    holed = wave.copy()
    is_admissions = holed["signal"] == "admissions"
    holed.loc[is_admissions & (holed["territory"] == "T0"), "value"] = 0.0
    holed = holed[~((holed["signal"] == "positives") & (holed["territory"] == "T1"))]
    block = holed["date"].between("2021-02-10", "2021-03-03")
    holed = holed[~(block & (holed["territory"] == "T2"))]
    answer = run(holed)
    assert np.isfinite(answer.distribution.draws).all()
    assert answer.distribution.select("T0").median()[0, 1:].max() == 0


def test_a_single_territory_with_one_signal(wave: pd.DataFrame) -> None:
    alone = wave[(wave["territory"] == "T3") & (wave["signal"] == "admissions")]
    answer = run(alone)
    assert np.isfinite(answer.distribution.draws).all()


def test_rates_keep_fractions(wave: pd.DataFrame) -> None:
    rates = wave.assign(value=wave["value"] / 3.7)
    answer = run(rates)
    assert np.any(answer.distribution.draws[:, 1:] % 1.0 != 0)


def test_late_target_is_nowcast(wave: pd.DataFrame) -> None:
    late = wave[~((wave["signal"] == "admissions") & (wave["date"] > "2021-04-30"))]
    late = pd.concat([late, wave[(wave["signal"] == "positives")]]).drop_duplicates(
        ["territory", "date", "signal"]
    )
    answer = run(late)
    assert answer.distribution.origin == np.datetime64("2021-05-03")
    assert answer.distribution.draws[:, 0].std(axis=-1).min() > 0


def test_forecast_starts_from_draws_of_the_nowcast(wave: pd.DataFrame) -> None:
    panel = Panel.from_frame(wave)
    tail = np.repeat(panel.values[None, -3:], 40, axis=0).copy()
    k = panel.signal_index("admissions")
    noise = generator(1, "", "", "test").poisson(6, (40, 3, 6))
    tail[..., k] = tail[..., k] + noise
    answer = forecast(panel, "admissions", range(8), draws=40, nowcast_draws=tail)
    assert np.array_equal(answer.distribution.draws[:, 0], tail[:, -1, :, k].T)


def test_incomplete_reports_are_completed_before_forecasting(wave: pd.DataFrame) -> None:
    rng = np.random.default_rng(1)
    final = wave[wave["signal"] == "admissions"]
    versions = []
    seen = np.zeros(len(final))
    for late, share in enumerate((0.3, 0.45, 0.5, 0.5, 1.0)):
        seen = seen + rng.binomial((final["value"] - seen).astype(int), share)
        reported = final["date"] + pd.Timedelta(days=late, hours=20)
        versions.append(final.assign(value=seen, reported_at=reported))
    answer = run(pd.concat(versions), as_of="2021-04-20")
    newest = final["date"] == "2021-04-20"
    today, reported_today = final[newest]["value"].sum(), versions[0][newest]["value"].sum()
    middle = answer.distribution.total().median()[0, 0]
    assert reported_today < 0.5 * today
    assert abs(middle - today) < 0.5 * abs(reported_today - today)


def test_bad_frames_are_named_by_column_and_row(wave: pd.DataFrame) -> None:
    with pytest.raises(FrameError, match="column 'value' is missing"):
        run(wave.drop(columns="value"))
    broken = wave.astype({"value": object})
    broken.loc[11, "value"] = "many"
    with pytest.raises(FrameError, match="column 'value', row 11: 'many' is not a number"):
        run(broken)
    undated = wave.astype({"date": object})
    undated.loc[5, "date"] = "someday"
    with pytest.raises(FrameError, match="column 'date', row 5"):
        run(undated)
    negative = wave.copy()
    negative.loc[3, "value"] = -1.0
    with pytest.raises(FrameError, match=r"column 'value', row 3: -1\.0 is negative"):
        run(negative)
    with pytest.raises(FrameError, match="repeats a territory, date and signal"):
        run(pd.concat([wave, wave.iloc[:1]], ignore_index=True))
    with pytest.raises(FrameError, match="no signal 'beds'"):
        forecast(wave, "beds")


def test_a_stock_is_forecast_from_its_newest_value(wave: pd.DataFrame) -> None:
    rng = np.random.default_rng(2)
    dates = pd.date_range("2021-01-01", periods=100)
    rows = [
        pd.DataFrame(
            {
                "territory": f"T{i}",
                "date": dates,
                "signal": "beds",
                "value": np.round(300 + 150 * np.sin(np.arange(100) / 15.0 + i) + rng.normal(0, 1, 100)),
            }
        )
        for i in range(4)
    ]
    answer = forecast(pd.concat(rows), "beds", range(1, 15), draws=200)
    assert answer.anchors[0] == 1
    newest = np.array([r["value"].iloc[-1] for r in rows])
    assert np.all(np.abs(answer.distribution.median()[:, 0] - newest) < 25)
