"""Which signal is a share of which other: positive tests of all tests, coded visits of all visits."""

from __future__ import annotations

import numpy as np

from forecasting.transforms import Floats


def shares(levels: dict[str, Floats], window: int) -> list[tuple[str, str]]:
    """Pairs (part, whole) whose ratio moves more smoothly than the part: a share of tests, of visits, of calls.

    A part never exceeds its whole. Of several candidates the one is kept that removes most of the part's
    fast movement; none when dividing adds noise.
    """
    fast = {name: _fast(values, window) for name, values in levels.items()}
    found = []
    for part, values in levels.items():
        best, gain = "", 0.97
        for whole, other in levels.items():
            both = np.isfinite(values) & np.isfinite(other)
            if whole == part or both.sum() < 50 or np.any(values[both] > other[both] + 1e-9):
                continue
            if values[both].sum() > 0.8 * other[both].sum():
                continue
            left = fast[part] - fast[whole]
            ok = np.isfinite(left) & np.isfinite(fast[part])
            before = float(np.mean(fast[part][ok] ** 2)) if ok.any() else 0.0
            after = float(np.mean(left[ok] ** 2)) if ok.any() else 1.0
            if before > 0 and after / before < gain:
                best, gain = whole, after / before
        if best:
            found.append((part, best))
    return found


def _fast(values: Floats, window: int) -> Floats:
    log = np.log(values.clip(0) + 0.05 * np.nanmean(values) + 1e-9)
    second = log[2:] - 2.0 * log[1:-1] + log[:-2]
    return np.asarray(second)
