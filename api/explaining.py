"""What moves a forecast: the parts each group of signals adds, protected, and the sentence that sums them up.

A run stores, for days 7 and 14, a reference (what the present level would give), what each group of signals adds, a
remainder, and their sum, the published median. What is shown still sums: the parts are rounded and the remainder
closes the sum. Where the reference or the median is below the threshold nothing is told, since a part could be taken
from the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from api.answers import ExplanationOut, MessageOut
from api.disclosure import bottom_coded
from api.texts import Language, has, say

Document = Mapping[str, Any]
_WHOLE = 1.0


def protected_explanation(
    document: Document | None, threshold: int, *, aggregate: bool = False
) -> Document | None:
    """Return an explanation as it may be read, or None where it would give a small count away.

    Parameters
    ----------
    document
        `days`, `reference`, `groups`, `remainder`, `published` and `sentence`, as a run stores them.
    threshold
        Smallest count that may be read; 0 where figures are exact.
    aggregate
        Whether it is of a total, rounded to steps as wide as the threshold (`api.disclosure.bottom_coded`).
    """
    if document is None or threshold <= 1:
        return document
    levels = np.array([document["reference"], document["published"]], dtype=np.float64)
    if not np.all(levels >= threshold):
        return None
    reference, published = bottom_coded(levels, threshold, aggregate=aggregate)
    step = float(threshold - 1) if aggregate else _WHOLE
    groups = {name: np.round(np.asarray(v) / step) * step for name, v in document["groups"].items()}
    rest = published - reference - np.sum(list(groups.values()), axis=0)
    return {
        "days": list(document["days"]),
        "reference": reference.tolist(),
        # Adding zero turns a rounded -0.0 into 0.0.
        "groups": {name: (values + 0.0).tolist() for name, values in groups.items()},
        "remainder": (rest + 0.0).tolist(),
        "published": published.tolist(),
        "sentence": _sentence(document["sentence"], reference[0], published[0], groups, rest),
    }


def _sentence(
    raw: Document,
    reference: float,
    published: float,
    groups: Mapping[str, np.ndarray[Any, np.dtype[np.float64]]],
    rest: np.ndarray[Any, np.dtype[np.float64]],
) -> dict[str, Any]:
    """Return the run's sentence with the figures that are shown beside it."""
    params: dict[str, Any] = {"median": float(published), "reference": float(reference)}
    driver = raw["params"].get("driver")
    amount = {**groups, "remainder": rest}.get(driver) if driver is not None else None
    if amount is None or published == reference:
        return {"key": "explain.steady", "params": params}
    return {"key": raw["key"], "params": {**params, "driver": driver, "amount": float(amount[0])}}


def explanation_out(document: Document | None, language: Language) -> ExplanationOut | None:
    """Return a protected explanation with its sentence, None where there is none."""
    if document is None:
        return None
    key, params = document["sentence"]["key"], dict(document["sentence"]["params"])
    text = say(key, language, **params) if has(key) else ""
    return ExplanationOut(
        days=document["days"],
        reference=document["reference"],
        groups=document["groups"],
        remainder=document["remainder"],
        published=document["published"],
        message=MessageOut(key=key, params=params, text=text),
    )


def bars(amounts: Mapping[str, float]) -> Sequence[tuple[str, float, float]]:
    """Return the groups from the one that moves most, each with its amount and its share of the largest.

    >>> bars({"calls": -2.0, "laboratory": 8.0, "calendar": 0.2})
    [('laboratory', 8.0, 1.0), ('calls', -2.0, -0.25)]
    """
    told = {name: amount for name, amount in amounts.items() if abs(amount) >= 0.5}
    widest = max((abs(a) for a in told.values()), default=1.0)
    ordered = sorted(told, key=lambda name: -abs(told[name]))
    return [(name, told[name], told[name] / widest) for name in ordered]
