"""The public reads: shapes, errors, validators, moments, forms."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import httpx
import pytest

from api import answers
from api.examples import EXAMPLES
from forecasting.hubverse import COLUMNS
from tests.api.conftest import Served
from tests.api.published import AS_OF, HOSPITAL, Story, publish

READS = (
    "/v1/territories",
    "/v1/signals",
    "/v1/meteo",
    "/v1/meteo/44",
    "/v1/forecasts/44",
    "/v1/observations/44",
    "/v1/runs",
    "/v1/runs/1",
    "/v1/leadlag/44",
    "/v1/scores/44",
)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_example_is_a_valid_answer(name: str) -> None:
    getattr(answers, name).model_validate(EXAMPLES[name])


@pytest.mark.parametrize("address", READS)
def test_a_read_has_a_validator_and_answers_304_to_who_has_it(public: httpx.Client, address: str) -> None:
    first = public.get(address)
    assert first.status_code == 200
    assert first.headers["content-type"] == "application/json"
    assert first.headers["cache-control"].startswith("public, max-age=")
    again = public.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    weak = public.get(address, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert weak.status_code == 304


def test_the_bulletin_says_what_the_run_said(public: httpx.Client) -> None:
    bulletin = public.get("/v1/meteo/44").json()
    assert bulletin["colour"] == "yellow"
    assert bulletin["headline_unit"] == "critical"
    assert len(bulletin["days"]) == 30
    assert bulletin["message"]["key"] == "headline.yellow"
    assert "lits de soins critiques" in bulletin["message"]["text"]
    assert bulletin["world_kind"] == "demo"
    assert bulletin["notice"] == "Ceci n’est pas une vigilance de l’État."
    assert bulletin["run"]["id"] == 1


def test_the_sentence_comes_in_the_language_asked_for(served: Served) -> None:
    with served.client("en-GB, fr;q=0.5") as client:
        english = client.get("/v1/meteo/44")
        french = client.get("/v1/meteo/44?lang=fr")
    assert english.headers["content-language"] == "en"
    assert "critical care beds" in english.json()["message"]["text"]
    assert french.headers["content-language"] == "fr"


def test_territories_have_their_colour_and_grey_without_a_bulletin(public: httpx.Client) -> None:
    found = {t["id"]: t for t in public.get("/v1/territories").json()["territories"]}
    assert {"FR", "R52", "44"} <= found.keys()
    assert (found["44"]["colour"], found["44"]["has_bulletin"]) == ("yellow", True)
    assert (found["R52"]["colour"], found["R52"]["has_bulletin"]) == ("grey", False)


def test_forecasts_come_as_quantiles_and_in_the_hubverse_columns(public: httpx.Client) -> None:
    answer = public.get("/v1/forecasts/44", params={"target": "occupied_beds:covid"}).json()
    (series,) = answer["forecasts"]
    assert len(series["quantiles"]) == 15
    assert all(row == sorted(row) for row in series["quantiles"])
    rows = list(csv.reader(io.StringIO(public.get("/v1/forecasts/44?format=csv").text)))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 1 + 3 * 15 * 23
    accepted = public.get("/v1/forecasts/44", headers={"Accept": "text/csv"})
    assert accepted.headers["content-type"].startswith("text/csv")


def test_what_moves_a_forecast_is_told_in_whole_beds_that_sum(public: httpx.Client) -> None:
    asked = {"target": "occupied_critical_beds:covid"}
    told = public.get("/v1/forecasts/44", params=asked).json()["forecasts"][0]["explanation"]
    parts = [*told["groups"].values(), told["remainder"]]
    for day in range(len(told["days"])):
        assert told["reference"][day] + sum(p[day] for p in parts) == told["published"][day]
    assert all(amount == round(amount) for part in parts for amount in part)
    assert told["message"]["params"]["amount"] == told["groups"]["laboratory"][0]
    assert "surtout par" in told["message"]["text"]
    english = public.get("/v1/forecasts/44", params={**asked, "lang": "en"}).json()
    assert "mainly from" in english["forecasts"][0]["explanation"]["message"]["text"]
    assert (
        public.get("/v1/forecasts/44?target=admissions:covid").json()["forecasts"][0]["explanation"] is None
    )


def test_a_hospital_is_forecast_for_sessions_that_see_facilities(served: Served) -> None:
    address = f"/v1/forecasts/44?facility={HOSPITAL}"
    with served.client() as client:
        refused = client.get(address)
        assert (refused.status_code, refused.json()["type"]) == (401, "/problems/sign_in")
    with served.operator() as client:
        found = client.get(address).json()["forecasts"]
        assert {s["facility"] for s in found} == {HOSPITAL}
        assert {s["target"] for s in found} == {"occupied_beds:covid", "occupied_critical_beds:covid"}
        rows = list(csv.reader(io.StringIO(client.get(address + "&format=csv").text)))
        assert {row[COLUMNS.index("location")] for row in rows[1:]} == {HOSPITAL}
        unknown = client.get("/v1/forecasts/44?facility=000000000")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/no_facility")
    assert HOSPITAL in unknown.json()["detail"]


def test_observations_are_read_as_of_a_published_cycle(public: httpx.Client) -> None:
    asked = {"signal": "lab_positives", "from": "2020-10-25", "to": "2020-10-31"}
    answer = public.get("/v1/observations/44", params=asked).json()
    # The cycle read on 1 November at 05:30 what was known then; the clock says two hours later.
    assert answer["as_of"] == "2020-11-01T04:30:00Z"
    assert len(answer["observations"]) == 7
    assert all(o["signal"] == "lab_positives" and not o["hidden"] for o in answer["observations"])
    text = public.get("/v1/observations/44", params={**asked, "format": "csv"}).text
    assert len(text.splitlines()) == 8


@pytest.mark.parametrize(
    ("address", "status", "key"),
    [
        ("/v1/meteo/99", 404, "unknown_territory"),
        ("/v1/meteo/R52", 404, "no_bulletin"),
        ("/v1/meteo/44?as_of=2020-10-31", 404, "no_bulletin"),
        ("/v1/meteo/44?as_of=yesterday", 400, "bad_moment"),
        ("/v1/meteo/44?as_of=2020-11-01T08:00", 400, "bad_moment"),
        ("/v1/forecasts/44?target=beds", 400, "unknown_target"),
        ("/v1/forecasts/44?target=beds:covid", 404, "no_forecast"),
        ("/v1/forecasts/44?format=xml", 406, "not_acceptable"),
        ("/v1/observations/44?signal=rumours", 400, "unknown_signal"),
        ("/v1/observations/44?from=2020-10-02&to=2020-10-01", 400, "bad_period"),
        ("/v1/observations/44?from=1900-01-01", 400, "bad_moment"),
        ("/v1/observations/44?from=2015-01-01", 400, "bad_period"),
        ("/v1/observations/44?to=9999-12-31", 400, "bad_moment"),
        ("/v1/runs/77", 404, "no_run"),
        ("/v1/runs/first", 422, "invalid"),
        ("/v1/runs?limit=0", 422, "invalid"),
        ("/v2/meteo", 404, "not_found"),
        ("/assets/0000/bulletin.css", 404, "not_found"),
        ("/t/99", 404, "unknown_territory"),
    ],
)
def test_every_error_is_a_problem_that_says_what_to_do(
    served: Served, address: str, status: int, key: str
) -> None:
    for language in ("fr", "en"):
        with served.client(language) as client:
            answer = client.get(address)
        problem = answer.json()
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["type"] == f"/problems/{key}"
        assert problem["title"]
        assert len(problem["detail"]) > 20
        assert problem["instance"] == address.split("?")[0]
    if status == 422:
        assert problem["errors"][0]["field"]


def test_a_wrong_method_is_a_problem_too(public: httpx.Client) -> None:
    answer = public.delete("/v1/meteo/44")
    assert answer.status_code == 405
    assert answer.json()["type"] == "/problems/method"
    assert answer.headers["allow"] == "GET"


def test_as_of_reads_the_past(fresh: Served) -> None:
    with fresh.connect() as connection:
        publish(connection, [Story(needed=70)], as_of=AS_OF + timedelta(days=1))
    with fresh.client() as client:
        assert client.get("/v1/meteo/44").json()["colour"] == "red"
        assert client.get("/v1/meteo/44?as_of=2020-11-01").json()["colour"] == "yellow"
        assert client.get("/v1/meteo/44?as_of=2020-11-02").json()["colour"] == "red"
        moment = client.get("/v1/meteo/44", params={"as_of": "2020-11-02T05:29:59+01:00"}).json()
    assert moment["run"]["id"] == 1


def test_health_and_readiness_tell_apart_living_and_working(public: httpx.Client) -> None:
    assert public.get("/healthz").json() == {"status": "ok"}
    ready = public.get("/readyz")
    checks = {check["name"]: check["ok"] for check in ready.json()["checks"]}
    assert ready.status_code == 503
    assert checks == {
        "database": True,
        "migrations": True,
        "broker": False,
        "newest_run": True,
        "stream": True,
    }
    assert "meteo_api_requests_total" in public.get("/metrics").text
