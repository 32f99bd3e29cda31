"""Odissé, Santé publique France's living portal: weekly rates of emergency visits and SOS Médecins acts.

Columns of the portal's CSV export (API `explore/v2.1`): `date_complet` (Monday), `semaine`, `dep` or `reg` or
`region`, `sursaud_cl_age_gene`, `taux_passages_grippe_sau`, `taux_hospit_grippe_sau`, `taux_actes_grippe_sos`, and
the same for the other diseases. Rates are per 100,000 visits, hospitalisations or acts that carry a diagnosis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import quote

from infra.errors import MeteoError
from streams.gateways.open_data.editions import CountReport
from streams.gateways.open_data.tables import Row, RowFault
from streams.vocabulary.age_bands import age_band_of_label

DATASETS = tuple(
    f"{disease}-passages-aux-urgences-et-actes-sos-medecins-region"
    for disease in ("grippe", "covid-19", "bronchiolite", "gastro-enterite-aigue")
)
_RATE = re.compile(r"^taux_(passages|hospit|actes)_([a-z0-9]+)_(?:sau|sos)$")
_SIGNALS = {"passages": "ed_rate", "hospit": "ed_hosp_rate", "actes": "sos_rate"}
SYNDROMES = {
    "grippe": "influenza",
    "covid": "covid",
    "bronchio": "bronchiolitis",
    "bronchiolite": "bronchiolitis",
    "gastro": "gastroenteritis",
}
_WEEK = re.compile(r"^(\d{4})-?[SW](\d{1,2})$")


def export_address(portal: str, dataset: str, since: date | None = None) -> str:
    """Return the address of a dataset's CSV export, from a Monday on where one is given."""
    query = "delimiter=%3B"
    if since is not None:
        query += "&where=" + quote(f"date_complet >= date'{since.isoformat()}'")
    return f"{portal.rstrip('/')}/catalog/datasets/{dataset}/exports/csv?{query}"


def dataset_address(portal: str, dataset: str) -> str:
    """Return the address of a dataset's description, which says when its data was processed last."""
    return f"{portal.rstrip('/')}/catalog/datasets/{dataset}"


def read_odisse(row: Row) -> Iterator[CountReport]:
    """Read a row of an Odissé export."""
    place, start = _place(row), _monday(row)
    label = next((row.cells[c] for c in ("sursaud_cl_age_gene", "age") if c in row.cells), "Tous âges")
    try:
        band = age_band_of_label(label)
    except MeteoError as error:
        raise RowFault("sursaud_cl_age_gene", str(error)) from None
    for column in row.cells:
        found = _RATE.match(column)
        if found is None or found[2] not in SYNDROMES:
            continue
        value = row.number(column)
        if value is not None:
            yield CountReport(
                _SIGNALS[found[1]], SYNDROMES[found[2]], place, start, start + timedelta(days=7), value, band
            )


def monday_of(week: str) -> date:
    """Return the first day of a week written `2020-S01`, `2020-W01` or `202001`.

    Raises
    ------
    ValueError
        When it names no week.
    """
    written = week.strip()
    found = _WEEK.match(written) or re.match(r"^(\d{4})(\d{2})$", written)
    if found is None:
        raise ValueError(f"{week!r} is not a week: write 2020-S01")
    return date.fromisocalendar(int(found[1]), int(found[2]), 1)


def _place(row: Row) -> str:
    if "dep" in row.cells:
        return row.departement("dep")
    for column in ("reg", "region"):
        if row.cells.get(column, "").strip().removeprefix("R").isdigit():
            return row.region(column)
    return "FR"


def _monday(row: Row) -> date:
    if row.cells.get("semaine", "").strip():
        try:
            return monday_of(row.text("semaine"))
        except ValueError as error:
            raise RowFault("semaine", str(error)) from None
    day = row.day("date_complet")
    return day - timedelta(days=day.weekday())
