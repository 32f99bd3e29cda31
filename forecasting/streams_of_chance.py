"""Random streams keyed by what they are for, so that results never depend on order or on the number of workers.

>>> generator(1, "44", "admissions", "days").random() == generator(1, "44", "admissions", "days").random()
True
>>> generator(1, "44", "admissions", "days").random() == generator(1, "49", "admissions", "days").random()
False
"""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, territory: str, target: str, purpose: str) -> np.random.Generator:
    """Make the generator of one territory, target and purpose (a model's name, "days", ...)."""
    key = "\x1f".join((str(seed), territory, target, purpose)).encode()
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(key).digest()[:16], "big")))


def seed_of(rng: int | np.random.Generator) -> int:
    """Read a seed from a number, or take one from a generator."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(0, 2**63 - 1))
    return int(rng)
