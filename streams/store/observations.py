"""The writer: a batch of observations in one transaction, and nothing twice.

A batch is copied into a temporary table and inserted where no revision of that identity and content stands;
erased events stay erased. Then `superseded` is derived again for the events touched: a revision r is in force
from its `reported` until the first moment at which a later revision (by source version, then digest), or a
complete snapshot without the event, became known. It depends on the set of revisions alone, never on the
order in which they came.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString

from infra.clock import civil_date
from infra.database import Connection
from streams.envelope import Envelope
from streams.outbox import announce
from streams.store.dead_letters import DeadLetter, keep_dead_letters, resolve_quarantined

COLUMNS: tuple[LiteralString, ...] = (
    "partner",
    "event_id",
    "source_version",
    "digest",
    "kind",
    "signal",
    "syndrome",
    "code",
    "code_system",
    "place",
    "facility",
    "unit",
    "age_band",
    "sex",
    "reference_date",
    "reference_end",
    "occurred",
    "value",
    "unit_of_measure",
    "individual",
    "stay_token",
    "key_id",
    "agreement_version",
    "reported",
    "reported_basis",
    "simulated",
)
_ZERO = timedelta()
_LIST: LiteralString = ", ".join(COLUMNS)


@dataclass(frozen=True)
class Origin:
    """Where an observation came from: the message, and the place in its list."""

    topic: str
    partition: int
    offset: int
    index: int


@dataclass(frozen=True)
class Observation:
    """One accepted observation, ready to be copied.

    Attributes
    ----------
    line
        Its row in the text form of `COPY`, with `COLUMNS`.
    """

    envelope: Envelope
    line: str
    origin: Origin


@dataclass
class Batch:
    """What one transaction stores."""

    observations: list[Observation] = field(default_factory=list)
    snapshots: list[Envelope] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    partitions: set[tuple[str, int]] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.observations) + len(self.snapshots) + len(self.dead_letters) + len(self.resolved)


@dataclass(frozen=True)
class Written:
    """What a transaction added; the rest was there already or is erased."""

    observations: int
    dead_letters: int


def copy_line(envelope: Envelope, syndrome: str) -> str:
    """Return the row of an observation for `COPY`, its digest made of all its content."""
    start, end = envelope.reference_start, envelope.reference_end
    if isinstance(start, datetime):
        first = civil_date(start, envelope.zone)
        # An event belongs to the civil day on which it began, however long it lasted.
        last, occurred, individual = date.fromordinal(first.toordinal() + 1), _instant(start), "t"
    else:
        first, last, occurred, individual = start, end or start, "\\N", "f"
    content = "\t".join(
        (
            envelope.kind,
            envelope.signal,
            syndrome,
            _text(envelope.code),
            _text(envelope.code_system),
            envelope.place,
            _text(envelope.facility),
            _text(envelope.unit),
            _text(envelope.age_band),
            envelope.sex,
            first.isoformat(),
            last.isoformat(),
            occurred,
            repr(envelope.value),
            _text(envelope.unit_of_measure),
            individual,
            _text(envelope.stay_token),
            _text(envelope.key_id),
            str(envelope.agreement_version),
            _instant(envelope.reported),
            envelope.reported_basis,
            "t" if envelope.simulated else "f",
        )
    )
    digest = hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
    identity = f"{envelope.partner}\t{_text(envelope.event_id)}\t{_instant(envelope.source_version)}"
    return f"{identity}\t\\\\x{digest}\t{content}\n"


def write_batch(connection: Connection, batch: Batch) -> Written:
    """Store a batch in the connection's transaction; the caller commits, and only then acknowledges.

    Raises
    ------
    psycopg.Error
        When the database refuses; nothing is stored then.
    """
    _fence(connection, batch.partitions)
    # Erasure waits for the batches under way, and those that begin after it see its tombstones.
    connection.execute(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended(current_schema() || '/erasure', 0))"
    )
    dead = keep_dead_letters(connection, batch.dead_letters)
    resolve_quarantined(connection, batch.resolved)
    _keep_snapshots(connection, batch.snapshots)
    if not batch.observations:
        if batch.snapshots:
            _settle_snapshots(connection)
        return Written(0, dead)
    _copy(connection, batch.observations)
    fresh = _insert(connection)
    if fresh:
        _settle_snapshots(connection)
        _derive_superseded(connection)
        _announce(connection, batch.observations)
    return Written(fresh, dead)


def _text(value: str | None) -> str:
    if value is None:
        return "\\N"
    return value.replace("\\", "\\\\") if "\\" in value else value


def _instant(moment: datetime) -> str:
    return moment.isoformat() if moment.utcoffset() == _ZERO else moment.astimezone(UTC).isoformat()


def _fence(connection: Connection, partitions: Iterable[tuple[str, int]]) -> None:
    """Let a worker that lost a partition and the one that got it write one after the other.

    All revisions of an event are in one partition, so no two transactions derive the same event at once.
    """
    for topic, partition in sorted(partitions):
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || %s, 1))",
            (f"{topic}/{partition}",),
        )


def _copy(connection: Connection, observations: Sequence[Observation]) -> None:
    connection.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS arriving ON COMMIT DELETE ROWS AS SELECT {_LIST} FROM observation"  # noqa: S608 - only constants of this module
        " WITH NO DATA"
    )
    connection.execute(
        'CREATE TEMP TABLE IF NOT EXISTS fresh (partner text COLLATE "C", event_id text COLLATE "C")'
        " ON COMMIT DELETE ROWS"
    )
    with connection.cursor().copy(f"COPY arriving ({_LIST}) FROM STDIN") as copy:
        copy.write("".join(o.line for o in observations))


def _insert(connection: Connection) -> int:
    """Insert what is neither there nor erased; return how many rows are new."""
    result = connection.execute(
        f"""
        WITH stored AS (
            INSERT INTO observation ({_LIST})
            SELECT {_LIST} FROM arriving a
            WHERE NOT EXISTS (SELECT 1 FROM tombstone t
                              WHERE t.partner = a.partner AND t.event_id = a.event_id)
              AND NOT EXISTS (SELECT 1 FROM tombstone t
                              WHERE t.partner = a.partner AND t.event_id = 'stay/' || a.stay_token)
            ON CONFLICT DO NOTHING
            RETURNING partner, event_id
        )
        INSERT INTO fresh SELECT partner, event_id FROM stored
        """  # noqa: S608 - only constants of this module
    )
    return result.rowcount


_RETRACTED: LiteralString = """
    (SELECT min(s.reported) FROM snapshot s
     WHERE s.complete AND s.partner = o.partner AND s.signal = o.signal AND s.place = o.place
       AND (s.facility IS NULL OR s.facility = o.facility)
       AND o.reference_date >= s.covers_from AND o.reference_date < s.covers_until
       AND s.source_version > o.source_version)
