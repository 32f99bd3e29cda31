"""Every message a run may carry, with the names of its parameters.

A run holds no sentence: the edge renders a key and its parameters in the reader's language, and a test there
holds its catalogues against this list. Parameters are plain JSON values: dates as ISO text, probabilities from 0
to 1, beds as numbers, signals, syndromes, units and groups by their keys.
"""

from __future__ import annotations

from collections.abc import Mapping

_DAY = ("unit", "day", "horizon", "probability", "needed", "free", "driver", "trend", "basis")
_CALM = ("unit", "day", "horizon", "probability", "needed", "free", "driver", "trend", "basis", "until")

MESSAGE_KEYS: Mapping[str, tuple[str, ...]] = {
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
    "trust.late": ("partner", "signal", "since"),
    "trust.silent": ("partner", "signal", "since"),
    "trust.failed": ("step", "error"),
    "trust.models_failed": ("target",),
    "trust.old_stock": ("unit", "days"),
    "trust.partial": ("missing",),
    # What the monitors of forecasts say (`forecasting.trust`), ...
    "trust.forecast_too_low": ("target", "evidence", "error_ratio"),
    "trust.forecast_too_high": ("target", "evidence", "error_ratio"),
    "trust.forecast_too_narrow": ("target", "evidence", "error_ratio"),
    "trust.forecast_implausible": ("target", "median", "usual"),
    "trust.growth_unheard_of": ("target", "times"),
    "trust.parent_flagged": ("target", "parent"),
    "trust.parts_flagged": ("target", "count", "of"),
    # ... and the checks of inputs (`forecasting.input_checks`).
    "trust.signal_stale": ("signal", "age", "usual"),
    "trust.input_negative": ("signal", "value", "usual"),
    "trust.input_out_of_range": ("signal", "value", "usual"),
    "trust.input_flat": ("signal", "value", "usual"),
    "trust.lag_moved": ("signal", "before", "now"),
    "trust.delays_changed": ("signal", "delay", "before", "now"),
    # Why a forecast moves (`forecasting.explain`).
    "explain.rise": ("median", "reference", "driver", "amount", "days", "signal"),
    "explain.fall": ("median", "reference", "driver", "amount", "days", "signal"),
    "explain.steady": ("median", "reference", "days", "signal"),
}
"""Parameter names by message key."""
