"""Canonical bytes: one way to write numbers, arrays and documents, so that equal content has an equal digest.

A document is JSON with sorted keys and no spaces. An array is its C-order little-endian bytes behind a header
that names its type and shape; every NaN is written with the same bits. Digests are SHA-256.

>>> document({"b": 1.0, "a": None})
b'{"a":null,"b":1.0}'
>>> meta, arrays = unpack(pack({"unit": "beds"}, {"x": np.arange(3, dtype="f4")}))
>>> meta, arrays["x"].tolist()
({'unit': 'beds'}, [0.0, 1.0, 2.0])
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

Array = NDArray[Any]
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z
_LEVEL = 6


def document(value: Any) -> bytes:
    """Return the canonical bytes of a JSON document (dates and moments as ISO text, keys sorted)."""
    return orjson.dumps(value, option=_OPTIONS)


def read_document(content: bytes) -> Any:
    """Return the document of those bytes."""
    return orjson.loads(content)


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def array_bytes(values: Array) -> bytes:
    """Return an array's values in C order, little-endian, every NaN with the same bits."""
    plain = np.ascontiguousarray(values)
    if plain.dtype.kind == "f":
        plain = np.where(np.isnan(plain), plain.dtype.type(np.nan), plain)
    return plain.astype(plain.dtype.newbyteorder("<"), copy=False).tobytes()


def pack(meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Write a document and named arrays as one string of bytes.

    Parameters
    ----------
    meta
        A JSON document.
    arrays
        Numeric, boolean or `datetime64` arrays of any shape.
    """
    layout = []
    body = bytearray()
    for name in sorted(arrays):
        values = arrays[name]
        content = array_bytes(values)
        layout.append([name, values.dtype.newbyteorder("<").str, list(values.shape), len(body), len(content)])
        body += content
    header = document({"meta": meta, "arrays": layout})
    return len(header).to_bytes(8, "little") + header + bytes(body)


def unpack(content: bytes) -> tuple[Any, dict[str, Array]]:
    """Read what `pack` wrote; the arrays are copies that may be written to.

    Raises
    ------
    ValueError
        When the bytes are cut short.
    """
    size = int.from_bytes(content[:8], "little")
    header = orjson.loads(content[8 : 8 + size])
    start = 8 + size
    arrays: dict[str, Array] = {}
    for name, dtype, shape, offset, length in header["arrays"]:
        piece = content[start + offset : start + offset + length]
        if len(piece) != length:
            raise ValueError(f"array {name!r} is cut short: {len(piece)} of {length} bytes")
        arrays[name] = np.frombuffer(piece, dtype=np.dtype(dtype)).reshape(shape).copy()
    return header["meta"], arrays


def compress(content: bytes) -> bytes:
    """Return the bytes as they are stored; digests are always of the uncompressed ones."""
    return zlib.compress(content, _LEVEL)


def decompress(content: bytes) -> bytes:
    """Return the bytes that `compress` was given."""
    return zlib.decompress(content)
