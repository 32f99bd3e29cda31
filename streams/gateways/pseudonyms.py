"""Pseudonyms: a stay's identity at the partner becomes a token that only the partner's key can make.

    token = HMAC-SHA-256(key, partner ‖ 0x1F ‖ stay)          (RFC 2104)

The key is chosen by the date on which the stay or act began, never by the date of sending, and kept as long as
the agreement retains its data: a correction or cancellation after a rotation still finds its event. Tokens are
still personal data.

>>> ring = KeyRing((PseudonymKey("k1", date(2020, 1, 1), b"0" * 32),))
>>> ring.token("chu", "IPP42/1", date(2020, 9, 1)).key_id
'k1'
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from infra.errors import MeteoError

SHORTEST_KEY = 32


@dataclass(frozen=True)
class PseudonymKey:
    """One key and the first day whose stays it covers.

    Attributes
    ----------
    key_id
        Travels with each token, so that a later message finds the key again.
    valid_from
        Stays that began on this day or later, until the next key's.
    secret
        Thirty-two bytes or more.
    """

    key_id: str
    valid_from: date
    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) < SHORTEST_KEY:
            raise MeteoError(f"pseudonym key {self.key_id!r} is too short: {SHORTEST_KEY} bytes or more")

    def __repr__(self) -> str:
        return f"PseudonymKey({self.key_id!r}, {self.valid_from.isoformat()})"


@dataclass(frozen=True)
class Pseudonym:
    """A token and the key that made it."""

    token: str
    key_id: str


@dataclass(frozen=True)
class KeyRing:
    """The keys of a gateway, live and retired, sorted by the days they cover."""

    keys: tuple[PseudonymKey, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise MeteoError("a gateway needs at least one pseudonym key")
        if len({k.key_id for k in self.keys}) != len(self.keys):
            raise MeteoError("two pseudonym keys have the same name")
        object.__setattr__(self, "keys", tuple(sorted(self.keys, key=lambda k: k.valid_from)))

    def key_for(self, began: date) -> PseudonymKey:
        """Return the key of the day on which a stay or act began.

        Raises
        ------
        MeteoError
            When the day lies before every key.
        """
        for key in reversed(self.keys):
            if key.valid_from <= began:
                return key
        raise MeteoError(f"no pseudonym key covers {began}: the first begins on {self.keys[0].valid_from}")

    def token(self, partner: str, stay: str, began: date) -> Pseudonym:
        """Return the token of a stay that began on a day."""
        key = self.key_for(began)
        return Pseudonym(_token(key, partner, stay), key.key_id)

    def tokens_of(self, partner: str, stay: str) -> tuple[Pseudonym, ...]:
        """Return the tokens of a stay under every key, for an objection."""
        return tuple(Pseudonym(_token(key, partner, stay), key.key_id) for key in self.keys)


def read_key_ring(path: Path) -> KeyRing:
    """Read a key ring from JSON: a list of `{"key_id", "valid_from", "secret"}`.

    Raises
    ------
    MeteoError
        When the file cannot be read, or is readable by other accounts.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise MeteoError(f"{path}: other accounts may read it; make it private with `chmod 600`")
        document = json.loads(path.read_text(encoding="utf-8"))
        return KeyRing(
            tuple(
                PseudonymKey(k["key_id"], date.fromisoformat(k["valid_from"]), k["secret"].encode())
                for k in document
            )
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MeteoError(f"{path}: not a key ring: {type(error).__name__} {error}") from None


def _token(key: PseudonymKey, partner: str, stay: str) -> str:
    message = f"{partner}\x1f{stay}".encode()
    return hmac.new(key.secret, message, hashlib.sha256).hexdigest()
