"""Forecasts of a simulated autumn and winter stay better than persistence, and as sure as they say.

A small, quick cut of `python -m tests.bench.simulator_skill`: bounds are wide enough for its few origins, and narrow
enough that a model, an interval or a bed that goes wrong is seen.
"""

from __future__ import annotations

import pytest

from forecasting.models import REGISTRY
from tests.bench.simulator_skill import BEDS, Scored, measure

QUICK = ("persistence", "pooled local, long", "pooled common, all year")


@pytest.fixture(scope="module")
def scored() -> dict[str, Scored]:
    """Scores of three territories from eight origins between September and January."""
    models = [m for m in REGISTRY if m.name in QUICK]
    return measure([1], 3, ("admissions:all", BEDS), days=530, past=400, every=15, models=models, draws=200)


@pytest.mark.parametrize(
    ("target", "bound"),
    [("admissions:all", 0.95), ("occupied_beds:all", 0.85), ("occupied_critical_beds:all", 0.92)],
)
def test_better_than_persistence(scored: dict[str, Scored], target: str, bound: float) -> None:
    assert scored[target].relative_wis() < bound


@pytest.mark.parametrize("target", ["admissions:all", "occupied_beds:all", "occupied_critical_beds:all"])
def test_as_sure_as_it_says(scored: dict[str, Scored], target: str) -> None:
    for nominal, off in ((0.5, 0.15), (0.8, 0.12), (0.95, 0.07)):
        assert scored[target].coverage(nominal) == pytest.approx(nominal, abs=off)
    for day in range(1, 15):
        # At most one truth in four outside what should hold nineteen in twenty, at any single day.
        assert scored[target].coverage(0.95, day) > 0.75


def test_beds_are_surer_tomorrow_than_in_a_week(scored: dict[str, Scored]) -> None:
    beds = scored["occupied_beds:all"]
    assert beds.relative_error(1) < beds.relative_error(7)
    assert beds.relative_error(1) < beds.relative_error(1, of_yardstick=True)
