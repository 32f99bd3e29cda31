"""DREES's yearly beds: those of hospital sites (SAE) and those of critical care by area.

SAE: `annee,FI_EJ,FI,RS,LIT_MED,…,LIT_MCO,…`; `LIT_MCO` are the installed beds of medicine, surgery and obstetrics
of the site with geographic FINESS `FI`, and `JOU_MCO` the patient-days of its year, which over the days of the year
are its mean occupancy. Critical care: `id_geo,statut_etab,annee,uni,nb_lit`; intensive care for
adults and children (`REAADU`, `REAENF`) is what the publisher's own tension ratio divides by, so that
alone is read as critical beds. A year is assumed known on 30 September of the next, when DREES publishes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from streams.gateways.open_data.editions import CountReport
from streams.gateways.open_data.tables import Row, RowFault
from streams.vocabulary.places import register

_INTENSIVE_CARE = ("REAADU", "REAENF")


def read_sae(row: Row) -> Iterator[CountReport]:
    """Read a hospital site's year."""
    site, year = row.text("fi").zfill(9), _year(row)
    beds = row.number("lit_mco")
    if beds is None:
        return
    yield _report("staffed_beds", _place_of_site(site), year, beds, facility=site)
    patient_days = row.number("jou_mco")
    if patient_days is not None:
        days = (date(year + 1, 1, 1) - date(year, 1, 1)).days
        occupied = round(patient_days / days, 2)
        yield _report("occupied_beds", _place_of_site(site), year, occupied, facility=site)


def read_critical_beds(row: Row) -> Iterator[CountReport]:
    """Read the critical care beds of an area, unit and status; other units than intensive care are left out."""
    unit, year = row.text("uni").upper(), _year(row)
    area = row.text("id_geo").partition("_")
    beds = row.number("nb_lit")
    if unit not in _INTENSIVE_CARE or beds is None:
        return
    if area[0] == "00":
        if area[2] != "FR":
            return
        place = "FR"
    else:
        place = area[0].upper()
    if place not in register():
        raise RowFault("id_geo", f"unknown area {row.text('id_geo')!r}")
    name = f"{place}:rea-{unit.lower()}-{row.text('statut_etab').lower()}"
    yield _report("staffed_critical_beds", place, year, beds, unit=name)


def _report(
    signal: str, place: str, year: int, beds: float, *, facility: str | None = None, unit: str | None = None
) -> CountReport:
    start, end = date(year, 1, 1), date(year + 1, 1, 1)
    delay = timedelta(days=(date(year + 1, 9, 30) - end).days)
    return CountReport(signal, "all", place, start, end, beds, "all", facility, unit, delay)


def _year(row: Row) -> int:
    written = row.text("annee")
    if not (written.isdigit() and 2000 <= int(written) < 2100):
        raise RowFault("annee", f"{written!r} is not a year from 2000 to 2099")
    return int(written)


def _place_of_site(site: str) -> str:
    """Return the département of a FINESS number: its first two characters, three overseas."""
    overseas = {"9A": "971", "9B": "972", "9C": "973", "9D": "974", "9F": "976"}
    code = overseas.get(site[:2].upper(), site[:2].upper())
    if code not in register():
        raise RowFault("fi", f"FINESS {site!r} names no département")
    return code
