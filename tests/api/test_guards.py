"""Who may do what, and what is refused before any route."""

from __future__ import annotations

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from api.bodies import MAX_BYTES, depth_of
from api.routers import ROUTERS
from api.scopes import Scope, require_declared_scopes, scope_of
from infra.errors import MeteoError
from tests.api.conftest import Served

RUN = {"territories": ["44"]}


def test_every_route_declares_its_scope() -> None:
    routes = [route for router in ROUTERS for route in router.routes]
    assert all(isinstance(route, APIRoute) for route in routes)
    scopes = {(route.path, scope_of(route)) for route in routes if isinstance(route, APIRoute)}
    assert all(scope is not None for _, scope in scopes)
    assert Scope.OPERATOR in {scope for _, scope in scopes}


def test_a_route_without_scope_stops_the_start() -> None:
    router = APIRouter()

    @router.get("/secret")
    def secret() -> str:
        return "told"

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(router, prefix="/v1")
    with pytest.raises(MeteoError, match="/v1/secret"):
        require_declared_scopes(app)


def test_a_route_that_no_dependency_guards_stops_the_start() -> None:
    # FastAPI's own description is a plain route: it declares nothing.
    with pytest.raises(MeteoError, match=r"/openapi\.json"):
        require_declared_scopes(FastAPI(docs_url=None, redoc_url=None))


def test_the_public_may_not_ask_for_a_run(public: httpx.Client) -> None:
    answer = public.post("/v1/runs", json=RUN)
    assert answer.status_code == 401
    assert answer.json()["type"] == "/problems/sign_in"


def test_an_operator_link_opens_one_session_once(served: Served) -> None:
    with served.connect() as connection:
        link = served.app.state.room.sessions.make_link(connection, served.base)
    with served.client() as client:
        opened = client.get(link)
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        cookie = opened.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        taken = client.post("/v1/runs", json=RUN, headers={"Sec-Fetch-Site": "same-origin"})
        assert taken.status_code == 202
        assert taken.json()["request"] > 0
        assert client.get("/v1/meteo/44").headers["cache-control"] == "private, no-store"
    with served.client() as other:
        assert other.get(link).json()["type"] == "/problems/used_link"
        assert other.get("/operator/forged").status_code == 403


def test_a_session_acts_from_our_own_pages_only(served: Served) -> None:
    with served.operator() as client:
        for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = client.post("/v1/runs", json=RUN, headers=headers)
            assert answer.status_code == 403
            assert answer.json()["type"] == "/problems/cross_site"
        assert client.post("/v1/runs", json=RUN, headers={"Origin": served.base}).status_code == 202


def test_a_forged_or_foreign_cookie_gives_nothing(served: Served) -> None:
    with served.client() as client:
        client.cookies.set("meteo_session", "eyJzY29wZSI6Im9wZXJhdG9yIn0.Zm9yZ2Vk.c2ln")
        assert client.post("/v1/runs", json=RUN, headers={"Sec-Fetch-Site": "none"}).status_code == 401


def test_leaving_closes_the_session(served: Served) -> None:
    with served.operator() as client:
        left = client.post("/session/leave", headers={"Sec-Fetch-Site": "same-origin"})
        assert left.status_code == 303
        assert client.post("/v1/runs", json=RUN).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "key"),
    [
        (b"[" * 100_000 + b"]" * 100_000, 400, "bad_json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "bad_json"),
        (b'{"territories": [NaN]}', 400, "bad_json"),
        (b'{"territories": Infinity}', 400, "bad_json"),
        (b'{"territories": ["44"', 400, "bad_json"),
        (b'\xff\xfe{"territories": []}', 400, "bad_json"),
        (b" " * (MAX_BYTES + 1), 413, "too_large"),
    ],
)
def test_a_hostile_body_is_refused_clearly(served: Served, body: bytes, status: int, key: str) -> None:
    headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
    with served.operator() as client:
        answer = client.post("/v1/runs", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["type"] == f"/problems/{key}"


def test_a_readable_but_wrong_body_names_the_field(served: Served) -> None:
    headers = {"Sec-Fetch-Site": "same-origin"}
    with served.operator() as client:
        wrong = client.post("/v1/runs", json={"territories": [44]}, headers=headers)
        unknown = client.post("/v1/runs", json={"territories": ["99"]}, headers=headers)
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "body.territories.0"
    assert unknown.json()["type"] == "/problems/unknown_territory"


@given(st.recursive(st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=20))
def test_depth_is_counted_outside_strings(value: object) -> None:
    import json

    def depth(item: object) -> int:
        return 1 + max(map(depth, item), default=0) if isinstance(item, list) else 0

    assert depth_of(json.dumps(value).encode()) == depth(value)


def test_security_headers_are_on_every_answer(public: httpx.Client) -> None:
    for address in ("/", "/v1/meteo/44", "/v2", "/healthz"):
        headers = public.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_no_page_holds_a_script_or_style_or_another_host(public: httpx.Client) -> None:
    import re

    text = public.get("/").text
    scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", text)
    assert scripts == []
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style", text)
    addresses = re.findall(r"(?:src|href|action)=\"([^\"]+)\"", text)
    assert all(a.startswith(("/", "#")) for a in addresses)
