"""The application: routers, guards, headers, errors, the live stream, put together in one place.

Nothing is loaded from other hosts and no script stands in a page: the content security policy says so to browsers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Lifespan, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from api.bodies import BodyGuard
from api.pages.assets import Assets
from api.problems import MEDIA_TYPE, ProblemOut, add_problem_handlers
from api.room import ReadingRoom
from api.routers import ROUTERS
from api.scopes import PublicReader, require_declared_scopes
from infra.services.embedded import database_url
from infra.settings import Settings

log = structlog.get_logger(__name__)
_requests = logging.getLogger(__name__)

REQUESTS = Counter("meteo_api_requests_total", "Requests answered", ["method", "status"])
SECONDS = Histogram("meteo_api_seconds", "Time to the first byte of an answer", ["method"])

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DESCRIPTION_EXAMPLE = {"application/json": {"example": {"openapi": "3.1.0", "paths": {}}}}
_DESCRIPTION = (
    "The health weather of a territory: beds needed over 14 days, how sure it is, and what colour that makes each day. "
    "Public reads are aggregates; `as_of` reads what was known at a past moment; every error is a problem (RFC 9457)."
)


def create_app(settings: Settings) -> FastAPI:
    """Return the application of the world the settings name.

    Raises
    ------
    MeteoError
        When a route declares no scope, or no database address is known.
    """
    room = ReadingRoom.of(settings, database_url(settings))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await room.open()
        log.info("api_open", world=room.world.name)
        yield
        await room.close()
        log.info("api_closed")

    app = assembled(lifespan)
    app.state.room = room
    app.state.assets = Assets(settings.data_dir / "assets")
    return app


def assembled(lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """Return the application without anything to read from: enough to describe it.

    Raises
    ------
    MeteoError
        When a route declares no scope.
    """
    app = FastAPI(
        title="Météo santé",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    for router in ROUTERS:
        app.include_router(router)
    _add_description(app)
    add_problem_handlers(app)
    app.add_middleware(BodyGuard)
    app.add_middleware(Frame)
    require_declared_scopes(app)
    return app


def _add_description(app: FastAPI) -> None:
    @app.get("/openapi.json", tags=["service"], responses={200: {"content": _DESCRIPTION_EXAMPLE}})
    def description(request: Request, reader: PublicReader) -> Response:
        """Return the description of this interface (OpenAPI 3.1)."""
        return _json_response(app)

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            schema["components"]["schemas"]["ProblemOut"] = _problem_schema()
            _tell_problems(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the description


def _json_response(app: FastAPI) -> Response:
    return JSONResponse(app.openapi(), headers={"Cache-Control": "public, max-age=60"})


def _problem_schema() -> dict[str, object]:
    schema = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
    field = schema.pop("$defs")["FieldError"]
    schema["properties"]["errors"]["items"] = field
    return schema


def _tell_problems(schema: dict[str, object]) -> None:
    """Put our problems where FastAPI would describe its own validation errors."""
    told = {
        "description": "A field could not be read",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
    }
    paths = schema["paths"]
    assert isinstance(paths, dict)  # noqa: S101 - by OpenAPI's own definition
    for operations in paths.values():
        for operation in operations.values():
            if "422" in operation["responses"]:
                operation["responses"]["422"] = told
    components = schema["components"]
    assert isinstance(components, dict)  # noqa: S101 - by OpenAPI's own definition
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)


@lru_cache(maxsize=256)
def _counters(method: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, str(status)), SECONDS.labels(method)


def _count(method: str, status: int, seconds: float) -> None:
    # Any word may be sent as a method; only known ones become a label.
    counter, histogram = _counters(method if method in _METHODS else "other", status)
    counter.inc()
    histogram.observe(seconds)


def _loggable(path: str) -> str:
    # A one-time link is a secret until it is used.
    return "/operator/…" if path.startswith("/operator/") else path


class Frame:
    """ASGI middleware: security headers on every answer, counts and times for Prometheus, one log line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request within the frame."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        method = scope["method"]

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_RAW_HEADERS]
                _count(method, message["status"], time.perf_counter() - began)
                if _requests.isEnabledFor(logging.DEBUG):
                    log.debug(
                        "request", method=method, path=_loggable(scope["path"]), status=message["status"]
                    )
            await send(message)

        await self._app(scope, receive, framed)
