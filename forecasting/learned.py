"""What is learnt of one target, as plain data small enough to send, and the draws made from it.

Learning reads every territory: models are pooled, weights and conformal levels come from all rehearsals. Drawing
reads one territory at a time. Between the two stands `Learned`: calibrated quantiles of the level at the anchors,
past surprises that say what goes together, and the little of the past that single days are dealt out by. It can
be written down (`Learned.arrays`) and drawn from elsewhere, with the same bytes as at home, because random
streams are keyed by (seed, territory, target, purpose).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from forecasting.closures import closed
from forecasting.coupling import coupled_uniforms
from forecasting.days import days_from_weeks, periods_from_anchors
from forecasting.distribution import ForecastDistribution
from forecasting.ensemble import LeftOut
from forecasting.models.base import at_probability
from forecasting.panel import Freq, Panel
from forecasting.problem import Problem
from forecasting.streams_of_chance import generator
from forecasting.transforms import Floats, RootScale

ARRAYS = ("history", "closures", "level", "size", "quantiles", "pit", "errors", "shift", "tail")
EVENLY = 200


@dataclass(frozen=True, eq=False)
class Learned:
    """All that drawing one target needs, and what is told of how it was learnt.

    Attributes
    ----------
    target : str
    freq : {"D", "W"}
    origin : datetime64[D]
        The panel's last date, which horizon 0 is about.
    territories : tuple of str
    is_count : bool
    window : int
        Periods whose mean is the level: 7 or 1.
    late : int
        Periods from the newest known one to the origin.
    anchors : tuple of int
        Steps after the newest known period at which models forecast.
    history : ndarray, shape (time, territory)
        The target in natural units up to the newest known period, freed of closures, short gaps filled.
    closures : ndarray, shape (time + furthest anchor, territory), or (time + furthest anchor, 1) if all alike
        Factor of each day on the target, from the first of the history on; no rows when no holiday is known.
    level : ndarray, shape (territory,)
        Newest level on the root scale, NaN where there never was one.
    size : ndarray, shape (territory,)
        Natural units that make level one.
    quantiles : ndarray, shape (territory, anchor, level)
        Calibrated, on the root scale, at `forecasting.models.base.LEVELS`.
    pit : ndarray, shape (origin, territory, anchor)
        Calibrated probability integral transforms of the rehearsals, NaN where the truth is to come.
    errors : ndarray, shape (origin, territory, anchor)
        What came true less the rehearsed median, natural units, NaN where unknown.
    shift : ndarray, shape (nowcast draw, territory)
        How far each nowcast draw's newest level is from the median one, root scale; no rows without a nowcast.
    tail : ndarray, shape (nowcast draw, period, territory)
        Possible values of the newest periods up to the origin; no rows without a nowcast.
    weights, scores : mapping of model to number
    left_out : tuple of LeftOut
    refitted : mapping of model to number of series it fitted anew
    state : mapping
        Input of the next learning; plain data.
    """

    target: str
    freq: Freq
    origin: np.datetime64
    territories: tuple[str, ...]
    is_count: bool
    window: int
    late: int
    anchors: tuple[int, ...]
    history: Floats
    closures: Floats
    level: Floats
    size: Floats
    quantiles: Floats
    pit: Floats
    errors: Floats
    shift: Floats
    tail: Floats
    weights: Mapping[str, float]
    scores: Mapping[str, float]
    left_out: tuple[LeftOut, ...]
    refitted: Mapping[str, int]
    state: Mapping[str, Any]

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """Dates of the history, shape (time,)."""
        step = np.timedelta64(1 if self.freq == "D" else 7, "D")
        return np.asarray(
            self.origin - (len(self.history) + self.late - 1 - np.arange(len(self.history))) * step
        )

    def draw(
        self,
        territories: Sequence[str] | None = None,
        horizons: Sequence[int] = tuple(range(15)),
        draws: int = 1000,
        seed: int = 0,
    ) -> ForecastDistribution:
        """Draw some territories; the same numbers whoever else is drawn.

        Parameters
        ----------
        territories : sequence of str, optional
            All when left out.
        horizons : sequence of int
            Periods after the origin, up to the furthest that was learnt; what is known already is the same in
            every draw unless it is nowcast.
        draws : int
            Joint paths.
        seed : int

        Raises
        ------
        KeyError
            For a territory that was not learnt.
        ValueError
            For a horizon further than was learnt.
        """
        reach = self.anchors[-1] - self.late
        if max(horizons) > reach:
            raise ValueError(
                f"{self.target}: horizon {max(horizons)} was not learnt, the furthest is {reach}"
            )
        chosen = self._positions(territories)
        names = tuple(self.territories[i] for i in chosen)
        uniforms = coupled_uniforms(self.pit, draws, seed, self.target, self.territories, chosen)
        z = at_probability(self.quantiles[chosen], uniforms)
        if len(self.shift):
            z = z + self.shift[np.arange(draws) % len(self.shift)][:, chosen].T[:, None, :]
        paths = self._periods(z, seed, chosen)
        out = np.empty((len(chosen), len(horizons), draws))
        for k, horizon in enumerate(horizons):
            step = horizon + self.late
            out[:, k] = (
                self._closed(paths[:, step - 1], step, chosen, seed)
                if step >= 1
                else self._known(step, chosen, draws)
            )
        return ForecastDistribution(
            self.target, self.origin, self.freq, names, tuple(int(h) for h in horizons), out
        )

    def means(self) -> Floats:
        """Return the expected level at the anchors, natural units, shape (territory, anchor)."""
        even = (np.arange(EVENLY) + 0.5) / EVENLY
        spread = np.broadcast_to(even, (*self.quantiles.shape[:2], EVENLY))
        return np.asarray(
            RootScale(self.size).back(at_probability(self.quantiles, spread), axis=0).mean(axis=-1)
        )

    def scaled(self, factors: Floats) -> Self:
        """Return the same with the level of each territory and anchor multiplied in natural units.

        Parameters
        ----------
        factors : ndarray, shape (territory, anchor)
        """
        scale = RootScale(self.size)
        natural = scale.back(self.quantiles, axis=0) * factors[..., None]
        changed = (factors != 1.0)[..., None]
        forward = np.moveaxis(scale.forward(np.moveaxis(natural, 0, -1)), -1, 0)
        # Below the image of zero there is only the order of quantiles, which a factor leaves alone.
        return replace(self, quantiles=np.where(changed & (natural > 0), forward, self.quantiles))

    def plain_state(self) -> dict[str, Any]:
        """Return the state as JSON knows it, whatever arrays a model put in."""
        found: dict[str, Any] = orjson.loads(orjson.dumps(self.state, option=orjson.OPT_SERIALIZE_NUMPY))
        return found

    def arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return a JSON document and arrays that `of_arrays` reads back to the last bit."""
        meta = {
            "target": self.target,
            "freq": self.freq,
            "origin": str(self.origin),
            "territories": list(self.territories),
            "is_count": self.is_count,
            "window": self.window,
            "late": self.late,
            "anchors": list(self.anchors),
            "weights": {n: float(w) for n, w in self.weights.items()},
            "scores": {n: float(s) if np.isfinite(s) else None for n, s in self.scores.items()},
            "left_out": [asdict(m) for m in self.left_out],
            "refitted": dict(self.refitted),
            "state": self.plain_state(),
        }
        return meta, {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def of_arrays(cls, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Read what `arrays` wrote."""
        plain: dict[str, Any] = {
            **meta,
            **{name: arrays[name] for name in ARRAYS},
            "origin": np.datetime64(meta["origin"], "D"),
            "territories": tuple(meta["territories"]),
            "anchors": tuple(meta["anchors"]),
            "scores": {n: float("nan") if s is None else s for n, s in meta["scores"].items()},
            "left_out": tuple(LeftOut(**m) for m in meta["left_out"]),
        }
        return cls(**plain)

    def _positions(self, territories: Sequence[str] | None) -> NDArray[np.int64]:
        if territories is None:
            return np.arange(len(self.territories))
        unknown = [t for t in territories if t not in self.territories]
        if unknown:
            raise KeyError(f"territories not in the panel: {', '.join(unknown[:5])}")
        return np.array([self.territories.index(t) for t in territories], dtype=np.int64)

    def _periods(self, z: Floats, seed: int, chosen: NDArray[np.int64]) -> Floats:
        problem = self._reduced()
        if self.window > 1:
            return days_from_weeks(problem, RootScale(self.size[chosen]).back(z, axis=0), seed, chosen)
        return periods_from_anchors(problem, z, chosen)

    def _reduced(self) -> Problem:
        """Return the problem as far as single periods are dealt out by it: the target's past, its newest level."""
        panel = Panel(
            dates=self.dates,
            freq=self.freq,
            territories=self.territories,
            signals=(self.target,),
            values=self.history[..., None],
            exists=np.ones((len(self.territories), 1), dtype=bool),
            as_of=self.origin,
            kinds={self.target: "count" if self.is_count else "rate"},
        )
        return Problem(
            panel=panel,
            target=self.target,
            window=self.window,
            last=len(self.history) - 1,
            anchors=self.anchors,
            filled=self.history,
            scale=RootScale(self.size),
            z=self.level[None],
        )

    def _closed(self, drawn: Floats, step: int, chosen: NDArray[np.int64], seed: int) -> Floats:
        """Return draws of a day, shape (territory, draw), with what a closure does to it."""
        factors = self._factors(len(self.history) - 1 + step, chosen)
        if np.all(factors == 1.0):
            return drawn
        chance = [generator(seed, self.territories[i], self.target, f"closure {step}") for i in chosen]
        shut = zip(drawn, factors.tolist(), chance, strict=True)
        return np.stack([closed(paths, factor, self.is_count, rng) for paths, factor, rng in shut])

    def _factors(self, at: int, chosen: NDArray[np.int64]) -> Floats:
        """Return the factors of a day since the first of the history on some territories, shape (territory,)."""
        if len(self.closures) == 0:
            return np.ones(len(chosen))
        return np.asarray(np.broadcast_to(self.closures[at], len(self.territories))[chosen])

    def _known(self, step: int, chosen: NDArray[np.int64], draws: int) -> Floats:
        at = max(len(self.history) - 1 + step, 0)
        value = np.nan_to_num(self.history[at, chosen])
        factors = self._factors(at, chosen)
        if np.any(factors != 1.0):
            told = value * factors
            value = np.where(factors == 1.0, value, np.round(told) if self.is_count else told)
        known = np.repeat(value[:, None], draws, axis=1)
        back = self.late - step
        if back >= self.tail.shape[1] or not len(self.tail):
            return known
        series = self.tail[:, self.tail.shape[1] - 1 - back, chosen]
        drawn = series[np.arange(draws) % len(series)].T
        return np.where(np.isfinite(drawn), drawn, known)
