"""Sessions: an operator comes in by a link that works once, and keeps a signed cookie.

The link carries a random number signed with the installation's key; the number's hash waits in the database
until the link is opened, so it works once whichever process answers. Outside a demonstration keys and OpenID
Connect take this place.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from psycopg.types.json import Jsonb

from infra.database import Connection
from infra.settings import Settings

COOKIE = "meteo_session"
SESSION_SECONDS = 12 * 3600
LINK_SECONDS = 24 * 3600
_BOOKMARK = "operator-link/"


def signing_key(settings: Settings) -> str:
    """Return the key that signs sessions and links; a demonstration makes and keeps its own."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    kept = settings.data_dir / "session.key"
    if not kept.exists():
        _keep(kept, secrets.token_urlsafe(32))
    return kept.read_text().strip()


def _keep(path: Path, key: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(path, "x", opener=_private, encoding="utf-8") as file:
            file.write(key)
    except FileExistsError:
        # Another process of this installation was first: its key is the one.
        return


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


class Sessions:
    """Signs and reads the links and cookies of one world.

    Parameters
    ----------
    key
        The installation's signing key.
    world
        Name of the world; a session of one world opens no other.
    secure
        Whether the cookie travels over TLS only.
    """

    def __init__(self, key: str, world: str, *, secure: bool) -> None:
        self._link = URLSafeTimedSerializer(key, salt=f"operator-link/{world}")
        self._cookie = URLSafeTimedSerializer(key, salt=f"session/{world}")
        self._secure = secure

    def make_link(self, connection: Connection, public_url: str) -> str:
        """Return an address that opens an operator session once, within a day; committed by the caller."""
        number = secrets.token_urlsafe(18)
        connection.execute(
            "INSERT INTO bookmark (name, document) VALUES (%s, %s)", (_name(number), Jsonb({}))
        )
        return f"{public_url.rstrip('/')}/operator/{self._link.dumps(number)}"

    def use_link(self, connection: Connection, token: str) -> bool:
        """Return whether the link opens a session, and make it useless; committed by the caller."""
        try:
            number = self._link.loads(token, max_age=LINK_SECONDS)
        except BadSignature:
            return False
        used = connection.execute("DELETE FROM bookmark WHERE name = %s", (_name(number),))
        return used.rowcount == 1

    def open(self, response: Response, scope: str) -> None:
        """Give the reader a session of that scope."""
        response.set_cookie(
            COOKIE,
            self._cookie.dumps({"scope": scope}),
            max_age=SESSION_SECONDS,
            httponly=True,
            secure=self._secure,
            samesite="lax",
        )

    def scope(self, cookie: str | None) -> str | None:
        """Return the scope a cookie holds, None when it is absent, forged or too old."""
        if not cookie:
            return None
        try:
            held = self._cookie.loads(cookie, max_age=SESSION_SECONDS)
        except BadSignature:
            return None
        return str(held["scope"])


def _name(number: str) -> str:
    return _BOOKMARK + hashlib.sha256(number.encode()).hexdigest()


def session_scope(request: Request) -> str | None:
    """Return the scope of the request's session, or None."""
    sessions: Sessions = request.app.state.room.sessions
    return sessions.scope(request.cookies.get(COOKIE))
