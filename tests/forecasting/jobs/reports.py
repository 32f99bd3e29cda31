"""Reports that fill a world of a test: a slow wave of admissions and the beds that follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np

from forecasting.jobs.gather import Asked
from infra.clock import end_of_day
from infra.database import Connection
from infra.world import World
from streams.envelope import Envelope
from streams.store.observations import Batch, Observation, Origin, copy_line, write_batch
from streams.vocabulary.signals import signal as signal_of

WORLD = World.named("demo_runs")
LAST_DAY = date(2020, 11, 15)
ASKED = Asked(draws=200, cycles=("05:30", "13:30"), zone="Europe/Paris", engine="yardstick")


def series_of(level: float, seed: int, days: int = 150) -> dict[str, list[float]]:
    """Return counts of a slow wave, and the beds that follow from its admissions."""
    rng = np.random.default_rng(seed)
    wave = level * np.exp(0.8 * np.sin(np.arange(days) / 20.0))
    admissions = rng.poisson(wave)
    critical = rng.binomial(admissions, 0.15)
    staying = 0.9 ** np.arange(60)
    return {
        "admissions": admissions.tolist(),
        "critical_admissions": critical.tolist(),
        "ed_visits": rng.poisson(5 * wave).tolist(),
        "occupied_beds": np.round(np.convolve(admissions, staying)[:days]).tolist(),
        "occupied_critical_beds": np.round(np.convolve(critical, staying)[:days]).tolist(),
    }


def report(connection: Connection, place: str, *, level: float, last: date = LAST_DAY) -> None:
    """Store the reports of one place, each known once its usual delay has passed."""
    envelopes = []
    for name, values in series_of(level, seed=len(place) + ord(place[-1])).items():
        for back, value in enumerate(reversed(values)):
            envelopes.append(count(place, name, last - timedelta(days=back), value))
    write(connection, envelopes)


def count(
    place: str, name: str, day: date, value: float, *, reported: datetime | None = None, version: int = 0
) -> Envelope:
    """Return a count report of one day."""
    known = reported or end_of_day(day) + signal_of(name).usual_delay
    return Envelope(
        event_id=f"{place}|{day}|{name}",
        source_version=known + timedelta(microseconds=version),
        kind="update" if version else "insert",
        world=WORLD.name,
        partner="spf",
        signal=name,
        code="covid",
        code_system="meteo",
        place=place,
        reference_start=day,
        value=value,
        unit_of_measure=signal_of(name).unit,
        reported=known,
        reported_basis="assumed",
    )


def write(connection: Connection, envelopes: Sequence[Envelope]) -> None:
    """Store reports as the stream's writer does."""
    observations = [
        Observation(e, copy_line(e, e.code or "all"), Origin("counts", 0, n, 0))
        for n, e in enumerate(envelopes)
    ]
    write_batch(connection, Batch(observations=observations))
