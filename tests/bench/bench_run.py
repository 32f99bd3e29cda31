"""How long a run of the country takes: 101 départements, their flows and beds, 14 days.

`pytest -m bench tests/bench/bench_run.py -s` prints seconds of a first run, of a second that starts from the first's
state, and of the yardstick alone, on panels of two sizes, so that growth with territories shows; then the processor
time of a run made in one piece and of one spread over four chunks.
"""

from __future__ import annotations

import resource
import time
from datetime import UTC, date, datetime

import numpy as np
import pytest

from forecasting.jobs.compute import Computed, compute
from forecasting.jobs.forecaster import Lesson
from forecasting.jobs.inputs import BedInputs, RunInputs
from forecasting.jobs.lessons import Lessons, Overview, learn_lesson, lesson_names, overview_of
from forecasting.panel import Panel
from forecasting.store.draft import RunPlan
from forecasting.vigilance import DEFAULT_RULES
from streams.vocabulary.places import departements

DAYS = 400
ORIGIN = date(2021, 1, 10)
SIGNALS = (
    "admissions:covid",
    "critical_admissions:covid",
    "ed_visits:covid",
    "lab_positives:covid",
    "occupied_beds:covid",
    "occupied_critical_beds:covid",
    "sos_calls:covid",
)


def invented(territories: int) -> Panel:
    """Return a panel of waves that differ a little from place to place."""
    rng = np.random.default_rng(1)
    time_axis = np.arange(DAYS)[:, None]
    shift = rng.uniform(-15, 15, territories)
    level = rng.lognormal(2.3, 0.8, territories) * np.exp(np.sin((time_axis - shift) / 25.0))
    admissions = rng.poisson(level).astype(float)
    critical = rng.poisson(0.15 * level).astype(float)
    staying = 0.92 ** np.arange(60)
    stock = np.stack([np.convolve(a, staying)[:DAYS] for a in admissions.T], axis=1)
    critical_stock = np.stack([np.convolve(a, staying)[:DAYS] for a in critical.T], axis=1)
    leading = np.roll(level, -5, axis=0)
    columns = [
        admissions,
        critical,
        rng.poisson(4 * leading),
        rng.poisson(12 * leading),
        np.round(stock),
        np.round(critical_stock),
        rng.poisson(3 * leading),
    ]
    values = np.stack(columns, axis=2).astype(float)
    values[-1] = np.nan
    first = np.datetime64(ORIGIN, "D") - (DAYS - 1)
    places = departements()[:territories]
    return Panel(
        dates=np.arange(first, np.datetime64(ORIGIN, "D") + 1),
        freq="D",
        territories=tuple(p.code for p in places),
        signals=SIGNALS,
        values=values,
        exists=np.ones((territories, len(SIGNALS)), dtype=bool),
        as_of=np.datetime64(ORIGIN, "D"),
        population=np.array([float(p.population) for p in places]),
        kinds={s: "count" for s in SIGNALS},
    )


def asked(panel: Panel, engine: str, state: dict[str, bytes]) -> tuple[RunPlan, RunInputs]:
    """Return the plan and inputs of a run of every territory of a panel."""
    territories = list(panel.territories)
    plan = RunPlan(
        world="bench",
        cycle=f"{ORIGIN}T05:30",
        origin=ORIGIN,
        as_of=datetime(2021, 1, 10, 4, 30, tzinfo=UTC),
        reason="cycle",
        scope={"territories": territories},
        seed=1,
        code_digest="",
    )
    config = {"draws": 1000, "engine": engine, "cycles": ["05:30", "13:30"], "zone": "Europe/Paris"}
    return plan, RunInputs(panel, None, {}, BedInputs(), {}, DEFAULT_RULES, {}, config, state)


def timed(panel: Panel, engine: str, state: dict[str, bytes]) -> tuple[float, Computed]:
    """Compute a run of every territory of a panel; return its seconds and itself."""
    plan, inputs = asked(panel, engine, state)
    start = time.perf_counter()
    computed = compute(inputs, plan, list(panel.territories))
    return time.perf_counter() - start, computed


def spread(panel: Panel, state: dict[str, bytes], chunks: int) -> tuple[float, float, Computed]:
    """Compute a run as forecasters that share it do; return seconds of learning and of drawing, and what was drawn."""
    plan, inputs = asked(panel, "ensemble", state)
    documents = inputs.documents()
    start = time.process_time()
    overview = overview_of(inputs, plan).pack()
    lessons = {
        name: learn_lesson(RunInputs.from_documents(documents), Overview.unpack(overview), name).pack()
        for name in lesson_names(inputs, panel.territories)
    }
    learnt = time.process_time()
    parts = []
    for names in np.array_split(panel.territories, chunks):
        sent = Lessons(
            Overview.unpack(overview), {name: Lesson.unpack(content) for name, content in lessons.items()}
        )
        parts.append(compute(RunInputs.from_documents(documents), plan, [str(n) for n in names], sent))
    drawn = time.process_time()
    series = tuple(s for part in parts for s in part.series)
    return learnt - start, drawn - learnt, Computed(series, (), parts[0].states)


@pytest.mark.bench
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("territories", [25, 101])
def test_a_run_of_the_country(territories: int, capsys: pytest.CaptureFixture[str]) -> None:
    panel = invented(territories)
    alone, _ = timed(panel, "yardstick", {})
    cold, first = timed(panel, "ensemble", {})
    warm, second = timed(panel, "ensemble", dict(first.states))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with capsys.disabled():
        print(  # noqa: T201 - a measurement is for reading
            f"\n{territories} territories, {len(second.series)} series: yardstick {alone:.1f} s, "
            f"first run {cold:.1f} s, warm run {warm:.1f} s, at most {memory:.0f} MiB"
        )
    assert len(second.series) == 5 * territories


@pytest.mark.bench
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("default")
def test_a_run_spread_over_four_chunks(capsys: pytest.CaptureFixture[str]) -> None:
    panel = invented(101)
    _, first = timed(panel, "ensemble", {})
    state = dict(first.states)
    start = time.process_time()
    _, alone = timed(panel, "ensemble", state)
    whole = time.process_time() - start
    learning, drawing, shared = spread(panel, state, 4)
    with capsys.disabled():
        print(  # noqa: T201 - a measurement is for reading
            f"\nprocessor time of a warm run in one piece {whole:.1f} s, spread over four chunks "
            f"{learning + drawing:.1f} s: {learning:.1f} s to learn, {drawing:.1f} s to draw"
        )
    assert all(
        np.array_equal(a.quantiles, b.quantiles) for a, b in zip(alone.series, shared.series, strict=True)
    )
