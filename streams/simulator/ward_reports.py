"""What a hospital's bed office says each day: beds occupied at midnight, beds to be staffed, operations planned.

The census of a day is taken at its end and sent at 4:30 the next morning, conventional beds and critical care apart,
all causes. Staffed beds and planned admissions of each unit are announced fourteen days ahead, at 7:30.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np

from streams.envelope import Envelope
from streams.simulator.events import after_outages
from streams.simulator.partners import BEDDED, CRITICAL, UNIT_NAMES, Facility, Partner
from streams.simulator.reports import MORNING
from streams.simulator.simulation import Simulation
from streams.simulator.staffing import staffed_beds
from streams.simulator.stays import HOUR
from streams.vocabulary.signals import signal as signal_named

AHEAD_DAYS = 14
_CENSUS_SENT = 4 * HOUR + HOUR // 2


def census_envelopes(simulation: Simulation, world: str, first: date, last: date) -> Iterator[Envelope]:
    """Yield the census of each hospital at the end of the days [first, last), in the order of the days."""
    calendar = simulation.calendar
    for index in range(calendar.index(first), calendar.index(last)):
        for p, partner, facility in _hospitals(simulation):
            sent = calendar.midnights[index + 1 : index + 2] + _CENSUS_SENT
            moment = int(after_outages(simulation.scenario, calendar, np.array([p]), sent)[0])
            present = simulation.present[index, p]
            critical = int(present[UNIT_NAMES.index(CRITICAL)])
            conventional = int(sum(present[UNIT_NAMES.index(name)] for name in BEDDED)) - critical
            day = calendar.dates[index]
            for name, beds in (("occupied_beds", conventional), ("occupied_critical_beds", critical)):
                yield _envelope(simulation, world, partner, facility, "", name, day, beds, moment)


def announcements(simulation: Simulation, world: str, first: date, last: date) -> Iterator[Envelope]:
    """Yield staffed beds and planned admissions of the days [first, last), each announced fourteen days before."""
    calendar = simulation.calendar
    staffed = staffed_beds(simulation.scenario, calendar)
    planned = _planned(simulation)
    for index in range(calendar.index(first), calendar.index(last)):
        moment = int(calendar.midnights[max(index - AHEAD_DAYS, 0)]) + MORNING
        day = calendar.dates[index]
        for p, partner, facility in _hospitals(simulation):
            for unit in BEDDED:
                name = "staffed_critical_beds" if unit == CRITICAL else "staffed_beds"
                beds = int(staffed[index, p, UNIT_NAMES.index(unit)])
                yield _envelope(simulation, world, partner, facility, unit, name, day, beds, moment)
                if (p, unit) in planned:
                    number = int(planned[p, unit][index])
                    yield _envelope(
                        simulation, world, partner, facility, unit, "elective_admissions", day, number, moment
                    )


def _planned(simulation: Simulation) -> dict[tuple[int, str], np.ndarray]:
    """Return planned admissions of each day by partner and unit."""
    return {
        (cell.partner, cell.ward): simulation.counts.planned[:, column]
        for column, cell in enumerate(simulation.counts.cells)
        if cell.kind == "elective"
    }


def _hospitals(simulation: Simulation) -> list[tuple[int, Partner, Facility]]:
    return [(p, x, x.facility) for p, x in enumerate(simulation.scenario.partners) if x.facility]


def _envelope(
    simulation: Simulation,
    world: str,
    partner: Partner,
    facility: Facility,
    unit: str,
    signal: str,
    day: date,
    value: int,
    moment: int,
) -> Envelope:
    known = datetime.fromtimestamp(moment, UTC)
    where = f"{facility.finess}:{unit}" if unit else facility.finess
    return Envelope(
        event_id=f"{where}|{day}|{signal}|all",
        source_version=known,
        kind="insert",
        world=world,
        partner=partner.key,
        signal=signal,
        code="all",
        code_system="meteo",
        place=simulation.scenario.territory,
        facility=facility.finess,
        unit=where if unit else None,
        reference_start=day,
        reference_end=day + timedelta(days=1),
        value=value,
        unit_of_measure=signal_named(signal).unit,
        reported=known,
        reported_basis="stated",
        simulated=True,
    )