"""


def _derive_superseded(connection: Connection) -> None:
    """Derive until when each revision of the touched events is in force."""
    snapshots = connection.execute("SELECT EXISTS (SELECT 1 FROM snapshot WHERE complete)").fetchone()
    retracted: LiteralString = _RETRACTED if snapshots and snapshots[0] else "NULL::timestamptz"
    connection.execute(
        f"""
        UPDATE observation o SET superseded = d.until
        FROM (
            SELECT o.partner, o.event_id, o.source_version, o.digest, o.reference_date,
                   least(min(o.reported) OVER later, {retracted}) AS until
            FROM observation o JOIN (SELECT DISTINCT partner, event_id FROM fresh) f USING (partner, event_id)
            WINDOW later AS (PARTITION BY o.partner, o.event_id ORDER BY o.source_version, o.digest
                             ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
        ) d
        WHERE o.partner = d.partner AND o.event_id = d.event_id AND o.source_version = d.source_version
          AND o.digest = d.digest AND o.reference_date = d.reference_date
          AND o.superseded IS DISTINCT FROM d.until
        """  # noqa: S608 - only constants of this module
    )


def _keep_snapshots(connection: Connection, snapshots: Sequence[Envelope]) -> None:
    if not snapshots:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO snapshot (partner, event_id, source_version, signal, place, facility, covers_from,"
            " covers_until, rows_expected, reported) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [
                (
                    s.partner,
                    s.event_id,
                    s.source_version,
                    s.signal,
                    s.place,
                    s.facility,
                    s.reference_start,
                    s.reference_end,
                    int(s.value),
                    s.reported,
                )
                for s in snapshots
            ],
        )


def _settle_snapshots(connection: Connection) -> None:
    """Make snapshots effective whose rows are all in, and touch the events that they retract.

    A snapshot is never effective before all its rows are stored: otherwise what is still on its way would
    read as retracted.
    """
    waiting = connection.execute("SELECT EXISTS (SELECT 1 FROM snapshot WHERE NOT complete)").fetchone()
    if not (waiting and waiting[0]):
        return
    scope: LiteralString = """o.partner = s.partner AND o.signal = s.signal AND o.place = s.place
        AND (s.facility IS NULL OR s.facility = o.facility)
        AND o.reference_date >= s.covers_from AND o.reference_date < s.covers_until"""
    connection.execute(
        'CREATE TEMP TABLE IF NOT EXISTS fresh (partner text COLLATE "C", event_id text COLLATE "C")'
        " ON COMMIT DELETE ROWS"
    )
    connection.execute(
        f"""
        WITH settled AS (
            UPDATE snapshot s SET complete = true
            WHERE NOT complete AND rows_expected <= (
                SELECT count(DISTINCT o.event_id) FROM observation o
                WHERE {scope} AND o.source_version = s.source_version)
            RETURNING *
        )
        INSERT INTO fresh SELECT o.partner, o.event_id FROM observation o JOIN settled s
            ON {scope} AND o.source_version < s.source_version
        """  # noqa: S608 - only constants of this module
    )


def _announce(connection: Connection, observations: Sequence[Observation]) -> None:
    """Tell, for each partner, how many of which signal came and how far they reach."""
    signals: dict[str, Counter[str]] = {}
    newest: dict[str, dict[tuple[str, bool], Envelope]] = {}
    for observation in observations:
        envelope = observation.envelope
        signals.setdefault(envelope.partner, Counter())[envelope.signal] += 1
        # Civil days are made of the newest alone: dates and instants of one place are compared apart.
        furthest = newest.setdefault(envelope.partner, {})
        kind = (envelope.place, envelope.individual)
        known = furthest.get(kind)
        if known is None or known.reference_start < envelope.reference_start:
            furthest[kind] = envelope
    for partner, counter in signals.items():
        payload = {
            "partner": partner,
            "signals": dict(counter),
            "places": sorted({place for place, _ in newest[partner]})[:200],
            "newest_reference": max(e.reference_date for e in newest[partner].values()).isoformat(),
        }
        announce(connection, "observations", partner, payload, public=False)
