"""Spreading one run over many forecasters: requests on a topic, parts in the database, one run out.

The forecaster that starts the run stores the plan with its inputs, sends a request for each chunk of territories
and waits. Any forecaster that gets a request computes the chunk and stores its part. When all are there the run
is sealed. Whatever nobody computed in time, the one that waits computes itself: other forecasters make a run
faster, never possible.

Each part fits the pooled models on the whole panel again, so that it is a pure function of the stored inputs and any
split gives the same bytes; costly single-series models come with their state and are refitted in rotation.
What is spread is drawing, beds and single series; what is repeated is the pooled fit, so chunks should be large: a
run gains from few forecasters with many territories each, not from one for each territory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from forecasting.jobs.compute import Computed, compute
from forecasting.jobs.conduct import seal
from forecasting.jobs.gather import Asked, gather
from forecasting.jobs.inputs import RunInputs
from forecasting.run import RunRecord
from forecasting.store import parts
from forecasting.store.draft import RunPlan
from infra.clock import Clock
from infra.database import Connection

log = structlog.get_logger(__name__)

Send = Callable[[str, Mapping[str, Any]], None]
"""Sends one request: its message key and document."""

PATIENCE = 120.0
LOOK = 0.2


def spread_run(
    connection: Connection,
    plan: RunPlan,
    asked: Asked,
    clock: Clock,
    *,
    size: int,
    send: Send,
    patience: float = PATIENCE,
) -> RunRecord:
    """Make a run with the help of other forecasters and commit it.

    Parameters
    ----------
    size
        Territories per request.
    patience
        Seconds without any new part after which the rest is computed here.
    """
    documents = gather(connection, plan, asked).documents()
    territories = list(plan.scope["territories"])
    chunks = [territories[start : start + size] for start in range(0, len(territories), size)]
    number = parts.open_plan(connection, plan, documents, chunks)
    connection.commit()
    try:
        if _ask(number, chunks, send):
            _wait(connection, number, len(chunks), patience)
        for chunk in sorted(set(range(len(chunks))) - parts.chunks_done(connection, number)):
            log.warning("part_computed_here", plan=number, chunk=chunk)
            compute_part(connection, number, chunk)
        found = parts.read_parts(connection, number)
        record = seal(connection, plan, documents, merged(found), clock.now())
    except BaseException:
        connection.rollback()
        parts.close_plan(connection, number, None)
        connection.commit()
        raise
    parts.close_plan(connection, number, record.id)
    connection.commit()
    return record


def _ask(number: int, chunks: Sequence[Sequence[str]], send: Send) -> bool:
    """Send a request for each chunk; return False where nobody can be asked."""
    try:
        for chunk, names in enumerate(chunks):
            request = {"kind": "part", "plan": number, "chunk": chunk, "territories": list(names)}
            send(f"{number}/{chunk}", request)
    except Exception as error:  # without a broker the run is made here, only slower
        log.warning("requests_not_sent", plan=number, error=f"{type(error).__name__}: {error}")
        return False
    return True


def _wait(connection: Connection, number: int, chunks: int, patience: float) -> None:
    done, since = 0, time.monotonic()
    while done < chunks and time.monotonic() - since < patience:
        now_done = len(parts.chunks_done(connection, number))
        connection.rollback()
        if now_done > done:
            done, since = now_done, time.monotonic()
        elif done < chunks:
            time.sleep(LOOK)


def compute_part(connection: Connection, number: int, chunk: int) -> bool:
    """Compute one chunk of an open plan and commit it; return whether it was still wanted."""
    opened = parts.read_plan(connection, number)
    wanted = opened is not None and chunk not in parts.chunks_done(connection, number)
    connection.rollback()
    if opened is None or not wanted:
        return False
    plan, documents, chunks = opened
    computed = compute(RunInputs.from_documents(documents), plan, chunks[chunk])
    part = parts.Part(computed.series, computed.bulletins, computed.states)
    written = parts.write_part(connection, number, chunk, part)
    connection.commit()
    log.info("part_computed", plan=number, chunk=chunk, territories=len(chunks[chunk]), written=written)
    return written


def merged(found: list[parts.Part]) -> Computed:
    """Return parts as one; the states that parts left are the same in each."""
    states: dict[str, bytes] = {}
    for part in found:
        states |= part.states
    return Computed(
        series=tuple(s for part in found for s in part.series),
        bulletins=tuple(b for part in found for b in part.bulletins),
        states=states,
    )
