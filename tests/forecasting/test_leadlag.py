"""The lag atlas on series whose lag is known, on unrelated ones, and on the reference data."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.growth_correlation import smoothed_growth
from forecasting.leadlag import POOLED, Floats, LeadLag, atlas


def _epidemic(steps: int, people: int, rng: np.random.Generator, level: float) -> Floats:
    growth = np.zeros((steps, people))
    for t in range(1, steps):
        growth[t] = 0.93 * growth[t - 1] + rng.normal(0, 0.012, people)
    path = np.cumsum(growth, axis=0)
    expected: Floats = level * np.exp(path - path.mean(axis=0))
    return expected


def _led_by(lag: int, people: int = 12, level: float = 80.0, seed: int = 0) -> tuple[Floats, Floats]:
    """Target and one signal whose expected value is the target's ``lag`` days ahead, both Poisson."""
    rng = np.random.default_rng(seed)
    hidden = _epidemic(400 + lag, people, rng, level)
    target, signal = rng.poisson(hidden[: -lag or None]), rng.poisson(hidden[lag:])
    return target.astype(float), signal.astype(float)[:, :, None]


def _codes(people: int) -> tuple[str, ...]:
    return tuple(f"p{i}" for i in range(people))


def _of(rows: tuple[LeadLag, ...], territory: str) -> LeadLag:
    return next(row for row in rows if row.territory == territory)


@pytest.mark.parametrize("lag", [2, 6, 11])
def test_a_known_lag_is_recovered_within_a_day(lag: int) -> None:
    """Pooled and as a feature within a day, four in five alone within two; intervals hold it as often as they say."""
    target, signal = _led_by(lag)
    rows = atlas(target, signal, _codes(12), ("calls",), np.random.default_rng(1))
    assert abs(_of(rows, POOLED).lag - lag) <= 1
    own = [row for row in rows if row.territory != POOLED]
    assert all(row.state == "evidence" for row in own)
    assert all(abs(row.shrunk_lag - lag) <= 1 for row in own)
    assert np.mean([abs(row.lag - lag) <= 2 for row in own]) >= 0.8
    assert np.mean([row.low <= lag <= row.high for row in own]) >= 0.7


def test_unrelated_series_give_no_evidence() -> None:
    """At most one pair in seven of independent series is called a lead, and then no lag is stated."""
    called = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        target = rng.poisson(_epidemic(400, 40, rng, 40.0)).astype(float)
        signal = rng.poisson(_epidemic(400, 40, rng, 40.0)).astype(float)[:, :, None]
        rows = atlas(target, signal, _codes(40), ("noise",), rng)
        called += [row.state == "evidence" for row in rows if row.territory != POOLED]
        assert all(np.isnan(row.lag) for row in rows if row.state == "none")
    assert np.mean(called) < 1 / 7


def test_thin_territories_lean_on_the_pooled_lag() -> None:
    """Two cases a day cannot tell a lag alone: its lag as a feature is close to that of the rich ones."""
    target, signal = _led_by(7, people=10, level=150.0)
    thin_target, thin_signal = _led_by(7, people=10, level=2.0, seed=3)
    rows = atlas(
        np.hstack([target, thin_target]),
        np.concatenate([signal, thin_signal], axis=1),
        _codes(20),
        ("calls",),
        np.random.default_rng(2),
    )
    thin = [row for row in rows if row.territory in _codes(20)[10:]]
    assert all(abs(row.shrunk_lag - 7) <= 1.5 for row in thin)


def test_a_service_that_does_not_exist_has_no_lag_but_a_flat_one_neither() -> None:
    """All unknown, and all zero: no warning, no evidence."""
    target, signal = _led_by(5, people=3)
    signal[:, 0] = np.nan
    signal[:, 1] = 0.0
    rows = atlas(target, signal, _codes(3), ("calls",), np.random.default_rng(0))
    assert _of(rows, "p0").state == "none"
    assert _of(rows, "p0").pairs == 0
    assert _of(rows, "p1").state == "none"
    assert abs(_of(rows, "p2").lag - 5) <= 1


def test_short_history_and_gaps_are_survived() -> None:
    """Three weeks give no evidence; a missing fortnight in a long series does no harm."""
    target, signal = _led_by(6)
    short = atlas(target[:21], signal[:21], _codes(12), ("calls",), np.random.default_rng(0))
    assert {row.state for row in short} == {"none"}
    signal[200:214] = np.nan
    rows = atlas(target, signal, _codes(12), ("calls",), np.random.default_rng(0))
    assert abs(_of(rows, POOLED).lag - 6) <= 1


def test_growth_of_an_exponential_is_its_rate() -> None:
    """Doubling in a week is a growth of log 2, whatever the level or unit."""
    days = np.arange(60)
    series = 1e4 * 2 ** (days / 7)
    growth = smoothed_growth(np.column_stack([series, series * 1e-6]))
    np.testing.assert_allclose(growth[30:, 0], np.log(2), atol=1e-4)
    np.testing.assert_allclose(growth[50:, 1], np.log(2), atol=0.1)
    assert np.isnan(growth[:7]).all()


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    """The message gives the shapes."""
    with pytest.raises(ValueError, match=r"\(10, 2\)"):
        atlas(np.zeros((10, 2)), np.zeros((10, 3, 1)), ("a", "b"), ("s",), np.random.default_rng(0))


@pytest.mark.reference_data
def test_the_reference_series_lead_as_published(reference_data: Path) -> None:
    """Calls lead by about six days (r about .7), emergency visits by three to four, tests by more than those.

    In an atlas of 101 départements made within five seconds.
    """
    target, signals, codes = _reference(reference_data)
    started = time.perf_counter()
    rows = atlas(target, signals, codes, ("calls", "ed", "positives"), np.random.default_rng(0))
    assert time.perf_counter() - started < 5.0
    pooled = {row.signal: row for row in rows if row.territory == POOLED}
    assert 5 <= pooled["calls"].lag <= 7
    assert pooled["calls"].low <= 6 <= pooled["calls"].high
    assert pooled["calls"].strength == pytest.approx(0.71, abs=0.06)
    assert 3 <= pooled["ed"].lag <= 4
    assert pooled["ed"].strength > 0.85
    assert pooled["positives"].lag > pooled["ed"].lag
    assert pooled["positives"].high >= 8
    calls = {row.territory: row for row in rows if row.signal == "calls"}
    assert calls["44"].strength == pytest.approx(0.40, abs=0.05)
    assert calls["53"].state == "none"
    assert calls["53"].pairs == 0


def _reference(folder: Path) -> tuple[Floats, Floats, tuple[str, ...]]:
    emergency = pd.read_csv(folder / "sursaud_departement_daily.csv.gz", dtype={"dep": str})
    admissions = pd.read_csv(folder / "sivic_admissions_departement_daily.csv.gz", dtype={"dep": str})
    tests = pd.read_csv(folder / "sidep_departement_daily.csv.gz", dtype={"dep": str})
    codes = tuple(sorted(emergency["dep"].unique()))
    dates = sorted(emergency["date"].unique())

    def table(frame: pd.DataFrame, date: str, value: str) -> Floats:
        wide = frame.set_index([date, "dep"])[value].unstack()
        return wide.reindex(index=dates, columns=list(codes)).to_numpy(dtype=np.float64)

    target = table(admissions, "jour", "incid_hosp")
    signals = [
        table(emergency, "date", "sos_covid"),
        table(emergency, "date", "ed_covid"),
        table(tests, "date", "positives"),
    ]
    return target, np.stack(signals, axis=-1), codes
