"""The tidy layout of a reference folder: the same series with plain columns, a file for each.

| columns | series |
|---|---|
| `date,dep,ed_covid,ed_total,ed_covid_hosp,sos_covid,sos_total` | emergency visits and SOS acts |
| the same and `as_of` | as they stood then: see `vintages` |
| `dep,jour,incid_hosp,incid_rea,incid_dc,incid_rad` | hospital flows |
| `date,dep,hosp,rea,rad,dc` | hospital stocks |
| `date,dep,tests,positives,pop` | laboratory tests |
| `disease,week_start,week,reg,region,age,ed_rate_per_100k,…` | weekly rates |
| `week,indicator,inc,…,inc100,…,geo_insee,geo_name` | general practice incidence (Sentinelles) |
| `annee,FI_EJ,FI,RS,…` and `id_geo,statut_etab,annee,uni,nb_lit` | beds |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from infra.errors import MeteoError
from streams.gateways.open_data.beds import read_critical_beds, read_sae
from streams.gateways.open_data.daily import (
    SIVIC_STOCKS,
    Series,
    day_reports,
    read_sidep,
    read_sivic,
    read_sursaud,
)
from streams.gateways.open_data.editions import CountReport
from streams.gateways.open_data.odisse import SYNDROMES, monday_of, read_odisse
from streams.gateways.open_data.tables import Row, RowFault, Table
from streams.vocabulary.age_bands import age_band_of_label

ReadRow = Callable[[Row], Iterator[CountReport]]

VISITS: Series = {
    "ed_covid": ("ed_visits", "covid"),
    "ed_total": ("ed_visits", "all"),
    "ed_covid_hosp": ("ed_hospitalisations", "covid"),
    "sos_covid": ("sos_calls", "covid"),
    "sos_total": ("sos_calls", "all"),
}
_TESTS: Series = {"tests": ("lab_tests", "covid"), "positives": ("lab_positives", "covid")}
_RATES = {
    "ed_rate_per_100k": "ed_rate",
    "ed_hosp_rate_per_100k": "ed_hosp_rate",
    "sos_rate_per_100k": "sos_rate",
}
# Regions whose code meant the same before 2016; the other old codes would be read as other regions.
_UNCHANGED_REGIONS = frozenset({"11", "24", "52", "53", "93", "94"})


@dataclass(frozen=True)
class Reader:
    """How one kind of file is read.

    Attributes
    ----------
    key
        Name on the command line.
    partner
        Whose agreement covers it.
    needs
        Columns by which the kind is told.
    """

    key: str
    partner: str
    needs: frozenset[str]
    read: ReadRow


def read_visits(row: Row) -> Iterator[CountReport]:
    """Read emergency visits and SOS acts of a département and day."""
    yield from day_reports(row, VISITS, row.departement("dep"), row.day("date"))


def read_stocks(row: Row) -> Iterator[CountReport]:
    """Read the beds occupied in a département on a day."""
    yield from day_reports(row, SIVIC_STOCKS, row.departement("dep"), row.day("date"))


def read_tests(row: Row) -> Iterator[CountReport]:
    """Read the laboratory tests of a département and day."""
    yield from day_reports(row, _TESTS, row.departement("dep"), row.day("date"))


def read_rates(row: Row) -> Iterator[CountReport]:
    """Read the weekly rates of a region, disease and age."""
    disease = row.text("disease").lower()
    if disease not in SYNDROMES:
        raise RowFault("disease", f"unknown disease {disease!r}: one of {', '.join(SYNDROMES)}")
    start, place = row.day("week_start"), row.region("reg")
    try:
        band = age_band_of_label(row.text("age"))
    except MeteoError as error:
        raise RowFault("age", str(error)) from None
    for column, signal in _RATES.items():
        value = row.number(column)
        if value is not None:
            end = start + timedelta(days=7)
            yield CountReport(signal, SYNDROMES[disease], place, start, end, value, band)


def read_incidence(row: Row) -> Iterator[CountReport]:
    """Read a week's incidence of influenza-like illness in France, or in a region that kept its code."""
    geo = row.text("geo_insee").upper()
    if geo != "FR" and geo.zfill(2) not in _UNCHANGED_REGIONS:
        return
    value = row.number("inc100")
    if value is None:
        return
    try:
        start = monday_of(row.text("week"))
    except ValueError as error:
        raise RowFault("week", str(error)) from None
    place = "FR" if geo == "FR" else row.region("geo_insee")
    yield CountReport("gp_incidence", "influenza", place, start, start + timedelta(days=7), value)


PUBLISHED: tuple[Reader, ...] = (
    Reader("sursaud", "spf", frozenset({"date_de_passage", "nbre_pass_corona"}), read_sursaud),
    Reader("sivic", "spf", frozenset({"jour", "incid_hosp"}), read_sivic),
    Reader("sivic", "spf", frozenset({"jour", "hosp", "rea"}), read_sivic),
    Reader("sidep", "spf", frozenset({"jour", "p", "t"}), read_sidep),
    Reader("odisse", "spf", frozenset({"semaine", "sursaud_cl_age_gene"}), read_odisse),
    Reader("odisse", "spf", frozenset({"disease", "week_start", "reg"}), read_rates),
    Reader("sae", "drees", frozenset({"annee", "fi", "lit_mco"}), read_sae),
    Reader("drees", "drees", frozenset({"id_geo", "uni", "nb_lit"}), read_critical_beds),
)
TIDY: tuple[Reader, ...] = (
    Reader("tidy", "spf", frozenset({"date", "dep", "ed_covid"}), read_visits),
    Reader("tidy", "spf", frozenset({"date", "dep", "hosp"}), read_stocks),
    Reader("tidy", "spf", frozenset({"date", "dep", "tests"}), read_tests),
    Reader("tidy", "sentinelles", frozenset({"week", "inc100", "geo_insee"}), read_incidence),
)


def reader_for(key: str, table: Table) -> Reader:
    """Return the reader of a file, told by its columns.

    Parameters
    ----------
    key
        Kind asked for; `tidy` takes every kind.

    Raises
    ------
    MeteoError
        Naming the columns that are there and those that are expected.
    """
    candidates = [r for r in (*PUBLISHED, *TIDY) if key in ("tidy", r.key)]
    for reader in candidates:
        if reader.needs <= set(table.columns):
            return reader
    expected = " or ".join(sorted({",".join(sorted(r.needs)) for r in candidates}))
    raise MeteoError(
        f"{table.source}: no {key} file: columns {','.join(table.columns)[:200]}; expected {expected}"
    )
