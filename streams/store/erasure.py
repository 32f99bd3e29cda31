"""Erasure: retention, an ended agreement or an objection removes event rows, and nothing brings them back.

What the erased events had added to the counts stays, as changes by the moment each became known; an aggregate
that was released is not taken back. A tombstone without content (or one of the stay's token) makes every later
delivery of the event a non-event. Count reports are aggregates and are not erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import LiteralString

from infra.clock import Clock
from infra.database import Connection
from infra.errors import MeteoError
from streams.store.partners import agreements_in_force

USUAL_RETENTION_DAYS = 730

_CHOOSE: LiteralString = """
    CREATE TEMP TABLE erasing ON COMMIT DROP AS
    SELECT DISTINCT partner, event_id FROM observation WHERE individual AND
"""
_KEEP_COUNTS: LiteralString = """
    INSERT INTO retained_count (signal, syndrome, place, facility, age_band, partner, reference_date,
                                reference_end, known, change)
    SELECT signal, syndrome, place, facility, age_band, partner, reference_date, reference_end, known,
           sum(change)
    FROM (
        SELECT o.*, o.reported AS known, o.value AS change
        FROM observation o JOIN erasing USING (partner, event_id)
        WHERE o.kind <> 'cancel' AND (o.superseded IS NULL OR o.superseded > o.reported)
        UNION ALL
        SELECT o.*, o.superseded, -o.value
        FROM observation o JOIN erasing USING (partner, event_id)
        WHERE o.kind <> 'cancel' AND o.superseded > o.reported
    ) step
    GROUP BY signal, syndrome, place, facility, age_band, partner, reference_date, reference_end, known
    HAVING sum(change) <> 0
"""


def erase_expired(connection: Connection, clock: Clock) -> int:
    """Erase events older than their agreement's retention; return how many. The caller commits."""
    erased = 0
    for partner, known in agreements_in_force(connection).items():
        days = known.agreement.retention_days or USUAL_RETENTION_DAYS
        oldest = clock.today() - timedelta(days=days)
        erased += _erase_older(connection, clock, partner, oldest)
    return erased


def erase_partner(connection: Connection, clock: Clock, partner: str) -> int:
    """Erase every event of a partner whose agreement has ended; return how many. The caller commits.

    Raises
    ------
    MeteoError
        When the agreement in force does not say that it has ended.
    """
    known = agreements_in_force(connection).get(partner)
    if known is None or not known.agreement.ended:
        raise MeteoError(f"the agreement with {partner!r} has not ended: apply a version with `ended: true`")
    return _erase_older(connection, clock, partner, date.max, "ended agreement")


def erase_stays(connection: Connection, clock: Clock, partner: str, tokens: Sequence[str]) -> int:
    """Erase the events of stays by their tokens, after an objection; return how many. The caller commits.

    Parameters
    ----------
    tokens
        The stay's tokens under every live key: also what arrives later under one of them is refused.
    """
    _lock(connection)
    connection.execute(_CHOOSE + "partner = %s AND stay_token = ANY(%s)", (partner, list(tokens)))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO tombstone VALUES (%s, %s, %s, 'objection') ON CONFLICT DO NOTHING",
            [(partner, f"stay/{token}", clock.now()) for token in tokens],
        )
    return _erase_chosen(connection, clock, "objection")


def _erase_older(
    connection: Connection, clock: Clock, partner: str, oldest: date, reason: str = "retention"
) -> int:
    _lock(connection)
    # An event is as young as its youngest revision.
    connection.execute(
        _CHOOSE  # noqa: S608 - only constants of this module
        + "partner = %s AND reference_date < %s AND NOT EXISTS (SELECT 1 FROM observation y"
        " WHERE y.partner = observation.partner AND y.event_id = observation.event_id"
        " AND y.reference_date >= %s)",
        (partner, oldest, oldest),
    )
    return _erase_chosen(connection, clock, reason)


def _lock(connection: Connection) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/erasure', 0))")


def _erase_chosen(connection: Connection, clock: Clock, reason: str) -> int:
    connection.execute(_KEEP_COUNTS)
    connection.execute(
        "INSERT INTO tombstone SELECT partner, event_id, %s, %s FROM erasing ON CONFLICT DO NOTHING",
        (clock.now(), reason),
    )
    erased = connection.execute("SELECT count(*) FROM erasing").fetchone()
    connection.execute(
        "DELETE FROM observation o USING erasing e WHERE o.partner = e.partner AND o.event_id = e.event_id"
    )
    connection.execute("DROP TABLE erasing")
    return int(erased[0]) if erased else 0
