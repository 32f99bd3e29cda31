"""Runs: the immutable record of every forecast, with what proves it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.answers import RunOut, RunsOut
from api.problems import Problem, documented
from api.responses import answered, json_answer
from api.room import room_of
from api.scopes import OperatorReader, PublicReader
from api.shelf import Answer
from forecasting import store
from forecasting.run import RunRecord
from streams.outbox import announce
from streams.vocabulary.places import register

router = APIRouter(prefix="/v1/runs", tags=["runs"])


class RunRequest(BaseModel):
    """Which territories a run is asked for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"territories": ["44"]}]})

    territories: list[Annotated[str, Field(max_length=12)]] = Field(min_length=1, max_length=200)


class Accepted(BaseModel):
    """The request was taken; the run appears on the live stream."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"request": 341}]})

    request: int = Field(description="Number of the news that asks for the run.")


@router.get("", response_model=RunsOut, responses=documented(400))
def some_runs(
    request: Request,
    reader: PublicReader,
    limit: Annotated[int, Query(ge=1, le=200, description="Most runs returned.")] = 50,
    before: Annotated[int | None, Query(ge=1, description="Only runs with a smaller number.")] = None,
) -> Response:
    """List published runs, the newest first."""
    room = room_of(request)

    def make() -> Answer:
        with room.connection() as connection:
            found = store.runs(connection, limit=limit, before=before)
        shown = [run_out(r) for r in found if room.sees(r, private=reader.sees_facilities)]
        more = f"/v1/runs?limit={limit}&before={found[-1].id}" if len(found) == limit else None
        return json_answer(RunsOut(runs=shown, next=more))

    return answered(request, reader, make)


@router.get("/{number}", response_model=RunOut, responses=documented(404))
def one_run(
    request: Request,
    reader: PublicReader,
    number: Annotated[int, Path(ge=1, le=2**62, description="Number of the run.")],
) -> Response:
    """Return one run with the digest of every part of it; it never changes."""
    room = room_of(request)

    def make() -> Answer:
        with room.connection() as connection:
            found = store.run(connection, number)
        if found is None or not room.sees(found, private=reader.sees_facilities):
            raise Problem("no_run", 404, value=number)
        return json_answer(run_out(found, with_manifest=True))

    return answered(request, reader, make, "immutable")


@router.post("", status_code=202, response_model=Accepted, responses=documented(400, 401, 403, 413))
def ask_for_run(request: Request, reader: OperatorReader, body: RunRequest) -> Accepted:
    """Ask for a run of some territories now; operators only."""
    unknown = [code for code in body.territories if code not in register()]
    if unknown:
        raise Problem("unknown_territory", 400, value=", ".join(unknown))
    room = room_of(request)
    with room.connection() as connection:
        number = announce(
            connection, "run-requests", room.world.name, {"territories": body.territories}, public=False
        )
    return Accepted(request=number)


def run_out(record: RunRecord, *, with_manifest: bool = False) -> RunOut:
    """Return a run as it is told."""
    return RunOut(
        id=record.id,
        cycle=record.cycle,
        origin=record.origin,
        as_of=record.as_of,
        created=record.created,
        reason=record.reason,
        scope=dict(record.scope),
        seed=record.seed,
        trust=record.trust,
        code_digest=record.code_digest,
        config_digest=record.config_digest,
        rules_digest=record.rules_digest,
        panel_digest=record.panel_digest,
        state_digest=record.state_digest,
        previous_digest=record.previous_digest,
        digest=record.digest,
        manifest=dict(record.manifest) if with_manifest else None,
    )
