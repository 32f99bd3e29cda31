"""One process at a time: a lock that the kernel takes back when its holder ends, however it ended."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.errors import MeteoError


@contextmanager
def exclusively(lock: Path) -> Iterator[None]:
    """Hold the lock file `lock`, made when absent, waiting for whoever holds it.

    Raises
    ------
    MeteoError
        When the file cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = lock.open("a")
    except OSError as error:
        raise MeteoError(f"{lock.parent}: cannot be written ({error.strerror or error})") from error
    with held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
