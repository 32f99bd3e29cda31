"""Parts of a run that workers compute: the open plan, its lessons and chunks, and what came back.

First come lessons, what is learnt of one target from all territories; then chunks of territories. A plan is cut by a
size that does not depend on how many workers there are; a lesson depends on the plan's inputs alone, a chunk on
these and the lessons. So it does not matter who computes one, or if two do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg.types.json import Jsonb

from forecasting.run import SeriesForecast, TerritoryBulletin
from forecasting.store import canonical
from forecasting.store.draft import RunPlan
from forecasting.store.encoding import (
    bulletin_document,
    bulletin_of,
    moment,
    moment_text,
    series_bytes,
    series_of,
)
from infra.database import Connection


@dataclass(frozen=True, eq=False)
class Part:
    """What one worker computed for one chunk of territories."""

    series: tuple[SeriesForecast, ...]
    bulletins: tuple[TerritoryBulletin, ...]


@dataclass(frozen=True, eq=False)
class OpenPlan:
    """A plan that is being computed.

    Attributes
    ----------
    documents
        Its inputs, by name.
    lessons
        Names of what is learnt before any territory is drawn.
    chunks
        Territories of each chunk.
    """

    plan: RunPlan
    documents: Mapping[str, bytes]
    lessons: tuple[str, ...]
    chunks: tuple[tuple[str, ...], ...]


def open_plan(
    connection: Connection,
    plan: RunPlan,
    documents: Mapping[str, bytes],
    lessons: Sequence[str],
    chunks: Sequence[Sequence[str]],
) -> int:
    """Store a plan with its inputs so that workers can compute it; the caller commits. Return its number."""
    row = connection.execute(
        "INSERT INTO run_plan (plan, inputs, chunks) VALUES (%s, %s, %s) RETURNING id",
        (
            Jsonb({**plan_document(plan), "lessons": list(lessons), "chunks": [list(c) for c in chunks]}),
            canonical.compress(bytes_of_blobs(documents)),
            len(chunks),
        ),
    ).fetchone()
    return int(row[0]) if row else 0


def read_plan(connection: Connection, number: int) -> OpenPlan | None:
    """Return an open plan; None when it is sealed or abandoned."""
    row = connection.execute(
        "SELECT plan, inputs FROM run_plan WHERE id = %s AND inputs IS NOT NULL", (number,)
    ).fetchone()
    if row is None:
        return None
    document = row[0]
    return OpenPlan(
        plan=plan_of(document),
        documents=blobs_of_bytes(canonical.decompress(row[1])),
        lessons=tuple(document["lessons"]),
        chunks=tuple(tuple(c) for c in document["chunks"]),
    )


def write_lesson(connection: Connection, number: int, lesson: int, content: bytes) -> bool:
    """Store what was learnt; return False when it was there already or the plan is closed."""
    return _write(connection, number, _place(lesson), content)


def write_part(connection: Connection, number: int, chunk: int, part: Part) -> bool:
    """Store a chunk's result; return False when it was there already or the plan is closed."""
    return _write(connection, number, chunk, part_bytes(part))


def _write(connection: Connection, number: int, place: int, content: bytes) -> bool:
    done = connection.execute(
        "INSERT INTO run_part (plan_id, chunk, content, digest)"
        " SELECT id, %s, %s, %s FROM run_plan WHERE id = %s AND inputs IS NOT NULL ON CONFLICT DO NOTHING",
        (place, canonical.compress(content), bytes.fromhex(canonical.digest(content)), number),
    )
    return done.rowcount == 1


def _place(lesson: int) -> int:
    """Return where a lesson is kept: before the chunks, counted down from -1."""
    return -1 - lesson


def lessons_done(connection: Connection, number: int) -> set[int]:
    """Return the lessons of a plan that are learnt."""
    rows = connection.execute("SELECT chunk FROM run_part WHERE plan_id = %s AND chunk < 0", (number,))
    return {-1 - row[0] for row in rows}


def chunks_done(connection: Connection, number: int) -> set[int]:
    """Return the chunks of a plan that are computed."""
    rows = connection.execute("SELECT chunk FROM run_part WHERE plan_id = %s AND chunk >= 0", (number,))
    return {row[0] for row in rows}


def read_lessons(connection: Connection, number: int) -> dict[int, bytes]:
    """Return what was learnt for a plan, by the place of the lesson."""
    rows = connection.execute(
        "SELECT chunk, content FROM run_part WHERE plan_id = %s AND chunk < 0", (number,)
    )
    return {-1 - row[0]: canonical.decompress(row[1]) for row in rows}


def read_parts(connection: Connection, number: int) -> list[Part]:
    """Return the computed parts of a plan in the order of its chunks."""
    rows = connection.execute(
        "SELECT content FROM run_part WHERE plan_id = %s AND chunk >= 0 ORDER BY chunk", (number,)
    )
    return [part_of(canonical.decompress(row[0])) for row in rows]


def close_plan(connection: Connection, number: int, run_id: int | None) -> None:
    """Close a plan, sealed as a run or abandoned, and drop what it held; the caller commits."""
    connection.execute("DELETE FROM run_part WHERE plan_id = %s", (number,))
    connection.execute(
        "UPDATE run_plan SET inputs = NULL, run_id = %s,"
        " abandoned = CASE WHEN %s::bigint IS NULL THEN clock_timestamp() END WHERE id = %s",
        (run_id, run_id, number),
    )


def plan_document(plan: RunPlan) -> dict[str, Any]:
    """Return a plan as a document."""
    return {
        "world": plan.world,
        "cycle": plan.cycle,
        "origin": plan.origin.isoformat(),
        "as_of": moment_text(plan.as_of),
        "reason": plan.reason,
        "scope": dict(plan.scope),
        "seed": plan.seed,
        "code_digest": plan.code_digest,
    }


def plan_of(document: Mapping[str, Any]) -> RunPlan:
    """Return the plan of a document."""
    return RunPlan(
        world=document["world"],
        cycle=document["cycle"],
        origin=date.fromisoformat(document["origin"]),
        as_of=moment(document["as_of"]),
        reason=document["reason"],
        scope=document["scope"],
        seed=document["seed"],
        code_digest=document["code_digest"],
    )


def part_bytes(part: Part) -> bytes:
    """Return a part as canonical bytes."""
    blobs = {f"series/{n:06d}": series_bytes(s) for n, s in enumerate(part.series)}
    blobs["bulletins"] = canonical.document([bulletin_document(b) for b in part.bulletins])
    return bytes_of_blobs(blobs)


def part_of(content: bytes) -> Part:
    """Return the part of canonical bytes."""
    blobs = blobs_of_bytes(content)
    return Part(
        series=tuple(series_of(blobs[name]) for name in sorted(blobs) if name.startswith("series/")),
        bulletins=tuple(bulletin_of(d) for d in canonical.read_document(blobs["bulletins"])),
    )


def bytes_of_blobs(blobs: Mapping[str, bytes]) -> bytes:
    """Return named strings of bytes as one."""
    names = sorted(blobs)
    layout = [[name, len(blobs[name])] for name in names]
    header = canonical.document(layout)
    return len(header).to_bytes(8, "little") + header + b"".join(blobs[name] for name in names)


def blobs_of_bytes(content: bytes) -> dict[str, bytes]:
    """Return what `bytes_of_blobs` was given."""
    start = 8 + int.from_bytes(content[:8], "little")
    found: dict[str, bytes] = {}
    for name, size in canonical.read_document(content[8:start]):
        found[name] = content[start : start + size]
        start += size
    return found
