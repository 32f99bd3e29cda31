"""Which code makes a run: a digest of the sources that can change its numbers."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

PACKAGES = ("forecasting", "streams.vocabulary", "streams.store")
LIBRARIES = ("numpy", "scipy", "pandas", "statsmodels", "prophet", "holidays")


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return the digest of our sources and of the versions of the numeric libraries, in hexadecimal."""
    found = hashlib.sha256()
    for package in PACKAGES:
        for name, content in sorted(_sources(files(package), package)):
            found.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    for library in LIBRARIES:
        found.update(f"{library}=={version(library)}\0".encode())
    return found.hexdigest()


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        name = f"{prefix}/{entry.name}"
        if entry.is_dir() and entry.name != "__pycache__":
            found += _sources(entry, name)
        elif entry.name.endswith((".py", ".csv")):
            found.append((name, entry.read_bytes()))
    return found
