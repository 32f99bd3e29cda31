"""A run of regions, départements, hospitals and beds with everything known: nothing reported later changes a byte."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from forecasting.beds.programme import FEWEST_DAYS
from forecasting.jobs.compute import compute
from forecasting.jobs.conduct import make_plan, make_run
from forecasting.jobs.cycles import Cycle, cycle_on
from forecasting.jobs.gather import Asked, gather
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.programme import read_programme
from forecasting.run import RunRecord
from infra.clock import FixedClock
from infra.database import Connection
from streams.envelope import Envelope
from streams.store.partners import apply_agreement, apply_open_data
from streams.vocabulary.signals import signal as signal_of
from tests.forecasting.jobs.reports import ASKED, LAST_DAY, WORLD, count, report, series_of, write
from tests.streams.stream_world import agreement
from tests.streams.week import movement

ORIGIN = date(2020, 11, 16)
CYCLE = cycle_on(ORIGIN, "05:30", "Europe/Paris")
LOIRE = {"44": 12.0, "49": 6.0, "53": 3.0, "72": 5.0, "85": 5.0}
HOSPITALS = {"440000271": 9.0, "440000057": 5.0}
KNOWN = CYCLE.moment
LATER = KNOWN + timedelta(seconds=1)
DAYS = 150
UNITS = ("medecine", "chirurgie")


def of_hospital(facility: str, name: str, day: date, value: float, **more: object) -> Envelope:
    """Return what a hospital reports of one day, of all causes."""
    known = more.pop("reported", None) or datetime(day.year, day.month, day.day, 23, tzinfo=UTC) + timedelta(
        hours=4
    )
    unit = more.pop("unit", None)
    content: dict[str, object] = {
        "event_id": f"{facility}|{unit}|{day}|{name}",
        "source_version": known,
        "kind": "insert",
        "world": WORLD.name,
        "partner": "chu",
        "signal": name,
        "code": "all",
        "code_system": "meteo",
        "place": "44",
        "facility": facility,
        "unit": None if unit is None else f"{facility}:{unit}",
        "reference_start": day,
        "reference_end": day + timedelta(days=1),
        "value": value,
        "unit_of_measure": signal_of(name).unit,
        "reported": known,
        "reported_basis": "stated",
    }
    return Envelope.model_validate(content | more)


def programme_of(
    facility: str, *, ahead: int, value: float | None = None, reported: datetime | None = None
) -> list[Envelope]:
    """Return a programme announced fourteen days before each day, up to some days after the last known one."""
    rng = np.random.default_rng(int(facility[-3:]))
    told = []
    for back in range(DAYS, -ahead - 1, -1):
        day = LAST_DAY - timedelta(days=back)
        for unit in UNITS:
            usual = float(rng.poisson(2.0 + 2.0 * (day.weekday() < 5)))
            known = datetime(day.year, day.month, day.day, 7, tzinfo=UTC) - timedelta(days=14)
            told.append(
                of_hospital(
                    facility,
                    "elective_admissions",
                    day,
                    usual if value is None or back >= 0 else value,
                    unit=unit,
                    reported=reported or known,
                )
            )
    return told


def hospital(facility: str, level: float) -> list[Envelope]:
    """Return what a hospital told of 150 days: its counts, its programme, staffed beds, and stays of the last weeks."""
    announced = programme_of(facility, ahead=13)
    planned: Counter[date] = Counter()
    for one in announced:
        planned[one.reference_date] += int(one.value)
    told = [
        of_hospital(facility, name, day, value + planned[day] * (name == "admissions"))
        for name, values in series_of(level, seed=int(facility[-2:])).items()
        for back, value in enumerate(reversed(values))
        for day in [LAST_DAY - timedelta(days=back)]
    ]
    told += announced
    told += [
        of_hospital(facility, "staffed_beds", LAST_DAY - timedelta(days=b), 12 * level) for b in range(30)
    ]
    return told


def stays(*, reported: datetime | None = None) -> list[Envelope]:
    """Return stays of the last six weeks, some of which have not ended; `reported` replaces when it was told."""
    rng = np.random.default_rng(5)
    told = []
    for number in range(240):
        came = KNOWN - timedelta(days=float(rng.uniform(0, 42)), hours=3)
        left = came + timedelta(days=float(rng.exponential(6.0)))
        moves = [("admissions", came), ("discharges", left)]
        for name, moment in moves:
            if moment < KNOWN - timedelta(hours=2) or reported is not None:
                known = {} if reported is None else {"reported": reported, "source_version": reported}
                told.append(
                    movement(
                        WORLD.name,
                        number,
                        name,
                        moment,
                        "medecine" if number % 4 else "rea-medicale",
                        **known,
                    )
                )
    return told


@pytest.fixture
def told(connection: Connection) -> Connection:
    """Return the connection of a world in which a region's départements and two hospitals have reported."""
    apply_open_data(connection)
    apply_agreement(connection, agreement("chu"), "test")
    for code, level in LOIRE.items():
        report(connection, code, level=level)
    for facility, level in HOSPITALS.items():
        write(connection, hospital(facility, level))
    write(connection, stays())
    connection.commit()
    return connection


