"""Random streams keyed by what they are for, so that asking for more days never changes the past.

Each (seed, layer, day) has a generator of its own: NumPy's PCG64 seeded by `SeedSequence([seed, crc32(layer),
ordinal of the day])`, whose hashing makes streams of neighbouring keys independent (O'Neill 2014, NumPy NEP 19).

>>> float(generator(7, "epidemic", 738000).random()) == float(generator(7, "epidemic", 738000).random())
True
"""

from __future__ import annotations

import hashlib
from zlib import crc32

import numpy as np


def generator(seed: int, layer: str, day: int) -> np.random.Generator:
    """Return the generator of one layer on one day.

    Parameters
    ----------
    seed
        Seed of the scenario, not negative.
    layer
        Name of what is drawn.
    day
        Proleptic ordinal of the civil date (`date.toordinal`), or a year.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, crc32(layer.encode()), day])))


def uniforms(seed: int, layer: str, first_day: int, counts: np.ndarray, columns: int) -> np.ndarray:
    """Return uniforms for the individuals of consecutive days, each day from its own stream.

    Parameters
    ----------
    first_day
        Ordinal of the first day.
    counts
        Individuals per day, shape (days,).
    columns
        Uniforms per individual.

    Returns
    -------
    numpy.ndarray
        Shape (sum of counts, columns), in [0, 1).
    """
    blocks = [
        generator(seed, layer, first_day + i).random((int(n), columns)) for i, n in enumerate(counts) if n
    ]
    return np.concatenate(blocks) if blocks else np.empty((0, columns))


def token(seed: int, *parts: object) -> str:
    """Return a pseudonym of 32 hexadecimal digits: a keyed BLAKE2 of what identifies a simulated stay."""
    text = "/".join(map(str, parts)).encode()
    return hashlib.blake2b(text, digest_size=16, key=str(seed).encode()).hexdigest()
