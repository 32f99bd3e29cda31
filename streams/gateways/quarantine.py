"""Quarantine: what a gateway could not read stays with it, encrypted, for a limited time.

Nothing of the content leaves: the dead letter that travels carries the quarantine's id, a hash, the size, the
reason and the place in the input. Encryption is Fernet (AES-128-CBC with HMAC-SHA-256,
https://github.com/fernet/spec/blob/master/Spec.md).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from cryptography.fernet import Fernet, InvalidToken

from infra.clock import Clock
from infra.errors import MeteoError
from infra.world import World
from streams.gateways.publisher import Publisher


@dataclass(frozen=True)
class Refusal:
    """One input that a gateway could not read.

    Attributes
    ----------
    reason, field
        What was wrong, and where in the record.
    place
        File and line, or message.
    partner
        Whose input it was.
    reader, header
        What is needed to read it again: the reader's name and the table's header.
    """

    reason: str
    place: str
    field: str | None = None
    partner: str | None = None
    reader: str | None = None
    header: str | None = None


@dataclass(frozen=True)
class Quarantined:
    """One entry of a quarantine, without its content."""

    quarantine_id: str
    kept_until: datetime
    size_bytes: int
    payload_digest: str
    refusal: Refusal


class Quarantine:
    """A folder of encrypted inputs.

    Parameters
    ----------
    folder
        Made when absent, readable by this account only.
    key
        Fernet key; when None, one is made once beside the folder (for a demonstration).
    retention
        How long an entry is kept.

    Raises
    ------
    MeteoError
        When the key is none, or the folder cannot be used.
    """

    def __init__(self, folder: Path, key: str | None, clock: Clock, *, retention: timedelta) -> None:
        self._folder = folder
        self._clock = clock
        self._retention = retention
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._cipher = Fernet(key or _own_key(folder))
        except OSError as error:
            raise MeteoError(f"{folder}: cannot be used as a quarantine ({error.strerror})") from error
        except ValueError as error:
            raise MeteoError("METEO_QUARANTINE_KEY is no Fernet key: 32 bytes in URL-safe base64") from error

    def put(self, payload: bytes, refusal: Refusal) -> Quarantined:
        """Keep an input, encrypted; the same input refused at the same place is one entry."""
        digest = hashlib.sha256(payload).hexdigest()
        identity = hashlib.sha256(f"{refusal.place}\x1f{refusal.reason}\x1f{digest}".encode()).hexdigest()
        entry = Quarantined(identity[:24], self._clock.now() + self._retention, len(payload), digest, refusal)
        head = orjson.dumps(
            {
                "kept_until": entry.kept_until.isoformat(),
                "size_bytes": entry.size_bytes,
                "payload_digest": digest,
                "reason": refusal.reason,
                "place": refusal.place,
                "field": refusal.field,
                "partner": refusal.partner,
                "reader": refusal.reader,
                "header": refusal.header,
            }
        )
        draft = self._folder / f".{entry.quarantine_id}.{secrets.token_hex(4)}"
        draft.write_bytes(self._cipher.encrypt(head + b"\n" + payload))
        draft.chmod(0o600)
        os.replace(draft, self._path(entry.quarantine_id))
        return entry

    def read(self, quarantine_id: str) -> tuple[Quarantined, bytes]:
        """Return an entry and its content.

        Raises
        ------
        MeteoError
            When there is no such entry, or another key closed it.
        """
        if not quarantine_id.isalnum():
            raise MeteoError(f"no quarantine entry {quarantine_id!r}")
        try:
            opened = self._cipher.decrypt(self._path(quarantine_id).read_bytes())
        except FileNotFoundError:
            raise MeteoError(
                f"no quarantine entry {quarantine_id!r}: it was let go, or never kept here"
            ) from None
        except InvalidToken:
            raise MeteoError(f"quarantine entry {quarantine_id}: closed with another key") from None
        head, _, payload = opened.partition(b"\n")
        told = orjson.loads(head)
        refusal = Refusal(
            told["reason"], told["place"], told["field"], told["partner"], told["reader"], told["header"]
        )
        kept_until = datetime.fromisoformat(told["kept_until"]).astimezone(UTC)
        entry = Quarantined(quarantine_id, kept_until, told["size_bytes"], told["payload_digest"], refusal)
        return entry, payload

    def entries(self) -> Iterator[Quarantined]:
        """Return every entry, without contents."""
        for path in sorted(self._folder.glob("*.quarantined")):
            yield self.read(path.stem)[0]

    def purge(self) -> int:
        """Let go of entries whose retention has passed; return how many."""
        gone = [e.quarantine_id for e in self.entries() if e.kept_until < self._clock.now()]
        for quarantine_id in gone:
            self._path(quarantine_id).unlink(missing_ok=True)
        return len(gone)

    def forget(self, quarantine_id: str) -> None:
        """Let go of one entry, after it was read again."""
        self._path(quarantine_id).unlink(missing_ok=True)

    def _path(self, quarantine_id: str) -> Path:
        return self._folder / f"{quarantine_id}.quarantined"


def publish_letter(publisher: Publisher, world: World, entry: Quarantined) -> None:
    """Send the letter of a quarantined input: nothing of its content."""
    refusal = entry.refusal
    publisher.publish_document(
        "dead-letters",
        refusal.partner or "unknown",
        {
            "stage": "gateway",
            "world": world.name,
            "partner": refusal.partner,
            "quarantine_id": entry.quarantine_id,
            "payload_digest": entry.payload_digest,
            "size_bytes": entry.size_bytes,
            "reason": refusal.reason,
            "field": refusal.field,
            "place_in_input": refusal.place,
        },
    )


def publish_resolved(publisher: Publisher, world: World, entry: Quarantined) -> None:
    """Say that a quarantined input was read after all."""
    document = {
        "stage": "gateway",
        "world": world.name,
        "quarantine_id": entry.quarantine_id,
        "resolved": True,
    }
    publisher.publish_document("dead-letters", entry.refusal.partner or "unknown", document)


def _own_key(folder: Path) -> str:
    path = folder / "key"
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(Fernet.generate_key())
    except FileExistsError:
        return path.read_text(encoding="ascii")
    return path.read_text(encoding="ascii")