def run(connection: Connection, cycle: Cycle = CYCLE, chosen: Asked = ASKED) -> RunRecord:
    plan = make_plan(connection, WORLD.name, cycle, "cycle", chosen)
    return make_run(connection, plan, chosen, FixedClock(cycle.moment))


def poison(connection: Connection) -> None:
    """Tell nonsense about the past and the days to come, one second after the run's as-of."""
    lies: list[Envelope] = []
    for back in range(-10, 60):
        day = LAST_DAY - timedelta(days=back)
        lies += [
            count(code, name, day, 999.0 + back, reported=LATER, version=1)
            for code in LOIRE
            for name in ("admissions", "critical_admissions", "ed_visits", "occupied_beds")
        ]
        lies += [
            of_hospital(f, name, day, 777.0, reported=LATER, source_version=LATER, kind="update")
            for f in HOSPITALS
            for name in (
                "admissions",
                "critical_admissions",
                "occupied_beds",
                "occupied_critical_beds",
                "staffed_beds",
            )
        ]
    lies += programme_of("440000271", ahead=14, value=500.0, reported=LATER)
    # A hospital that was not there yet, a census, and stays that moved and ended otherwise.
    lies += [
        of_hospital("440000289", "admissions", LAST_DAY - timedelta(days=b), 40.0, reported=LATER)
        for b in range(90)
    ]
    lies += stays(reported=LATER)
    lies += [
        movement(WORLD.name, number, "admissions", KNOWN - timedelta(days=3), "rea-medicale", reported=LATER)
        for number in range(500, 560)
    ]
    write(connection, lies)
    connection.commit()


@pytest.mark.parametrize(
    "asked",
    [ASKED, replace(ASKED, engine="ensemble", coherence="mint", draws=100)],
    ids=["yardstick", "models and regions reconciled"],
)
def test_nothing_told_later_nor_a_later_run_changes_a_byte(told: Connection, asked: Asked) -> None:
    before = run(told, chosen=asked)
    names = {key.split("|")[1] for key in before.manifest["series"]}
    assert {"admissions:all", "admissions:covid", "occupied_beds:all", "occupied_critical_beds:all"} <= names
    facilities = {key.split("|")[2] for key in before.manifest["series"]}
    assert set(HOSPITALS) <= facilities
    poison(told)
    # A later run leaves model states, colours and published values that the earlier one must not start from.
    later = run(told, cycle_on(date(2020, 11, 18), "05:30", "Europe/Paris"), asked)
    assert later.manifest["content"] != before.manifest["content"]
    again = run(told, chosen=asked)
    assert again.manifest["inputs"] == before.manifest["inputs"]
    assert again.manifest["content"] == before.manifest["content"]


