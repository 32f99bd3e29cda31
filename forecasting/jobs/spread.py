"""Spreading one run over many forecasters: requests on a topic, parts in the database, one run out.

The forecaster that starts the run stores the plan with its inputs and an overview of them, and sends a request for each
lesson: one target, learnt from all territories. When all are learnt it sends one for each chunk of territories,
which are drawn from the lessons; when all are drawn, the run is sealed. Whatever nobody did in time, the one that
waits does itself: other forecasters make a run faster, never possible.

Every lesson is a pure function of the stored inputs, every chunk of these and the lessons. So any split among any
number of forecasters gives the same bytes, and nothing costly is done twice unless somebody dies over it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from forecasting.jobs.compute import Computed, compute
from forecasting.jobs.conduct import seal
from forecasting.jobs.forecaster import Lesson
from forecasting.jobs.gather import Asked, gather
from forecasting.jobs.inputs import RunInputs
from forecasting.jobs.lessons import Lessons, Overview, learn_lesson, lesson_names, overview_of
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
OVERVIEW = "overview"


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
        Territories per chunk.
    send
        Sends a request to whoever listens.
    patience
        Seconds without any new part after which the rest is computed here.
    """
    gathered = gather(connection, plan, asked).documents()
    inputs = RunInputs.from_documents(gathered)
    territories = list(plan.scope["territories"])
    chunks = [territories[start : start + size] for start in range(0, len(territories), size)]
    lessons = lesson_names(inputs, territories)
    documents = {**gathered, OVERVIEW: overview_of(inputs, plan).pack()}
    number = parts.open_plan(connection, plan, documents, lessons, chunks)
    connection.commit()
    try:
        for step, count in ((LESSON, len(lessons)), (CHUNK, len(chunks))):
            _do(connection, number, step, count, send, patience)
        found = merged(parts.read_parts(connection, number), _lessons(connection, number, documents, lessons))
        record = seal(connection, plan, gathered, found, clock.now())
    except BaseException:
        connection.rollback()
        parts.close_plan(connection, number, None)
        connection.commit()
        raise
    parts.close_plan(connection, number, record.id)
    connection.commit()
    return record


@dataclass(frozen=True)
class _Step:
    """One kind of work that can be asked of others."""

    kind: str
    done: Callable[[Connection, int], set[int]]


LESSON, CHUNK = _Step("lesson", parts.lessons_done), _Step("part", parts.chunks_done)


def _do(connection: Connection, number: int, step: _Step, count: int, send: Send, patience: float) -> None:
    """Have all of one step done, by others as long as they are at it, then here."""
    if _ask(number, step, count, send):
        _wait(connection, number, step, count, patience)
    for which in sorted(set(range(count)) - step.done(connection, number)):
        log.warning("part_computed_here", plan=number, kind=step.kind, which=which)
        answer(connection, {"kind": step.kind, "plan": number, "which": which})


def _ask(number: int, step: _Step, count: int, send: Send) -> bool:
    """Send a request for each piece; return False where nobody can be asked."""
    try:
        for which in range(count):
            send(f"{number}/{step.kind}/{which}", {"kind": step.kind, "plan": number, "which": which})
    except Exception as error:  # without a broker the run is made here, only slower
        log.warning("requests_not_sent", plan=number, error=f"{type(error).__name__}: {error}")
        return False
    return True


def _wait(connection: Connection, number: int, step: _Step, count: int, patience: float) -> None:
    done, since = 0, time.monotonic()
    while done < count and time.monotonic() - since < patience:
        now_done = len(step.done(connection, number))
        connection.rollback()
        if now_done > done:
            done, since = now_done, time.monotonic()
        elif done < count:
            time.sleep(LOOK)


def answer(connection: Connection, request: Mapping[str, Any]) -> bool:
    """Do what a request asks and commit it; return whether it was still wanted.

    Parameters
    ----------
    request
        `kind` (`lesson` or `part`), `plan` (its number) and `which` (place among the plan's lessons or chunks).
    """
    number, which = int(request["plan"]), int(request["which"])
    step = LESSON if request["kind"] == LESSON.kind else CHUNK
    opened = parts.read_plan(connection, number)
    wanted = opened is not None and which not in step.done(connection, number)
    if opened is None or not wanted:
        connection.rollback()
        return False
    written = (_learn if step is LESSON else _draw)(connection, number, opened, which)
    connection.commit()
    log.info("part_computed", plan=number, kind=step.kind, which=which, written=written)
    return written


def _learn(connection: Connection, number: int, opened: parts.OpenPlan, which: int) -> bool:
    connection.rollback()
    inputs = RunInputs.from_documents(opened.documents)
    overview = Overview.unpack(opened.documents[OVERVIEW])
    lesson = learn_lesson(inputs, overview, opened.lessons[which])
    return parts.write_lesson(connection, number, which, lesson.pack())


def _draw(connection: Connection, number: int, opened: parts.OpenPlan, which: int) -> bool:
    lessons = _lessons(connection, number, opened.documents, opened.lessons)
    connection.rollback()
    inputs = RunInputs.from_documents(opened.documents)
    computed = compute(inputs, opened.plan, opened.chunks[which], lessons)
    return parts.write_part(connection, number, which, parts.Part(computed.series, computed.bulletins))


def _lessons(
    connection: Connection, number: int, documents: Mapping[str, bytes], names: Sequence[str]
) -> Lessons:
    """Read what was learnt; a lesson that is missing, as when a request came early, is learnt here."""
    inputs: RunInputs | None = None
    overview = Overview.unpack(documents[OVERVIEW])
    stored = parts.read_lessons(connection, number)
    found: dict[str, Lesson] = {}
    for place, name in enumerate(names):
        if place in stored:
            found[name] = Lesson.unpack(stored[place])
        else:
            inputs = inputs or RunInputs.from_documents(documents)
            found[name] = learn_lesson(inputs, overview, name)
    return Lessons(overview, found)


def merged(found: Sequence[parts.Part], lessons: Lessons) -> Computed:
    """Return parts as one, with the states that the lessons leave."""
    return Computed(
        series=tuple(s for part in found for s in part.series),
        bulletins=tuple(b for part in found for b in part.bulletins),
        states=lessons.states,
    )
