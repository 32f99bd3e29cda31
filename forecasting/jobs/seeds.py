"""Random streams of a run, each keyed by what it is for, so that no order of work can change a number.

>>> a = stream(7, "44", "admissions:covid").random()
>>> b = stream(7, "49", "admissions:covid").random()
>>> a == stream(7, "44", "admissions:covid").random(), a == b
(True, False)
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import numpy as np


def run_seed(world: str, cycle: str, as_of: datetime) -> int:
    """Return the seed of a run: the same world, cycle and as-of have the same one."""
    text = f"{world}|{cycle}|{as_of.isoformat()}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random stream of a run for one purpose, told by its names (territory, target, step)."""
    key = hashlib.sha256("\0".join(names).encode()).digest()
    words = np.frombuffer(key, dtype="<u4").tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))
