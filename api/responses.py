"""How answers leave: with a validator, a lifetime, in the form and language asked for.

`ETag` and `If-None-Match` as RFC 9110 section 13; public answers may be kept for seconds, an immutable one (a run)
for a year, a private one not at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from fastapi import Request, Response
from pydantic import BaseModel

from api.problems import Problem
from api.room import room_of
from api.scopes import Reader, Scope
from api.shelf import Answer

Lifetime = Literal["moment", "immutable"]
Form = Literal["json", "csv"]
_CONTROL: dict[Lifetime, str] = {
    "moment": "public, max-age=5, stale-while-revalidate=30",
    "immutable": "public, max-age=31536000, immutable",
}
_JSON, _CSV = "application/json", "text/csv; charset=utf-8"


def json_answer(body: BaseModel) -> Answer:
    """Return a shape as a JSON answer; NaN becomes null."""
    return Answer.of(body.model_dump_json().encode(), _JSON)


def csv_answer(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Answer:
    """Return a table as CSV (RFC 4180), None as an empty field."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return Answer.of(text.getvalue().encode(), _CSV)


def form_of(request: Request) -> Form:
    """Return the form asked for by `?format=`, else by `Accept`.

    Raises
    ------
    Problem
        406 for a form that is not served.
    """
    asked = request.query_params.get("format")
    if asked is None:
        accepted = request.headers.get("accept", "")
        return "csv" if "text/csv" in accepted and "application/json" not in accepted else "json"
    if asked == "json":
        return "json"
    if asked == "csv":
        return "csv"
    raise Problem("not_acceptable", 406, value=asked)


def shelf_key(request: Request, reader: Reader) -> tuple[str, ...]:
    """Return what tells one public representation from another."""
    accepts_csv = "csv" if "text/csv" in request.headers.get("accept", "") else ""
    return (request.url.path, request.url.query, reader.language, accepts_csv)


def kept_answer(request: Request, reader: Reader) -> Answer | None:
    """Return the ready answer of a public request, if any."""
    if reader.scope is not Scope.PUBLIC:
        return None
    return room_of(request).shelf.get(shelf_key(request, reader))


def answered(
    request: Request, reader: Reader, make: Callable[[], Answer], lifetime: Lifetime = "moment"
) -> Response:
    """Return a ready answer, or make one and keep it; nothing of a session is kept."""
    shelf = room_of(request).shelf
    if reader.scope is not Scope.PUBLIC:
        return respond(request, reader, make(), lifetime)
    key = shelf_key(request, reader)
    answer = shelf.get(key)
    if answer is None:
        with shelf.alone(key):
            answer = shelf.get(key)
            if answer is None:
                generation = shelf.generation
                answer = make()
                shelf.put(key, answer, generation)
    return respond(request, reader, answer, lifetime)


def respond(request: Request, reader: Reader, answer: Answer, lifetime: Lifetime = "moment") -> Response:
    """Return the answer, or 304 when the reader has it."""
    public = reader.scope is Scope.PUBLIC
    headers = {
        "ETag": answer.etag,
        "Cache-Control": _CONTROL[lifetime] if public else "private, no-store",
        "Vary": "Accept, Accept-Language, Cookie",
        "Content-Language": reader.language,
    }
    known = request.headers.get("if-none-match", "")
    if known and (known.strip() == "*" or answer.etag in _tags(known)):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, headers=headers, media_type=answer.media_type)


def _tags(header: str) -> list[str]:
    # A weak comparison: a proxy may have marked our validator weak.
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]