def test_the_poison_would_have_been_tasted(told: Connection) -> None:
    """What is told later does change a run that knows it, so that the test above means something."""
    before = run(told)
    poison(told)
    after = run(told, Cycle(LATER + timedelta(seconds=1), CYCLE.name))
    changed = {
        key
        for key, digest in after.manifest["series"].items()
        if before.manifest["series"].get(key) != digest
    }
    assert {"44|admissions:all|440000271", "44|occupied_beds:all|", "85|admissions:covid|"} <= changed


def test_a_programme_announced_below_the_usual_frees_beds(told: Connection) -> None:
    """From the announcement in the store to beds of the hospital and of its territory, and to what explains them."""
    called_off = [
        of_hospital(f, "elective_admissions", LAST_DAY + timedelta(days=k), 0.0, unit=unit, kind="update",
                    reported=KNOWN - timedelta(hours=1), source_version=KNOWN - timedelta(hours=1))
        for f in HOSPITALS
        for k in range(2, 9)
        for unit in UNITS
    ]  # fmt: skip
    plan = make_plan(told, WORLD.name, CYCLE, "cycle", ASKED)
    usual = RunInputs.from_documents(gather(told, plan, ASKED).documents())
    write(told, called_off)
    told.commit()
    fewer = RunInputs.from_documents(gather(told, plan, ASKED).documents())
    assert set(usual.beds.programme) == {"44", *HOSPITALS}
    medians = []
    for inputs in (usual, fewer):
        found = compute(inputs, plan, ["44"]).series
        medians.append(
            {(s.target.key, s.facility): np.median(np.asarray(s.draws, dtype=float), axis=1) for s in found}
        )
    for key in (("admissions:all", ""), ("admissions:all", "440000271"), ("occupied_beds:all", "")):
        assert medians[1][key][7] < medians[0][key][7] - 1.0, key
    unmoved = ("critical_admissions:all", "")
    assert medians[1][unmoved].tolist() == medians[0][unmoved].tolist()


def test_a_unit_that_is_late_to_announce_leaves_the_day_unknown(told: Connection) -> None:
    late = [
        e for e in programme_of("440000057", ahead=14) if e.reference_date > LAST_DAY + timedelta(days=13)
    ]
    write(told, [replace_reported(e) for e in late if e.unit == "440000057:medecine"])
    told.commit()
    found = read_programme(told, ["44"], ORIGIN, KNOWN)["440000057"]
    assert np.isfinite(found[-3])
    assert np.isnan(found[-2])
    assert np.isfinite(found).sum() > FEWEST_DAYS


def replace_reported(envelope: Envelope) -> Envelope:
    """Return an announcement as if it had been made before the run."""
    return envelope.model_copy(update={"reported": KNOWN - timedelta(hours=1)})


def test_stays_are_counted_by_the_civil_days_of_beds(told: Connection) -> None:
    """In at ten in the evening and out the next morning is one day, as the census says; today is not yet a day."""
    evening = datetime(2020, 11, 10, 21, tzinfo=UTC)
    moves = [
        (900, "admissions", evening),
        (900, "discharges", evening + timedelta(hours=11)),
        (901, "admissions", evening),
        (901, "discharges", evening + timedelta(days=5, hours=6)),
        (902, "admissions", datetime(2020, 11, 16, 1, tzinfo=UTC)),
    ]
    plan = make_plan(told, WORLD.name, CYCLE, "cycle", ASKED)
    before = gather(told, plan, ASKED).beds.stays["44", "conventional"]
    write(told, [movement(WORLD.name, n, name, moment, "medecine") for n, name, moment in moves])
    told.commit()
    after = gather(told, plan, ASKED).beds.stays["44", "conventional"]
    # The second left after midnight of the run's day, and was there on the five days before; the third came after it.
    assert (after.departures - before.departures)[:7].tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert (after.at_risk - before.at_risk)[:7].tolist() == [2, 2, 1, 1, 1, 1, 0]
