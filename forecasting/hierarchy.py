"""Which place is the sum of which, as a matrix: hospitals in départements, départements in regions.

With ``y`` all nodes and ``b`` the bottom ones, ``y = S b``; a row of ``S`` has a one for each bottom node that is
part of the node (Hyndman & Athanasopoulos, *Forecasting: Principles and Practice*, 3rd ed., chapter 11).

>>> tree = hierarchy(("R", "a", "b"), {"a": "R", "b": "R"})
>>> tree.matrix.tolist()
[[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REST = ":rest"
"""Ends the name of what a parent has beyond its listed children."""


@dataclass(frozen=True)
class Hierarchy:
    """Which node is the sum of which.

    Attributes
    ----------
    nodes : tuple of str
        All nodes, in the order of the draws.
    bottom : tuple of str
        Nodes that are nobody's parent, and the rest of each parent that has more than its listed children.
    matrix : ndarray, shape (node, bottom)
        1 where a bottom node is part of a node.
    children : mapping of str to tuple of str
        Listed children of each parent.
    incomplete : frozenset of str
        Parents with a rest.
    """

    nodes: tuple[str, ...]
    bottom: tuple[str, ...]
    matrix: Floats
    children: Mapping[str, tuple[str, ...]]
    incomplete: frozenset[str]


def hierarchy(nodes: Sequence[str], parents: Mapping[str, str], incomplete: Iterable[str] = ()) -> Hierarchy:
    """Build the summation matrix from parents.

    Parameters
    ----------
    nodes : sequence of str
        Codes, in the order of the draws.
    parents : mapping of node to node
        Parent of each node that has one among ``nodes``; others are ignored.
    incomplete : iterable of str
        Parents that hold more than their listed children (a département of which two hospitals of five send
        data); what is left over becomes a bottom node of its own.

    Returns
    -------
    Hierarchy
        Any depth; several roots are allowed.

    Raises
    ------
    ValueError
        If a node is repeated, or is its own ancestor.
    """
    codes = tuple(nodes)
    if len(set(codes)) != len(codes):
        raise ValueError(
            f"nodes are repeated: {sorted(code for code in set(codes) if codes.count(code) > 1)}"
        )
    inside = {child: parent for child, parent in parents.items() if child in codes and parent in codes}
    children: dict[str, tuple[str, ...]] = {}
    for code in codes:
        if code in inside:
            children[inside[code]] = (*children.get(inside[code], ()), code)
    open_parents = frozenset(incomplete) & frozenset(children)
    bottom = tuple(code for code in codes if code not in children)
    bottom += tuple(code + REST for code in codes if code in open_parents)
    up = inside | {code + REST: code for code in open_parents}
    place = {code: i for i, code in enumerate(codes)}
    matrix = np.zeros((len(codes), len(bottom)))
    for column, leaf in enumerate(bottom):
        for ancestor in _lineage(leaf, up):
            if ancestor in place:
                matrix[place[ancestor], column] = 1.0
    return Hierarchy(codes, bottom, matrix, children, open_parents)


def _lineage(leaf: str, up: Mapping[str, str]) -> list[str]:
    line = [leaf]
    while line[-1] in up:
        line.append(up[line[-1]])
        if line[-1] in line[:-1]:
            raise ValueError(f"{line[-1]} is its own ancestor: {' → '.join(line)}")
    return line
