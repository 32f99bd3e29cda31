"""Santé publique France's daily COVID files: emergency visits and SOS acts, hospital stocks and flows, tests.

Columns, as published: `dep;date_de_passage;sursaud_cl_age_corona;nbre_pass_corona;nbre_pass_tot;…` (SurSaUD),
`dep;sexe;jour;hosp;rea;…` and `dep;jour;incid_hosp;incid_rea;incid_dc;incid_rad` (SI-VIC),
`dep;jour;P;T;cl_age90;pop` (SI-DEP); regional files write `reg` and national ones `fra` instead of `dep`.
An empty cell tells nothing and makes no report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from infra.errors import MeteoError
from streams.gateways.open_data.editions import CountReport
from streams.gateways.open_data.tables import Row, RowFault
from streams.vocabulary.age_bands import age_band, age_band_of_sidep

Series = Mapping[str, tuple[str, str]]

SURSAUD: Series = {
    "nbre_pass_corona": ("ed_visits", "covid"),
    "nbre_pass_tot": ("ed_visits", "all"),
    "nbre_hospit_corona": ("ed_hospitalisations", "covid"),
    "nbre_acte_corona": ("sos_calls", "covid"),
    "nbre_acte_tot": ("sos_calls", "all"),
}
# In SI-VIC `hosp` counts every COVID patient in hospital, critical care (`rea`) included; the cumulative `rad` and
# `dc` of the stocks are told day by day in the flows.
SIVIC_STOCKS: Series = {"hosp": ("occupied_beds", "covid"), "rea": ("occupied_critical_beds", "covid")}
SIVIC_FLOWS: Series = {
    "incid_hosp": ("admissions", "covid"),
    "incid_rea": ("critical_admissions", "covid"),
    "incid_dc": ("deaths", "covid"),
    "incid_rad": ("discharges", "covid"),
}
SIDEP: Series = {"t": ("lab_tests", "covid"), "p": ("lab_positives", "covid")}


def read_sursaud(row: Row) -> Iterator[CountReport]:
    """Read a row of a SurSaUD file, of either age coding."""
    try:
        band = age_band(row.text("sursaud_cl_age_corona")) if "sursaud_cl_age_corona" in row.cells else "all"
    except MeteoError as error:
        raise RowFault("sursaud_cl_age_corona", str(error)) from None
    yield from day_reports(row, SURSAUD, place_in(row), row.day("date_de_passage"), band)


def read_sivic(row: Row) -> Iterator[CountReport]:
    """Read a row of SI-VIC stocks or flows; rows of one sex alone are left out."""
    if row.cells.get("sexe", "0").strip() not in ("0", ""):
        return
    series = SIVIC_FLOWS if "incid_hosp" in row.cells else SIVIC_STOCKS
    yield from day_reports(row, series, place_in(row), row.day("jour"))


def read_sidep(row: Row) -> Iterator[CountReport]:
    """Read a row of a SI-DEP file."""
    try:
        band = age_band_of_sidep(row.cells.get("cl_age90", "0"))
    except MeteoError as error:
        raise RowFault("cl_age90", str(error)) from None
    yield from day_reports(row, SIDEP, place_in(row), row.day("jour"), band)


def day_reports(row: Row, series: Series, place: str, day: date, band: str = "all") -> Iterator[CountReport]:
    """Return a report for each column of a series that tells something."""
    for column, (signal, syndrome) in series.items():
        value = row.count(column)
        if value is not None:
            yield CountReport(signal, syndrome, place, day, day + timedelta(days=1), value, band)


def place_in(row: Row) -> str:
    """Return the place that a row names by `dep`, `reg` or `fra`."""
    if "dep" in row.cells:
        return row.departement("dep")
    if "reg" in row.cells:
        return row.region("reg")
    if "fra" in row.cells:
        return "FR"
    raise RowFault("dep", "no column names the place: dep, reg or fra")
