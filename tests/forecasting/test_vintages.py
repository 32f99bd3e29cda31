"""Weekly vintages as people publish them: whole history or changes, few or many, up or down, late or withdrawn."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from forecasting import Panel, forecast
from forecasting.models import REGISTRY
from forecasting.nowcast import nowcast_tail
from forecasting.nowcast.tail import weeks_named_by_end
from forecasting.panel import Floats
from forecasting.scoring import interval_coverage, wis
from infra.command_line import build_app

USUAL = (0.85, 0.95, 0.98, 0.99, 1.0)
LEVELS = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])


def published(
    people: int = 20,
    weeks: int = 60,
    *,
    share: tuple[float, ...] = USUAL,
    noise: float = 0.03,
    first: int = 0,
    start: str = "2021-01-09",
    lag: int = 4,
    changes_only: bool = False,
    seed: int = 0,
) -> tuple[pd.DataFrame, Floats]:
    """Make every weekly publication, by default of the whole history each time, and the final values."""
    rng = np.random.default_rng(seed)
    dates = np.datetime64(start) + 7 * np.arange(weeks)
    wave = np.exp(1.5 * np.sin(2 * np.pi * np.arange(weeks) / 52))[:, None]
    final = rng.poisson(np.geomspace(10, 400, people) * wave).astype(float)
    spread = noise * np.linspace(1, 0, len(share))[None, :, None]
    seen = np.round(
        final[:, None]
        * np.array(share)[:, None]
        * np.exp(rng.normal(0, 1, (weeks, len(share), people)) * spread)
    )
    codes = [f"{p:02d}" for p in range(people)]
    parts = []
    for v in range(first, weeks):
        about = np.arange(max(0, v - len(share)) if changes_only and v > first else 0, v + 1)
        value = seen[about, np.minimum(v - about, len(share) - 1)]
        parts.append(
            pd.DataFrame(
                {
                    "territory": np.tile(codes, len(about)),
                    "date": np.repeat(dates[about], people),
                    "signal": "flu",
                    "value": value.reshape(-1),
                    "reported_at": dates[v] + lag,
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    if changes_only:
        before = frame.groupby(["territory", "date"])["value"].shift()
        frame = frame[before.isna() | (before != frame["value"])]
    return frame, final


def tail(frame: pd.DataFrame, as_of: Any = None, draws: int = 200) -> tuple[Panel, Floats | None]:
    panel = Panel.from_frame(frame, as_of=as_of, freq="W")
    rng = np.random.default_rng(4)
    moment = str(panel.as_of)
    made = nowcast_tail(
        frame, panel.dates, panel.territories, panel.signals, moment, rng, freq="W", draws=draws
    )
    return panel, None if made is None else made[..., 0]


def errors(frame: pd.DataFrame, final: Floats, newest: int = 3) -> tuple[float, float, float, Floats]:
    """Absolute errors of the median and of the reports, score, and draws of the last few publications together."""
    median = naive = score = 0.0
    inside = []
    for as_of in np.sort(frame["reported_at"].unique())[-6::2]:
        panel, made = tail(frame, as_of)
        truth = final[len(panel.dates) - newest : len(panel.dates)]
        reported = panel.series("flu")[-newest:]
        drawn = np.repeat(reported[None], 2, axis=0) if made is None else made[:, -newest:]
        q = np.moveaxis(np.quantile(drawn, LEVELS, axis=0), 0, -1)
        median += float(np.abs(q[..., 3] - truth).sum())
        naive += float(np.abs(reported - truth).sum())
        score += float(wis(q, LEVELS, truth).sum())
        inside.append(interval_coverage(q, LEVELS, truth, 0.8))
    return median, naive, score, np.asarray(inside, dtype=float)


@pytest.mark.parametrize(
    ("start", "lag"), [("2021-01-09", 4), ("2021-01-10", 2), ("2021-01-04", 9), ("2021-01-03", 10)]
)
def test_weeks_named_by_either_end_are_completed_alike(start: str, lag: int) -> None:
    frame, final = published(start=start, lag=lag)
    assert weeks_named_by_end(frame) == (lag < 6)
    median, naive, score, inside = errors(frame, final)
    assert median < 0.4 * naive
    assert score < 0.3 * naive
    assert 0.7 < inside.mean() <= 1.0


def test_changes_alone_say_what_whole_histories_say() -> None:
    made = [tail(published(changes_only=c)[0])[1] for c in (True, False)]
    assert made[0] is not None
    assert made[1] is not None
    middle = [np.median(m[:, -4:], axis=0) for m in made if m is not None]
    np.testing.assert_allclose(middle[0], middle[1], rtol=0.03, atol=1.5)


@pytest.mark.parametrize("publications", [4, 6, 10])
def test_a_few_publications_are_enough_to_complete_by(publications: int) -> None:
    frame, final = published(weeks=60, first=60 - publications)
    panel, made = tail(frame)
    assert made is not None
    newest, truth = panel.series("flu")[-1], final[-1]
    completed = np.median(made[:, -1], axis=0)
    assert np.abs(completed - truth).sum() < 0.5 * np.abs(newest - truth).sum()
    assert np.isfinite(made[:, -3:]).all()


def test_a_first_publication_leaves_all_as_reported() -> None:
    frame, _ = published(first=59)
    assert tail(frame)[1] is None


@pytest.mark.parametrize(
    ("share", "noise"),
    [
        ((0.998, 1.0, 1.0), 0.003),
        ((1.0, 1.0, 1.0), 0.0005),
        ((1.0,) * 5, 0.05),
        ((1.06, 1.03, 1.01, 1.0), 0.02),
    ],
    ids=["hardly", "almost never", "as often up as down", "down"],
)
def test_completing_does_no_harm(share: tuple[float, ...], noise: float) -> None:
    frame, final = published(share=share, noise=noise)
    median, naive, score, _ = errors(frame, final)
    assert median <= 1.03 * naive + 3
    assert score <= naive + 1e-9


def test_never_revised_is_left_alone() -> None:
    frame, _ = published(share=(1.0,), noise=0.0)
    assert tail(frame)[1] is None


def test_one_territory_is_completed_too() -> None:
    frame, final = published(people=1, weeks=90)
    frame["value"] *= 1.0
    panel, made = tail(frame)
    assert made is not None
    assert 0.85 < np.median(made[:, -1, 0]) / final[-1, 0] < 1.15
    assert panel.territories == ("00",)


def test_what_is_withdrawn_is_unknown_and_what_is_missing_stays_so() -> None:
    frame, _ = published()
    last = frame["reported_at"].max()
    newest = frame["date"].max()
    away = (frame["reported_at"] == last) & (frame["territory"] == "03") & (frame["date"] == newest)
    gone = frame[(frame["date"] == newest - pd.Timedelta(days=7)) & (frame["territory"] == "05")].iloc[-1:]
    late = last + pd.Timedelta(hours=2)
    changed = pd.concat([frame[~away], gone.assign(value=np.nan, reported_at=late)], ignore_index=True)
    panel, made = tail(changed)
    assert made is not None
    assert np.isnan(panel.series("flu")[-1, 3])
    assert np.isnan(panel.series("flu")[-2, 5])
    assert np.isnan(made[:, -1, 3]).all()
    assert np.isnan(made[:, -2, 5]).all()
    assert np.isfinite(np.delete(made[:, -1], 3, axis=1)).all()
    models = [m for m in REGISTRY if m.name in ("persistence", "pooled local, newest")]
    answer = forecast(changed, "flu", range(3), draws=60, freq="W", models=models)
    assert np.isfinite(answer.distribution.draws).all()


def test_a_publication_that_does_not_come_completes_nothing() -> None:
    """Three weeks after the last one the newest values are as incomplete as they were."""
    frame, _ = published()
    last = frame["reported_at"].max()
    fresh, stale = (tail(frame, last + pd.Timedelta(days=d))[1] for d in (0, 20))
    assert fresh is not None
    assert stale is not None
    np.testing.assert_allclose(
        np.median(stale[:, -1], axis=0), np.median(fresh[:, -1], axis=0), rtol=0.02, atol=1
    )


def test_an_hour_counts() -> None:
    """A forecast made at noon does not read the correction of the afternoon, neither as a value nor as a delay."""
    frame, _ = published()
    last = frame["reported_at"].max()
    frame["reported_at"] += pd.Timedelta(hours=9)
    afternoon = frame[frame["reported_at"] >= last].assign(
        value=lambda f: f["value"] * 3, reported_at=last + pd.Timedelta(hours=15)
    )
    models = [m for m in REGISTRY if m.name == "persistence"]
    noon = last + pd.Timedelta(hours=12)
    answers = [
        forecast(f, "flu", range(2), draws=50, freq="W", as_of=noon, models=models).distribution.draws
        for f in (frame, pd.concat([frame, afternoon], ignore_index=True))
    ]
    assert answers[0].tobytes() == answers[1].tobytes()


def test_three_years_of_whole_histories_of_fifty_territories_take_seconds() -> None:
    frame, _ = published(people=50, weeks=156)
    assert len(frame) > 600_000
    started = time.process_time()
    _, made = tail(frame)
    assert made is not None
    assert time.process_time() - started < 8.0


def test_the_report_is_written_from_any_file_with_reports(tmp_path: Path) -> None:
    frame, _ = published(people=3, weeks=40)
    frame.to_csv(tmp_path / "flu.csv", index=False)
    page = tmp_path / "page.md"
    given = ["nowcast-report", "--data", str(tmp_path / "flu.csv"), "--target", "flu", "--out", str(page)]
    done = CliRunner().invoke(build_app(), [*given, "--moments", "2", "--draws", "60"])
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert "| all | ensemble, with nowcast |" in text
    assert "| all | no change, final values (oracle) |" in text
    assert "nan" not in text
