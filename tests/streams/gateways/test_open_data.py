"""The publishers' files, in every writing seen of them."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import pytest

from infra.errors import MeteoError
from streams.gateways.open_data.editions import CountReport, edition_of
from streams.gateways.open_data.tables import Refused, Row, RowFault, Table, parse_table, read_table
from streams.gateways.open_data.tidy import reader_for
from streams.gateways.open_data.vintages import Dated, places_without_calls, read_vintages, revisions

SURSAUD = (
    "dep;date_de_passage;sursaud_cl_age_corona;nbre_pass_corona;nbre_pass_tot;nbre_hospit_corona;"
    "nbre_acte_corona;nbre_acte_tot\n"
)


def reports(key: str, content: str | bytes, name: str = "file.csv") -> list[CountReport]:
    table = parse_table(content.encode() if isinstance(content, str) else content, name, name)
    reader = reader_for(key, table)
    found = []
    for row in table.rows():
        assert isinstance(row, Row)
        found += list(reader.read(row))
    return found


def told(found: list[CountReport]) -> list[tuple[str, str, str, str, float]]:
    return [(r.signal, r.syndrome, r.place, r.age_band, r.value) for r in found]


def test_sursaud_of_both_age_codings() -> None:
    before = reports("sursaud", SURSAUD + "44;2020-09-01;A;3;120;1;2;\n")
    assert told(before) == [
        ("ed_visits", "covid", "44", "0-14", 3),
        ("ed_visits", "all", "44", "0-14", 120),
        ("ed_hospitalisations", "covid", "44", "0-14", 1),
        ("sos_calls", "covid", "44", "0-14", 2),
    ]
    after = reports("sursaud", SURSAUD + "".join(f"01;2021-11-05;{c};1;;;;\n" for c in range(7)))
    assert [r.age_band for r in after] == ["all", "0-4", "5-14", "15-44", "45-64", "65-74", "75+"]
    assert {r.place for r in after} == {"01"}


@pytest.mark.parametrize(
    "content",
    [
        "dep,jour,incid_hosp,incid_rea,incid_dc,incid_rad\n1,2020-09-01,5,,0,2\n",
        '"dep";"jour";"incid_hosp";"incid_rea";"incid_dc";"incid_rad"\r\n"01";"01/09/2020";5;NA;0;2\r\n',
        b"\xef\xbb\xbfdep;jour;incid_hosp;incid_rea;incid_dc;incid_rad\n01;2020-09-01;5;;0,0;2\n",
        gzip.compress(b"dep;jour;incid_hosp;incid_rea;incid_dc;incid_rad\n01;2020-09-01;5;;0;2\n"),
    ],
    ids=["commas", "quotes and dates with strokes", "byte-order mark and decimal comma", "gzip"],
)
def test_hospital_flows_in_every_writing(content: str | bytes) -> None:
    assert told(reports("sivic", content)) == [
        ("admissions", "covid", "01", "all", 5),
        ("deaths", "covid", "01", "all", 0),
        ("discharges", "covid", "01", "all", 2),
    ]


def test_hospital_stocks_of_both_sexes_only() -> None:
    content = "dep;sexe;jour;hosp;rea;rad;dc\n44;0;2020-09-01;12;3;100;9\n44;1;2020-09-01;7;2;50;5\n"
    assert told(reports("sivic", content)) == [
        ("occupied_beds", "covid", "44", "all", 12),
        ("occupied_critical_beds", "covid", "44", "all", 3),
    ]


def test_laboratory_tests_by_age() -> None:
    content = "dep;jour;P;T;cl_age90;pop\n44;2020-09-01;3;50,00;0;1\n44;2020-09-01;1;9;09;1\n"
    assert [(r.signal, r.age_band, r.value) for r in reports("sidep", content)] == [
        ("lab_tests", "all", 50),
        ("lab_positives", "all", 3),
        ("lab_tests", "0-9", 9),
        ("lab_positives", "0-9", 1),
    ]


def test_the_living_portal_by_week() -> None:
    content = (
        "date_complet;semaine;reg;reglib;sursaud_cl_age_gene;taux_passages_grippe_sau;taux_hospit_grippe_sau;"
        "taux_actes_grippe_sos\n2024-12-30;2025-S01;52;Pays de la Loire;65 ans ou plus;1234.5;;88\n"
    )
    found = reports("odisse", content)
    assert told(found) == [
        ("ed_rate", "influenza", "R52", "65+", 1234.5),
        ("sos_rate", "influenza", "R52", "65+", 88),
    ]
    assert (found[0].start, found[0].end) == (date(2024, 12, 30), date(2025, 1, 6))


def test_beds_of_a_site_and_of_an_area() -> None:
    site = reports("sae", "annee,FI_EJ,FI,RS,LIT_MCO\n2019,440000289,440000271,CHU,947\n")[0]
    assert (site.signal, site.place, site.facility, site.value) == ("staffed_beds", "44", "440000271", 947)
    both = reports("sae", "annee,FI_EJ,FI,RS,LIT_MCO,JOU_MCO\n2019,440000289,440000271,CHU,947,300536\n")
    assert told(both)[1] == ("occupied_beds", "all", "44", "all", 823.39)
    known = site.envelope("demo", "drees", None)
    assert known.reported.date() == date(2020, 9, 29)
    area = reports(
        "drees",
        "id_geo,statut_etab,annee,uni,nb_lit\n44_Loire-Atlantique,1_Public,2020,REAADU,62.0\n"
        "44_Loire-Atlantique,1_Public,2020,USIC,30\n00_MET,1_Public,2020,REAADU,4000\n",
    )
    assert told(area) == [("staffed_critical_beds", "all", "44", "all", 62)]


def test_a_latin_file_is_read_and_a_line_of_another_encoding_refused() -> None:
    header, accents = b"dep;jour;hosp;rea;note\n", "44;2020-09-01;1;2;d\u00e9j\u00e0\n"
    latin = parse_table(header + accents.encode("iso-8859-15"), "f", "f")
    assert [type(row) for row in latin.rows()] == [Row]
    mixed = parse_table(header + accents.encode() * 2 + accents.encode("iso-8859-15"), "f", "f")
    assert [type(row) for row in mixed.rows()] == [Row, Row, Refused]


@pytest.mark.parametrize(
    ("line", "name", "reason"),
    [
        ("99;2020-09-01;1;2", "dep", "unknown département '99'"),
        ("44;2020-13-01;1;2", "jour", "is not a date"),
        ("44;1900-01-01;1;2", "jour", "1900-01-01 is outside 2000-01-01 to 2100-01-01"),
        ("44;01/01/2200;1;2", "jour", "2200-01-01 is outside"),
        (";2020-09-01;1;2", "dep", "is empty"),
        ("44;2020-09-01;-1;2", "hosp", "not a count from 0 on"),
        ("44;2020-09-01;inf;2", "hosp", "not a count from 0 on"),
        ("44;2020-09-01;5.5;2", "hosp", "5.5 is not a whole number"),
        ('44;2020-09-01;"1,234";2', "hosp", "1,234 is not a whole number"),
    ],
)
def test_a_row_says_which_field_is_wrong(line: str, name: str, reason: str) -> None:
    table = parse_table(f"dep;jour;hosp;rea\n{line}\n".encode(), "f", "f")
    row = next(iter(table.rows()))
    assert isinstance(row, Row)
    with pytest.raises(RowFault, match=reason) as fault:
        list(reader_for("sivic", table).read(row))
    assert fault.value.field == name


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\x1f\x8bbroken", "gzip file is damaged"),
        ("a;b\n".encode("utf-16"), "UTF-16"),
        (b"one column\n1\n", "one column only"),
    ],
)
def test_a_file_that_is_no_table_says_so(content: bytes, reason: str) -> None:
    with pytest.raises(MeteoError, match=reason):
        parse_table(content, "f", "f")


def test_another_kind_of_file_says_what_was_expected() -> None:
    with pytest.raises(MeteoError, match="no sivic file: columns a,b; expected"):
        reader_for("sivic", parse_table(b"a;b\n1;2\n", "f", "f"))
    with pytest.raises(MeteoError, match="cannot be read"):
        read_table("/nowhere/at/all.csv")


def test_when_a_row_became_known() -> None:
    name = "sursaud-corona-quot-dep-2020-09-20-19h15.csv"
    edition = edition_of(name)
    assert edition == datetime(2020, 9, 20, 17, 15, tzinfo=UTC)
    recent, old = reports(
        "sivic",
        "dep;jour;incid_hosp\n44;2020-09-19;5\n44;2020-05-01;6\n",
    )
    fresh, aged = recent.envelope("demo", "spf", edition), old.envelope("demo", "spf", edition)
    assert (fresh.reported, fresh.reported_basis) == (edition, "stated")
    assert (aged.reported, aged.reported_basis) == (datetime(2020, 5, 2, 18, tzinfo=UTC), "assumed")
    assert fresh.source_version == aged.source_version == edition
    assert fresh.event_id == "admissions|covid|44|all|2020-09-19"


def vintages(lines: str) -> tuple[list[Dated], frozenset[str]]:
    header = "as_of,date,dep,ed_covid,ed_total,ed_covid_hosp,sos_covid,sos_total,lag\n"
    table: Table = parse_table((header + lines).encode(), "v", "v")
    without = places_without_calls(table)
    return list(read_vintages((r for r in table.rows() if isinstance(r, Row)), without)), without


def test_vintages_become_the_revisions_that_they_were() -> None:
    history, without = vintages(
        "2020-09-03,2020-09-01,44,7,100,1,2,50,2\n2020-09-05,2020-09-01,44,9,100,1,2,50,4\n"
        "2020-09-03,2020-09-01,49,7,100,1,0,0,2\n"
    )
    assert without == {"49"}
    final = [CountReport("ed_visits", "covid", "44", date(2020, 9, 1), date(2020, 9, 2), 11)]
    steps = [(when.reported, when.basis, report.value) for report, when in revisions(final, history)]
    assert steps == [
        # A first report after the usual thirty hours, then each vintage, then what is complete.
        (datetime(2020, 9, 3, 4, tzinfo=UTC), "assumed", 7),
        (datetime(2020, 9, 5, 17, 15, tzinfo=UTC), "stated", 9),
        (datetime(2020, 9, 15, 22, tzinfo=UTC), "assumed", 11),
    ]


def test_without_vintages_a_day_is_known_after_the_usual_delay() -> None:
    final = [CountReport("ed_visits", "covid", "44", date(2020, 9, 1), date(2020, 9, 2), 11)]
    ((report, when),) = revisions(final, [])
    assert (report.value, when.basis) == (11, "assumed")
    assert when.reported == datetime(2020, 9, 3, 4, tzinfo=UTC)


@pytest.mark.reference_data
def test_every_reference_file_is_read_without_a_fault(reference_data: Path) -> None:
    for path in sorted(reference_data.glob("*.csv.gz")):
        table = read_table(str(path))
        reader = reader_for("tidy", table)
        found = 0
        # A part of each: the longest has a hundred thousand rows.
        for row in islice(table.rows(), 0, None, 7):
            assert isinstance(row, Row), (path.name, row)
            found += sum(1 for _ in reader.read(row))
        assert found > 10, path.name
