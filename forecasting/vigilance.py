"""The colour of each unit and day, by a rule that is versioned data.

The colour of a day is read from one probability, that of needing more beds than are free to face the need:
under 10 % green, 10 to 30 yellow, 30 to 60 orange, 60 and above red. Where the probability cannot be known, or
the forecast is not to be trusted, the colour is grey: absence never reads green. There is no magic occupancy
rate in it; no threshold between 80 and 92 % was found in some 5 400 English trust-quarters.

A colour rises at once and goes down only when two cycles of the same hour agree, so it is the worse of what
the rule says now and what it said of that day at the previous cycle of the same hour. The headline is the worst
of days 1 to 7.

>>> raw_colour(0.29, DEFAULT_RULES), raw_colour(0.3, DEFAULT_RULES), raw_colour(None, DEFAULT_RULES)
('yellow', 'orange', 'grey')
>>> confirmed("green", previous="orange"), confirmed("green", previous="green"), confirmed("red", previous="green")
('orange', 'green', 'red')
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from forecasting.run import COLOURS, Colour, VigilanceDay
from infra.errors import MeteoError

RULES_TABLE = "colour_rules"


@dataclass(frozen=True)
class ColourRules:
    """One version of the rule.

    Attributes
    ----------
    version
        0 for the one that ships; versions of the reference table `colour_rules` count from 1.
    yellow, orange, red
        Lowest probability of each colour.
    headline_first, headline_last
        Horizons, in days, among which the headline is chosen.
    pressure_level
        Where beds free are not known: the quantile of the place's own past that stands for "too many".
    pressure_history_days
        Days of its own past needed before that may be said.
    """

    version: int = 0
    yellow: float = 0.10
    orange: float = 0.30
    red: float = 0.60
    headline_first: int = 1
    headline_last: int = 7
    pressure_level: float = 0.95
    pressure_history_days: int = 90

    def __post_init__(self) -> None:
        """Refuse thresholds out of order.

        Raises
        ------
        MeteoError
            Naming the thresholds.
        """
        if not 0 < self.yellow < self.orange < self.red <= 1:
            raise MeteoError(
                f"colour rules version {self.version}: thresholds yellow {self.yellow}, orange {self.orange}, "
                f"red {self.red} must rise between 0 and 1"
            )
        if not 0 <= self.headline_first <= self.headline_last:
            raise MeteoError(f"colour rules version {self.version}: headline days are out of order")

    @classmethod
    def from_document(cls, document: Mapping[str, Any], version: int) -> Self:
        """Read a version of the reference table `colour_rules`; a field left out keeps its default.

        Raises
        ------
        MeteoError
            Naming the field that is unknown.
        """
        known = set(cls.__dataclass_fields__) - {"version"}
        for name in document:
            if name not in known:
                raise MeteoError(f"colour rules version {version}: unknown field {name!r}")
        return cls(version=version, **document)

    def document(self) -> dict[str, Any]:
        """Return the rule as a document."""
        return asdict(self)


DEFAULT_RULES = ColourRules()


def severity(colour: Colour) -> int:
    """Return 0 for green to 3 for red, and -1 for grey."""
    return COLOURS.index(colour) if colour in COLOURS else -1


def raw_colour(probability: float | None, rules: ColourRules) -> Colour:
    """Return what the rule says of a probability; grey when it is not known.

    Raises
    ------
    ValueError
        When the probability is not between 0 and 1.
    """
    if probability is None or probability != probability:
        return "grey"
    if not 0 <= probability <= 1:
        raise ValueError(f"{probability} is not a probability")
    steps = (rules.yellow, rules.orange, rules.red)
    # Shares of draws are multiples of 1/n: half a draw of tolerance would be arbitrary, rounding errors are not.
    return COLOURS[sum(probability >= step - 1e-12 for step in steps)]


def confirmed(raw: Colour, previous: Colour | None) -> Colour:
    """Return the colour to publish: never lower than what the previous cycle of the same hour said.

    Parameters
    ----------
    raw
        What the rule says now.
    previous
        What the rule said of the same unit and day at the newest earlier cycle of the same hour that could
        know; None when there was none.
    """
    if raw == "grey" or previous is None or previous == "grey":
        return raw
    return max(raw, previous, key=severity)


@dataclass(frozen=True)
class Headline:
    """The worst of the coming days.

    Attributes
    ----------
    colour
        Worst colour among the days that count; grey when none of them can be known.
    day
        The day and unit that make it (the earliest of the worst, the likelier of those), None when green or grey.
    """

    colour: Colour
    day: VigilanceDay | None


def headline(days: Iterable[VigilanceDay], rules: ColourRules) -> Headline:
    """Choose the headline among the days of a territory's own units (those of its facilities do not count).

    A unit that cannot be known is passed over when another warns; but where one is grey nothing is called green. Of the
    days of the worst colour the first is named whose risk reaches it, not one that only keeps it until confirmed.
    """
    chosen = [d for d in days if not d.facility and rules.headline_first <= d.horizon <= rules.headline_last]
    worst = max((severity(d.colour) for d in chosen), default=-1)
    if worst <= 0:
        all_known = worst == 0 and all(d.colour != "grey" for d in chosen)
        return Headline("green" if all_known else "grey", None)
    warning = [d for d in chosen if severity(d.colour) == worst]
    first = min(warning, key=lambda d: (d.raw_colour != d.colour, d.horizon, -(d.probability or 0.0), d.unit))
    return Headline(COLOURS[worst], first)
