"""Dead letters: what could not be understood, kept with its reason until somebody mends it.

What failed after pseudonymisation keeps its bytes here. What a gateway could not read, or had not yet
pseudonymised, stays encrypted in that gateway's quarantine; its letter carries only where, how large and why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, LiteralString

import orjson
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from infra.database import Connection
from infra.errors import MeteoError

if TYPE_CHECKING:
    from streams.gateways.publisher import Publisher

Stage = Literal["gateway", "stream"]


@dataclass(frozen=True)
class DeadLetter:
    """One input that was refused.

    Attributes
    ----------
    stage
        `gateway` for what never entered a topic, `stream` for what did.
    payload
        The bytes as they came, for the stream; None for a gateway.
    reason, field
        What was wrong, and in which field where that is known.
    place_in_input
        Line of a file, or item of a message.
    payload_digest
        Hash of the bytes, given by a gateway that keeps them to itself.
    """

    stage: Stage
    reason: str
    size_bytes: int
    payload: bytes | None = None
    field: str | None = None
    partner: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    place_in_input: str | None = None
    quarantine_id: str | None = None
    payload_digest: str | None = None

    @property
    def digest(self) -> bytes:
        """Identity: the same input refused for the same reason is one letter, however often it comes."""
        content = self.payload if self.payload is not None else (self.payload_digest or "").encode()
        parts = (self.stage, self.reason, self.quarantine_id or "", self.place_in_input or "")
        head = "\x1f".join(parts).encode()
        return hashlib.blake2b(head + b"\x1e" + content, digest_size=16).digest()


@dataclass(frozen=True)
class KeptLetter:
    """A dead letter as it is stored, without its bytes."""

    id: int
    stage: str
    partner: str | None
    topic: str | None
    partition: int | None
    offset: int | None
    quarantine_id: str | None
    size_bytes: int
    reason: str
    field: str | None
    place_in_input: str | None
    recorded: datetime
    retried: datetime | None
    resolved: datetime | None


_KEPT: LiteralString = (
    'id, stage, partner, topic, partition, "offset", quarantine_id, size_bytes, reason, field,'
    " place_in_input, recorded, retried, resolved"
)


def keep_dead_letters(connection: Connection, letters: Sequence[DeadLetter]) -> int:
    """Store letters that are not there yet and announce them; the caller commits."""
    new = 0
    for letter in letters:
        row = connection.execute(
            'INSERT INTO dead_letter (digest, stage, partner, topic, partition, "offset", quarantine_id,'
            " size_bytes, payload, reason, field, place_in_input)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (digest) DO NOTHING"
            " RETURNING id",
            (
                letter.digest,
                letter.stage,
                _clean(letter.partner),
                letter.topic,
                letter.partition,
                letter.offset,
                letter.quarantine_id,
                letter.size_bytes,
                letter.payload,
                _clean(letter.reason),
                _clean(letter.field),
                letter.place_in_input,
            ),
        ).fetchone()
        if row is not None:
            new += 1
            if letter.stage == "stream":
                _tell(connection, letter, int(row[0]))
    return new


def resolve_quarantined(connection: Connection, quarantine_ids: Sequence[str]) -> None:
    """Mark letters resolved whose input its gateway read after all; the caller commits."""
    if quarantine_ids:
        connection.execute(
            "UPDATE dead_letter SET retried = clock_timestamp(), resolved = clock_timestamp()"
            " WHERE quarantine_id = ANY(%s) AND resolved IS NULL",
            (list(quarantine_ids),),
        )


def list_dead_letters(
    connection: Connection, *, partner: str | None = None, waiting_only: bool = True, limit: int = 50
) -> list[KeptLetter]:
    """Return the newest letters first."""
    with connection.cursor(row_factory=class_row(KeptLetter)) as cursor:
        return cursor.execute(
            f"SELECT {_KEPT} FROM dead_letter WHERE (%s::text IS NULL OR partner = %s)"  # noqa: S608 - only constants of this module
            " AND (NOT %s OR resolved IS NULL) ORDER BY id DESC LIMIT %s",
            (partner, partner, waiting_only, limit),
        ).fetchall()


def show_dead_letter(connection: Connection, letter_id: int) -> tuple[KeptLetter, bytes | None]:
    """Return a letter and its bytes, None when a gateway's quarantine holds them.

    Raises
    ------
    MeteoError
        When there is no such letter.
    """
    with connection.cursor(row_factory=class_row(KeptLetter)) as cursor:
        letter = cursor.execute(f"SELECT {_KEPT} FROM dead_letter WHERE id = %s", (letter_id,)).fetchone()  # noqa: S608 - only constants of this module
    if letter is None:
        raise MeteoError(f"there is no dead letter {letter_id}; `meteo dead-letters list` shows them")
    row = connection.execute("SELECT payload FROM dead_letter WHERE id = %s", (letter_id,)).fetchone()
    return letter, None if row is None or row[0] is None else bytes(row[0])


def retry_dead_letter(connection: Connection, publisher: Publisher, letter_id: int) -> None:
    """Put a letter's bytes back on its topic after a fix; the caller commits.

    The letter is resolved: should the bytes fail again, their letter stands again with its new reason.

    Raises
    ------
    MeteoError
        When there is no such letter, or its bytes are in a gateway's quarantine.
    """
    letter, payload = show_dead_letter(connection, letter_id)
    if payload is None or letter.topic is None:
        raise MeteoError(
            f"dead letter {letter_id} is kept by its gateway (quarantine {letter.quarantine_id}): retry it"
            " there with `meteo quarantine retry`"
        )
    publisher.send_bytes(letter.topic, _key_of(payload), payload)
    publisher.flush()
    # Its identity is freed, so that the same failure may be recorded again.
    connection.execute(
        "UPDATE dead_letter SET retried = clock_timestamp(), resolved = clock_timestamp(),"
        " digest = digest || decode(to_hex(id), 'escape') WHERE id = %s",
        (letter_id,),
    )


def _clean(text: str | None) -> str | None:
    """Return the text without the one character that PostgreSQL cannot hold."""
    return None if text is None else text.replace("\x00", "\ufffd")[:2000]


def _key_of(payload: bytes) -> bytes:
    """Return the message key that the gateway gave: partner and stay or event."""
    try:
        document: Any = orjson.loads(payload)
        first = document[0] if isinstance(document, list) else document
        return f"{first['partner']}/{first.get('stay_token') or first['event_id']}".encode()
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return b"unknown"


def _tell(connection: Connection, letter: DeadLetter, number: int) -> None:
    payload = {
        "id": number,
        "stage": letter.stage,
        "partner": _clean(letter.partner),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "size_bytes": letter.size_bytes,
        "digest": letter.digest.hex(),
        "reason": _clean(letter.reason),
        "field": _clean(letter.field),
        "place_in_input": letter.place_in_input,
    }
    connection.execute(
        "INSERT INTO outbox (topic, key, payload, public) VALUES ('dead-letters', %s, %s, false)",
        (_clean(letter.partner) or "unknown", Jsonb(payload)),
    )
