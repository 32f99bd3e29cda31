"""Answers kept ready: public answers change only when a run is published, so they are made once per run.

The shelf is emptied when the live stream hears of a run. Should the listener be cut off, an answer is kept for
two seconds only, so a reader never waits longer than that for the truth.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

KEPT = 2048
HEARD_SECONDS = 30.0
UNHEARD_SECONDS = 2.0


@dataclass(frozen=True)
class Answer:
    """One representation, ready to send.

    Attributes
    ----------
    etag
        Strong validator: a hash of the body.
    """

    body: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> Answer:
        """Return the answer with its validator."""
        return cls(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:24]}"')


class Shelf:
    """A bounded, thread-safe store of answers of the present generation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, Answer]] = OrderedDict()
        self._locks = tuple(threading.Lock() for _ in range(64))
        self.generation = 0
        self.listening = False

    def clear(self) -> None:
        """Forget every answer: something was published."""
        with self._lock:
            self.generation += 1
            self._kept.clear()

    def get(self, key: Hashable) -> Answer | None:
        """Return a kept answer that is still fresh."""
        with self._lock:
            found = self._kept.get(key)
        longest = HEARD_SECONDS if self.listening else UNHEARD_SECONDS
        if found is None or time.monotonic() - found[0] > longest:
            return None
        return found[1]

    def alone(self, key: Hashable) -> threading.Lock:
        """Return the lock under which the answer of a key is made: a thousand readers of a new run ask at once."""
        return self._locks[hash(key) % len(self._locks)]

    def put(self, key: Hashable, answer: Answer, generation: int) -> None:
        """Keep an answer, unless something was published since `generation` was read."""
        with self._lock:
            if generation != self.generation:
                return
            self._kept[key] = (time.monotonic(), answer)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
