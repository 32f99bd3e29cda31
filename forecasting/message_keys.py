"""Every message a run may carry, with the names of its parameters.

A run holds no sentence: the edge renders a key and its parameters in the reader's language, and a test there
holds its catalogues against this list. Parameters are plain JSON values: dates as ISO text, probabilities from 0
to 1, beds as numbers, signals, syndromes, units and groups by their keys.
"""

from __future__ import annotations

import string
from collections.abc import Mapping

from forecasting.messages import SENTENCES

_DAY = ("unit", "day", "horizon", "probability", "needed", "free", "driver", "trend", "basis")
_CALM = ("unit", "day", "horizon", "probability", "needed", "free", "driver", "trend", "basis", "until")

_MONITORED = {
    key: tuple(sorted({name.lower() for _, name, _, _ in string.Formatter().parse(sentences[0]) if name}))
    for key, sentences in SENTENCES.items()
}

MESSAGE_KEYS: Mapping[str, tuple[str, ...]] = {
    # What the monitors and checks of inputs say, worded in `forecasting.messages`.
    **_MONITORED,
    # The headline where beds free are known (census) or estimated; `basis` says which.
    "headline.green": _CALM,
    "headline.yellow": _DAY,
    "headline.orange": _DAY,
    "headline.red": _DAY,
    # The same where the need is set against the place's own past: `free` is that level, not beds.
    "pressure.green": _CALM,
    "pressure.yellow": _DAY,
    "pressure.orange": _DAY,
    "pressure.red": _DAY,
    # A colour kept until a second cycle of the same hour confirms its descent.
    "headline.kept": (*_DAY, "colour", "raw_colour"),
    # Grey, and why.
    "grey.no_data": ("unit",),
    "grey.no_capacity": ("unit",),
    "grey.broken": ("cause",),
    # Causes for not trusting a territory.
    "trust.no_data": ("signal", "syndrome"),
    "trust.short_history": ("signal", "syndrome", "days"),
    "trust.late": ("partner", "signal", "since"),
    "trust.silent": ("partner", "signal", "since"),
    "trust.failed": ("step", "error"),
    "trust.models_failed": ("target",),
    "trust.old_stock": ("unit", "days"),
    "trust.partial": ("missing",),
}
"""Parameter names by message key."""

TRENDS = ("rising", "stable", "falling")
"""Values of `trend`: the median need of day 7 against day 0, beyond a tenth and one bed."""
