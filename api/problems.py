"""Errors as `application/problem+json` (RFC 9457): a title, and a detail that says what to do.

A problem is raised by its key; the text comes from the catalogue in the reader's language, the type is a
stable address that programs can test.
"""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
import psycopg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from api.languages import language_of
from api.texts import say

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A refusal a reader can act on.

    Parameters
    ----------
    key
        Key of the catalogue, without `problem.`.
    status
        HTTP status.
    headers
        Headers the answer must carry.
    params
        Parameters of the text.
    """

    def __init__(
        self, key: str, status: int, headers: Mapping[str, str] | None = None, **params: Any
    ) -> None:
        super().__init__(key)
        self.key = key
        self.status = status
        self.headers = dict(headers or {})
        self.params = params


class FieldError(BaseModel):
    """One field that could not be read."""

    field: str = Field(description="Where: `query.as_of`, `body.territories.0`.")
    detail: str = Field(description="What was wrong with it.")


class ProblemOut(BaseModel):
    """An error as told to a program (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/unknown_territory",
                    "title": "Territoire inconnu",
                    "status": 404,
                    "detail": "Aucun territoire n’a le code « 99 » : écrivez un département (44, 2A, 974), "
                    "une région (R52) ou FR ; la liste est à /v1/territories.",
                    "instance": "/v1/meteo/99",
                    "errors": [],
                }
            ]
        }
    )

    type: str = Field(description="Stable name of the problem.")
    title: str = Field(description="The problem in a few words, in the reader's language.")
    status: int = Field(description="HTTP status.")
    detail: str = Field(description="What happened and what to do.")
    instance: str = Field(description="The address asked for.")
    errors: list[FieldError] = Field(default=[], description="Fields that could not be read.")


def problem_response(request: Request, problem: Problem, errors: list[FieldError] | None = None) -> Response:
    """Return the answer that tells a problem."""
    language = language_of(request)
    body = ProblemOut(
        type=f"/problems/{problem.key}",
        title=say(f"problem.{problem.key}", language),
        status=problem.status,
        detail=say(f"problem.{problem.key}.detail", language, **problem.params),
        instance=request.url.path,
        errors=errors or [],
    )
    headers = {"Content-Language": language, "Cache-Control": "no-store", **problem.headers}
    content = orjson.dumps(body.model_dump())
    return Response(content, problem.status, headers, media_type=MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(psycopg.OperationalError, _database)
    app.add_exception_handler(PoolTimeout, _database)
    app.add_exception_handler(Exception, _internal)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this type only
    return problem_response(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    fields = [FieldError(field=".".join(map(str, e["loc"])), detail=str(e["msg"])) for e in error.errors()]
    return problem_response(request, Problem("invalid", 422), fields)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(request, Problem("not_found", 404, value=request.url.path))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return problem_response(request, Problem("method", 405, error.headers, value=request.method))
    return problem_response(request, Problem("invalid", error.status_code, error.headers))


async def _database(request: Request, error: Exception) -> Response:
    log.warning("database_away", path=request.url.path, error=str(error).strip())
    return problem_response(request, Problem("database", 503, {"Retry-After": "5"}))


async def _internal(request: Request, error: Exception) -> Response:
    reference = secrets.token_hex(4)
    # As text: a renderer that shows local variables would write addresses with passwords into the log.
    trace = "".join(traceback.format_exception(error))
    log.error("internal_error", path=request.url.path, reference=reference, traceback=trace)
    return problem_response(request, Problem("internal", 500, value=reference))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the problems a route may answer."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
        }
        for status in statuses
    }
