"""What moves a forecast: the parts each group of signals adds, protected, and the sentence that sums them up.

A run stores, for days 7 and 14, a reference (what the present level would give), what each group of signals adds, a
remainder, and their sum, the published median. To the public:

- the median is coded as every median is, and a day whose reference or median is below the threshold is left out:
  one could be taken from the other;
- the change between them is a whole number, and so are its parts and remainder, rounded together so that they sum to
  it and none moves by one or more (controlled rounding; Hundepool et al. 2012, *Statistical Disclosure Control*,
  section 4.6). Parts are effects that models estimate, no counts: those of a territory left out can be found from
  its region's, and tell neither of the two levels;
- the reference shown is the median shown less the change, so it is known no better than the median.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.answers import ExplanationOut, MessageOut
from api.texts import Language, say
from forecasting.explain import GROUPS, Explanation, sentence
from forecasting.run import SeriesForecast

Document = Mapping[str, Any]
Floats = NDArray[np.float64]


def protected_explanation(
    document: Document | None, threshold: int, coded: Callable[[Floats], Floats]
) -> Document | None:
    """Return an explanation as it may be read, None where it would give a small count away.

    Parameters
    ----------
    document
        `days`, `reference`, `groups`, `remainder`, `published` and `sentence`, as a run stores them.
    threshold
        Smallest count that may be read; 0 where figures are exact.
    coded
        How a median of this series is published.
    """
    if document is None:
        return None
    # The database keeps no order of names.
    groups = tuple(sorted(document["groups"], key=_place))
    if threshold <= 1:
        return {**document, "groups": {name: document["groups"][name] for name in groups}}
    reference, published = (np.asarray(document[k], dtype=np.float64) for k in ("reference", "published"))
    shown = coded(published)
    parts = np.array(
        [*(document["groups"][name] for name in groups), document["remainder"]], dtype=np.float64
    )
    whole = np.stack([whole_parts(column) for column in parts.T], axis=1)
    base = shown - whole.sum(axis=0)
    keep = np.flatnonzero((reference >= threshold) & (published >= threshold) & (base >= threshold))
    if not len(keep):
        return None
    found = Explanation(groups, base[keep], whole[:-1, keep], whole[-1, keep], shown[keep])
    words = sentence(found, (0,))
    return {
        "days": [document["days"][k] for k in keep],
        "reference": found.reference.tolist(),
        "groups": {name: found.parts[g].tolist() for g, name in enumerate(groups)},
        "remainder": found.remainder.tolist(),
        "published": found.published.tolist(),
        "sentence": {"key": words.key, "params": dict(words.parameters)},
    }


def _place(group: str) -> tuple[int, str]:
    return (GROUPS.index(group) if group in GROUPS else len(GROUPS), group)


def whole_parts(parts: Floats) -> Floats:
    """Round parts to whole numbers that sum to their rounded sum, none of them moved by one or more.

    >>> whole_parts(np.array([1.4, 1.4, 1.4, -0.2])).tolist()
    [2.0, 1.0, 1.0, 0.0]
    """
    low = np.floor(parts)
    up = int(np.clip(np.round(parts.sum()) - low.sum(), 0, len(parts)))
    # Those nearest to the next number are rounded up, the largest first where they are as near.
    order = np.lexsort((-np.abs(parts), -(parts - low)))
    low[order[:up]] += 1.0
    # Adding zero turns -0.0 into 0.0.
    return np.asarray(low + 0.0)


def explanation_out(
    document: Document | None, series: SeriesForecast, language: Language
) -> ExplanationOut | None:
    """Return a protected explanation with its sentence, None where there is none."""
    if document is None:
        return None
    raw = document["sentence"]
    params = {**raw["params"], "days": document["days"][0], "signal": series.target.signal}
    # Beds follow from admissions, so their reference is not the present number of beds.
    key = f"{raw['key']}.beds" if series.unit_of_measure == "beds" else raw["key"]
    return ExplanationOut(
        days=document["days"],
        reference=document["reference"],
        groups=document["groups"],
        remainder=document["remainder"],
        published=document["published"],
        message=MessageOut(key=raw["key"], params=params, text=say(key, language, **params)),
    )


def bars(amounts: Mapping[str, float]) -> Sequence[tuple[str, float, float]]:
    """Return the amounts that are told, largest first and the remainder last, each with its share of the largest.

    >>> bars({"remainder": 1.0, "calls": -2.0, "laboratory": 8.0, "calendar": 0.2})
    [('laboratory', 8.0, 1.0), ('calls', -2.0, -0.25), ('remainder', 1.0, 0.125)]
    """
    told = {name: amount for name, amount in amounts.items() if abs(amount) >= 0.5}
    widest = max((abs(a) for a in told.values()), default=1.0)
    ordered = sorted(told, key=lambda name: (name == "remainder", -abs(told[name])))
    return [(name, told[name], told[name] / widest) for name in ordered]
