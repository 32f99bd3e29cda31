"""Sharing out a parent's draws among its children, in whole numbers that add up.

Where the parent is forecast better than its parts, as a territory with signals that no hospital of it has, its draws
are kept as they are. A child's own draws then say only its share: draw by draw, so that what is uncertain about
shares stays so. Whole numbers go by largest remainders, as seats by Hamilton's method.

>>> deal_out(np.array([[7.0, 3.0]]), np.array([[[6.0, 1.0]], [[3.0, 1.0]]])).tolist()
[[[5.0, 2.0]], [[2.0, 1.0]]]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def deal_out(parent: Floats, children: Floats) -> Floats:
    """Share every draw of a parent out among its children, in proportion to theirs.

    The parent's draws stay as they are, and so does its calibration; what is told of the children adds up to them
    exactly. A remainder that belongs to none of the children is taken from the parent first.

    Parameters
    ----------
    parent : ndarray, shape (horizon, draw)
        Not negative.
    children : ndarray, shape (child, horizon, draw)
        Made child by child, not negative.

    Returns
    -------
    ndarray, shape (child, horizon, draw)
        Not negative; whole numbers, whose sum is exact, wherever the parent is whole.

    Raises
    ------
    ValueError
        If the shapes do not go together.
    """
    if children.shape[1:] != parent.shape or len(children) == 0:
        raise ValueError(f"children's draws have shape {children.shape}, the parent's {parent.shape}")
    total = children.sum(axis=0)
    # Where no child has any in a draw, it goes by their means.
    usual = children.mean(axis=-1, keepdims=True) + 1e-12
    share = np.where(total > 0, children / np.where(total > 0, total, 1.0), usual / usual.sum(axis=0))
    given = parent * share
    whole = np.floor(given + 1e-9)
    # Largest remainders: what is left after the whole parts goes to those that lost most by rounding.
    left = np.round(parent - whole.sum(axis=0))
    rank = np.argsort(np.argsort(whole - given, axis=0, kind="stable"), axis=0)
    return np.asarray(np.where(parent == np.round(parent), whole + (rank < left), given))
