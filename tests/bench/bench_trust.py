"""How trust behaves with the forecasts of the real chain: false flags in quiet half-years, breaks, spring 2020.

`pytest -m bench tests/bench/bench_trust.py -s` prints, for simulated worlds and for the reference data (skipped without
it): how often a territory is flagged though nothing broke; how many days after a break first shows a flag is raised;
and how often the truth fell inside the intervals of the models and of what trust let out, in the fortnight after the
flag. `-k "quiet and influenza"` runs a part of it. Quiet worlds have ordinary waves, weekends, holidays and small
counts. Seeds here were not those the bounds were set on.

Every model there is answers a morning in a second or two; those of `QUICK` in a fifth of that. Whether both flag the
same is measured too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from forecasting.models import REGISTRY
from forecasting.models.base import Model
from streams.simulator.parameters import Break
from tests.forecasting import replaying
from tests.forecasting.reference import LOCKDOWN, mornings_of_2020
from tests.forecasting.replaying import QUICK, Replay, by_the_chain, replay
from tests.forecasting.worlds import World, first_shown, simulated

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600), pytest.mark.filterwarnings("default")]

TERRITORIES = ("44", "49", "85", "48", "35", "75", "59", "13", "23", "67", "2A", "15")
HALF_YEAR, FORTNIGHT = 180, 14
HALVES = {"winter": date(2025, 10, 1), "summer": date(2025, 4, 1)}
WORLDS = (("winter", 81), ("summer", 82), ("winter", 83))
BREAK, BEFORE, AFTER = date(2026, 1, 20), 21, 40
COVID = ("covid",)


@pytest.mark.parametrize(("half", "seed"), WORLDS)
@pytest.mark.parametrize(
    "target", ["admissions:all", "admissions:covid", "admissions:influenza", "ed_visits:all"]
)
def test_a_quiet_half_year(target: str, half: str, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    lived = _quiet(target, half, seed, REGISTRY, HALF_YEAR)
    own = [len(lived.flags(t, alone=True)) for t in TERRITORIES]
    _tell(
        capsys,
        f"quiet {half} {seed}, {target}: {sum(own)} flags of their own over {len(own)} territories in {HALF_YEAR} "
        f"days, at most {max(own)} in one; mornings that each flag of their sum stood {lived.flags('FR')}",
    )
    assert max(len(lived.flags(t)) for t in TERRITORIES) <= 1


def test_quick_models_flag_what_all_models_flag(capsys: pytest.CaptureFixture[str]) -> None:
    lives = [_quiet("admissions:influenza", "winter", 81, models, 120) for models in (QUICK, REGISTRY)]
    days = [{(t, d) for t in lived.territories for d in lived.doubted(t)} for lived in lives]
    flags = [[len(lived.flags(t)) for t in lived.territories] for lived in lives]
    _tell(
        capsys,
        f"flags of quick models {flags[0]}, of all {flags[1]}; territory-days in doubt {len(days[0])} and "
        f"{len(days[1])}, of which in both {len(days[0] & days[1])}",
    )


def _quiet(target: str, half: str, seed: int, models: Sequence[Model], mornings: int) -> Replay:
    world = simulated(target, HALVES[half], mornings, TERRITORIES, seed=seed, history=400)
    return replay(world.panels(mornings), target, by_the_chain(models))


def _tell(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n{text}")  # noqa: T201 - a measurement is for reading


def _halved(whole: World) -> World:
    values = whole.truth.copy()
    at = whole.first + BEFORE
    values[at:] = np.random.default_rng(5).binomial(values[at:].astype(int), 0.5)
    return whole.with_target(values)


BREAKS: dict[str, tuple[str, Break | Callable[[World], World]]] = {
    "admissions a call times three": ("admissions:covid", Break(BREAK, COVID, 3.0, 1.0, 0.0, 1.0)),
    "lead from six days to one": ("admissions:covid", Break(BREAK, COVID, 1.0, 1.0, -5.0, 1.0)),
    "fewer calls, more admissions, sooner": ("admissions:covid", Break(BREAK, COVID, 2.2, 0.7, -4.0, 1.5)),
    "half the reports": ("admissions:all", _halved),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_break(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    target, change = BREAKS[name]
    first, mornings = BREAK - timedelta(days=BEFORE), BEFORE + AFTER
    whole = simulated(target, first, mornings, TERRITORIES, seed=72)
    if isinstance(change, Break):
        broken = simulated(target, first, mornings, TERRITORIES, seed=72, breaks=(change,))
    else:
        broken = change(whole)
    lived = replay(broken.panels(mornings), target, by_the_chain(QUICK))
    counts, expected = (np.column_stack([w.truth, w.truth.sum(axis=1)]) for w in (broken, whole))
    off = np.abs(counts - expected) > 2.0 * np.sqrt(expected + 1.0)
    told, alone = [], []
    for place, territory in enumerate(lived.territories):
        shows = broken.start + timedelta(days=int(np.argmax(off[:, place]))) if off[:, place].any() else None
        told.append(_days_to(shows, lived.doubted(territory)))
        alone.append(_days_to(shows, lived.doubted(territory, alone=True)))
    _tell(
        capsys,
        f"{name}: days to the flag of the sum {told[-1]}, from the first patient more or fewer anywhere "
        f"{_days_to(first_shown(broken, whole), lived.doubted('FR'))}; of territories {told[:-1]}; by themselves "
        f"{alone[:-1]}\n{_after_the_flag(lived, broken.truth, broken.first)}",
    )
    assert told[-1] is not None
    assert told[-1] <= 7


def _days_to(shows: date | None, doubted: Sequence[date]) -> int | None:
    """Return the days from the first on which a count is off by two standard deviations of counting to the flag."""
    after = [m for m in doubted if shows is not None and m > shows]
    return (after[0] - shows).days if after and shows is not None else None


@pytest.mark.reference_data
@pytest.mark.parametrize(
    ("target", "since"),
    [("ed_visits:all", LOCKDOWN), ("ed_visits:covid", LOCKDOWN), ("admissions:covid", date(2020, 4, 9))],
)
def test_the_spring_of_2020(
    target: str, since: date, reference_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each from the first morning that has three weeks of it behind."""
    panels, truth = mornings_of_2020(reference_data, target, since, 35)
    lived = replay(panels, target, by_the_chain())
    first = int((panels[0].dates[-1] - panels[0].dates[0]).astype(int))
    said = [m for m, q in zip(lived.mornings, lived.by_models, strict=True) if np.isfinite(q).any()]
    told = [
        (str(m), v["FR"].causes[0].key)
        for m, v in zip(lived.mornings, lived.verdicts, strict=True)
        if v["FR"].causes
    ]
    causes = {key: day for day, key in reversed(told)}
    _tell(
        capsys,
        f"{target}: first forecast {said[0]}, first morning on which the country is doubted by cause {causes}\n"
        f"{_after_the_flag(lived, truth, first)}",
    )


def _after_the_flag(lived: Replay, truth: np.ndarray, first: int) -> str:
    """Tell coverage and score of the models and of what trust let out, of a fortnight of mornings from the flag on."""
    at = lived.mornings.index(lived.doubted("FR")[0])
    models, published, true = replaying.week_ahead(lived, truth, first, slice(at, at + FORTNIGHT))
    lines = []
    for who, said in (("models", models), ("published", published)):
        parts, whole = (
            [replaying.coverage(said[:, s], true[:, s], p) for p in (0.5, 0.8, 0.95)] for s in _SPLIT
        )
        score = replaying.interval_score(said[:, :-1], true[:, :-1])
        lines.append(
            f"  {who}: coverage 50/80/95 {_percent(parts)}, of the sum {_percent(whole)}, WIS {score:.2f}"
        )
    return "\n".join(lines)


_SPLIT = (slice(None, -1), slice(-1, None))


def _percent(shares: Sequence[float]) -> str:
    return "/".join(f"{100 * share:.0f}" for share in shares)
