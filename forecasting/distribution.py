"""The currency of the engine: a forecast is a distribution, held as draws that are joint over the horizon.

Quantiles, means and probabilities are read from the draws and nothing downstream recomputes uncertainty its
own way. Beds depend on the path of admissions, so a draw is a whole path: ``draws[i, :, d]`` is one
possible future of territory ``i``. The same draw number means the same future in every territory of one
distribution, which is what makes a sum over territories meaningful.

>>> import numpy as np
>>> paths = np.arange(12.0).reshape(1, 2, 6)
>>> forecast = ForecastDistribution("admissions", np.datetime64("2021-01-03"), "D", ("44",), (1, 2), paths)
>>> forecast.median().tolist()
[[2.5, 8.5]]
>>> forecast.scale(2.0).mean().tolist()
[[5.0, 17.0]]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Freq = Literal["D", "W"]

QUANTILE_LEVELS: tuple[float, ...] = (
    0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
    0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99,
)  # fmt: skip
"""The 23 levels of the forecast hubs."""


def read_quantiles(draws: ArrayLike, levels: Sequence[float] = QUANTILE_LEVELS) -> Floats:
    """Read quantiles from draws by their mid-distribution function, ``P(X < x) + P(X = x) / 2``.

    Of draws that are all different these are the usual quantiles. Draws of counts fall on few whole numbers, and
    quantiles that do so too make intervals that hold up to a whole count more than they say; read so, an interval
    of nominal 50 % holds half of the counts (Ma, Genton & Parzen 2011, doi:10.1007/s10463-008-0215-z).

    Parameters
    ----------
    draws : array_like, shape (..., draw)
    levels : sequence of float

    Returns
    -------
    ndarray, shape (..., level)

    >>> read_quantiles([0, 0, 0, 1], (0.25, 0.5)).tolist()
    [0.0, 0.25]
    """
    ordered = np.sort(np.asarray(draws, dtype=float), axis=-1)
    wanted = np.asarray(levels, dtype=float)
    last = max(ordered.shape[-1] - 1, 1)
    out = np.empty((*ordered.shape[:-1], len(wanted)))
    for at in np.ndindex(ordered.shape[:-1]):
        row = ordered[at]
        middle = (np.searchsorted(row, row, "left") + np.searchsorted(row, row, "right") - 1) / (2.0 * last)
        out[at] = np.interp(wanted, middle, row)
    return out


@dataclass(frozen=True)
class ForecastDistribution:
    """Draws of one target for several territories, joint over the horizon.

    Attributes
    ----------
    target : str
        Signal that is forecast; units are the signal's own per period.
    origin : datetime64[D]
        Day (or start of the week) that horizon 0 is about.
    freq : {"D", "W"}
    territories : tuple of str
    horizons : tuple of int
        Periods after the origin.
    draws : ndarray of float64, shape (territory, horizon, draw)
    """

    target: str
    origin: np.datetime64
    freq: Freq
    territories: tuple[str, ...]
    horizons: tuple[int, ...]
    draws: Floats

    def __post_init__(self) -> None:
        """Check the shape and freeze the draws."""
        expected = (len(self.territories), len(self.horizons))
        if self.draws.ndim != 3 or self.draws.shape[:2] != expected:
            raise ValueError(f"draws have shape {self.draws.shape}, expected {(*expected, 'draw')}")
        self.draws.setflags(write=False)

    def quantiles(self, levels: Sequence[float] = QUANTILE_LEVELS) -> Floats:
        """Quantiles by `read_quantiles`, shape (territory, horizon, level)."""
        return read_quantiles(self.draws, levels)

    def mean(self) -> Floats:
        """Mean of the draws, shape (territory, horizon)."""
        return cast(Floats, self.draws.mean(axis=-1))

    def median(self) -> Floats:
        """Median of the draws, shape (territory, horizon): of counts the usual whole number."""
        return cast(Floats, np.median(self.draws, axis=-1))

    def probability_above(self, threshold: ArrayLike) -> Floats:
        """Share of draws strictly above a threshold, shape (territory, horizon).

        Parameters
        ----------
        threshold : array_like
            A number, or an array that broadcasts to (territory, horizon).
        """
        bar = np.broadcast_to(np.asarray(threshold, dtype=float), self.draws.shape[:2])
        return cast(Floats, (self.draws > bar[..., None]).mean(axis=-1))

    def target_dates(self) -> NDArray[np.datetime64]:
        """Day (or start of the week) each horizon is about, shape (horizon,)."""
        step = 1 if self.freq == "D" else 7
        return self.origin + np.asarray(self.horizons) * np.timedelta64(step, "D")

    def select(self, territory: str) -> ForecastDistribution:
        """Take one territory."""
        if territory not in self.territories:
            raise KeyError(f"no territory {territory!r} in this forecast of {self.target}")
        index = self.territories.index(territory)
        return replace(self, territories=(territory,), draws=self.draws[index : index + 1].copy())

    def at(self, horizons: Sequence[int]) -> ForecastDistribution:
        """Take some of the horizons."""
        index = [self.horizons.index(h) for h in horizons]
        return replace(self, horizons=tuple(horizons), draws=self.draws[:, index].copy())

    def total(self, name: str = "total", territories: Sequence[str] | None = None) -> ForecastDistribution:
        """Sum over territories (all when not given), draw by draw, as one territory called ``name``."""
        chosen = self.territories if territories is None else territories
        index = [self.territories.index(t) for t in chosen]
        return replace(self, territories=(name,), draws=self.draws[index].sum(axis=0, keepdims=True))

    def scale(self, factor: ArrayLike) -> ForecastDistribution:
        """Multiply by a factor that broadcasts to (territory, horizon, draw)."""
        return replace(self, draws=self.draws * np.asarray(factor, dtype=float))

    def add(self, other: ForecastDistribution) -> ForecastDistribution:
        """Sum with another distribution of the same shape, draw by draw."""
        if (other.territories, other.horizons, other.draws.shape) != (
            self.territories,
            self.horizons,
            self.draws.shape,
        ):
            raise ValueError("only distributions of the same territories, horizons and draws can be added")
        return replace(self, draws=self.draws + other.draws)

    def map(self, function: Callable[[Floats], Floats]) -> ForecastDistribution:
        """Apply a function to the array of draws; it must keep the first two axes."""
        return replace(self, draws=np.asarray(function(self.draws.copy()), dtype=float))

    def window_mean(self, periods: int, observed: Floats) -> ForecastDistribution:
        """Mean over the ``periods`` ending at each horizon, read from the same draws.

        Parameters
        ----------
        periods : int
            Length of the window, 7 for the mean of a week of days.
        observed : ndarray, shape (periods - 1, territory)
            Values of the periods that end at the origin, the newest last, for windows that reach back.

        Notes
        -----
        Needs horizons 1, 2, … without a gap (horizon 0, if present, is taken from the draws).
        """
        first = 0 if self.horizons[0] == 0 else 1
        if self.horizons != tuple(range(first, first + len(self.horizons))):
            raise ValueError("a window mean needs consecutive horizons from 0 or 1")
        tail = observed if first == 1 else np.vstack([np.full_like(observed[:1], np.nan), observed[:-1]])
        past = np.repeat(tail[-(periods - 1) :].T[:, :, None], self.draws.shape[-1], axis=2)
        path = np.concatenate([past, self.draws], axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(path, periods, axis=1)
        return replace(self, draws=windows.mean(axis=-1))

    def to_hubverse(
        self, levels: Sequence[float] = QUANTILE_LEVELS, *, samples: bool = False
    ) -> pd.DataFrame:
        """Rows in the hubverse format; see `forecasting.hubverse`."""
        from forecasting.hubverse import rows

        return rows(self, levels, samples=samples)
