r"""What each group of signals adds to the change that each model forecasts, on the root scale.

Every model but the yardsticks is a sum before it is anything else, so its change is shared out without asking it
again:

- pooled regressions, of the mean or of the median: coefficients times columns;
- SARIMAX: a recursion that is linear in the target's own steps and in the signals', run once for each of them;
- negative binomial, Prophet: a sum on the log scale, carried over by the Aumann-Shapley value (each part times the
  mean slope along the straight path);
- seasonal naive: calendar; persistence: nothing.

What the target does elsewhere at the same time (pooled means, common intercepts) is the common trend and goes with
the calendar. The ensemble is then heard with any set of groups: each model's median is the present level and the
parts of those groups, and the weighted median of the models' medians is what the ensemble would have said,

.. math:: v(S) = \mathrm{median}_w \{ z + \sum_{g \in S} c_{m,g} \}_m ,

which is what `forecasting.explain.shapley` shares out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.ensemble import weighted_median
from forecasting.explain import GROUPS
from forecasting.features import Look, table
from forecasting.models.base import LEVELS, Model
from forecasting.models.negative_binomial import NegativeBinomialGrowth, estimate, growth_columns
from forecasting.models.persistence import Persistence
from forecasting.models.pooled import Member, PooledGrowth, coefficients, known_share
from forecasting.models.pooled_quantiles import PooledQuantiles, design
from forecasting.models.prophet_growth import ProphetGrowth, grown, log_growth
from forecasting.models.rotation import pooled_parameters
from forecasting.models.sarimax import Sarimax, levels_at, recursion, steps_of
from forecasting.models.seasonal_naive import SeasonalNaive
from forecasting.problem import Problem

Floats = NDArray[np.float64]
State = Mapping[str, Any]
GroupOf = Callable[[str], str]
OWN, CALENDAR = GROUPS.index("own"), GROUPS.index("calendar")
MIDDLE = int(np.flatnonzero(np.isclose(LEVELS, 0.5))[0])
_NOTHING = 1e-12


@dataclass(frozen=True, eq=False)
class Shares:
    """What each group of signals adds to the change that each model forecasts: plain data, small enough to send.

    Attributes
    ----------
    models : tuple of str
        Those that could be shared out.
    groups : tuple of str
        Of `forecasting.explain.GROUPS`, those that any signal of the problem belongs to.
    parts : ndarray, shape (model, territory, anchor, group)
        On the root scale, over all of `GROUPS`.
    """

    models: tuple[str, ...]
    groups: tuple[str, ...]
    parts: Floats


def shared_out(
    problem: Problem, models: Sequence[Model], states: Mapping[str, State], group_of: GroupOf
) -> Shares:
    """Share out what some models forecast; one that cannot be shared out is left to the remainder.

    Parameters
    ----------
    problem
        As the models saw it.
    models
        Those that have a weight.
    states
        What each left after its fit, by name.
    group_of
        Group of a signal.
    """
    place = Workplace(problem, group_of)
    found = {
        model.name: parts
        for model in models
        if (parts := parts_of(model, place, states.get(model.name, {}))) is not None
        and np.isfinite(parts).all()
    }
    told = {OWN, CALENDAR} | {place.group(signal) for signal in problem.panel.signals}
    return Shares(
        models=tuple(found),
        groups=tuple(name for k, name in enumerate(GROUPS) if k in told),
        parts=np.stack(list(found.values())) if found else np.empty((0, *place.nothing.shape)),
    )


class Workplace:
    """One problem with what sharing it out needs more than once.

    Parameters
    ----------
    problem
        As the models saw it.
    group_of
        Group of a signal, or of a share of two (`part/whole`).
    """

    def __init__(self, problem: Problem, group_of: GroupOf) -> None:
        self.problem = problem
        self._group_of = group_of
        self._tables: dict[Look, tuple[Floats, Floats]] = {}

    @property
    def nothing(self) -> Floats:
        """Parts of a model that adds nothing, shape (territory, anchor, group)."""
        return np.zeros((self.problem.z.shape[1], len(self.problem.anchors), len(GROUPS)))

    def group(self, signal: str) -> int:
        """Return the place of a signal's group."""
        return OWN if signal == self.problem.target else GROUPS.index(self._group_of(signal))

    def columns(self, look: Look) -> tuple[Floats, Floats]:
        """Return a look's columns, and which group each belongs to, shape (column, group)."""
        if look not in self._tables:
            columns, names, sources = table(self.problem, look)
            places = [self._column_group(n, s) for n, s in zip(names, sources, strict=True)]
            self._tables[look] = columns, np.eye(len(GROUPS))[places]
        return self._tables[look]

    def _column_group(self, name: str, source: str) -> int:
        is_common = name.startswith(("pooled", "growth times pooled", "time of year"))
        return CALENDAR if is_common and source == self.problem.target else self.group(source)


@singledispatch
def parts_of(model: object, place: Workplace, state: State) -> Floats | None:
    """Share out the change of the root level that a model forecasts now.

    Parameters
    ----------
    state
        What the model left after its fit: its parameters are read, never estimated again.

    Returns
    -------
    ndarray, shape (territory, anchor, group), or None
        Sums over groups to the model's change; None for a model that cannot be shared out, or left no state.
    """
    return None


@parts_of.register
def _(model: Persistence, place: Workplace, state: State) -> Floats | None:
    return place.nothing


@parts_of.register
def _(model: SeasonalNaive, place: Workplace, state: State) -> Floats | None:
    parts = place.nothing
    fitted = model.fit(place.problem, state)
    parts[..., CALENDAR] = fitted.quantiles[..., MIDDLE] - place.problem.level[:, None]
    return parts


@parts_of.register
def _(model: PooledGrowth, place: Workplace, state: State) -> Floats | None:
    return np.asarray(np.mean([_member_parts(member, place) for member in model.members], axis=0))


def _member_parts(member: Member, place: Workplace) -> Floats:
    """Return coefficients times columns of one member today, summed by group."""
    problem = place.problem
    columns, belongs = place.columns(member.look)
    known = known_share(problem, member.look)
    last = [len(problem.z) - 1]
    found = [
        (columns[-1] * coefficients(problem, columns, known, member, steps, last)[0]) @ belongs
        for steps in problem.anchors
    ]
    return np.stack(found, axis=1)


@parts_of.register
def _(model: PooledQuantiles, place: Workplace, state: State) -> Floats | None:
    if "middle" not in state:
        return None
    columns = design(place.problem, model.look)[-1]
    _, looked = place.columns(model.look)
    # The constant is common to all; behind what is looked at comes the noise of the target's own counts.
    behind = columns.shape[-1] - 1 - len(looked)
    belongs = np.vstack([np.eye(len(GROUPS))[[CALENDAR]], looked, np.eye(len(GROUPS))[[OWN] * behind]])
    return np.stack([(columns * np.asarray(line)) @ belongs for line in state["middle"]], axis=1)


@parts_of.register
def _(model: Sarimax, place: Workplace, state: State) -> Floats | None:
    if "parameters" not in state:
        return None
    problem = place.problem
    step, times = steps_of(problem)
    names = tuple(n for n in state.get("signals", ()) if n in problem.signals)
    z, x = levels_at(problem, names, times)
    parameters = pooled_parameters(problem, state.get("parameters", {}), 2 + max(len(names), 1))
    leads = tuple(a // step for a in problem.anchors)
    whole = recursion(z, x, parameters, leads)[-1]
    parts = place.nothing
    parts[..., OWN] = recursion(z, np.zeros_like(x), parameters, leads)[-1]
    for k, name in enumerate(names):
        alone = np.zeros_like(x)
        alone[..., k] = x[..., k]
        parts[..., place.group(name)] += recursion(np.zeros_like(z), alone, parameters, leads)[-1]
    # The recursion bounds its answer; linear below the bound, parts are scaled to it above.
    return _scaled(parts, whole)


@parts_of.register
def _(model: NegativeBinomialGrowth, place: Workplace, state: State) -> Floats | None:
    problem = place.problem
    columns, names = growth_columns(problem)
    places = [CALENDAR, OWN, *(place.group(name) for name in names)]
    belongs = np.eye(len(GROUPS))[places]
    level = problem.scale.back(problem.z)
    offset = level + 0.05 * problem.scale.size
    now = len(problem.z) - 1
    parts, whole = place.nothing, place.nothing[..., 0]
    for a, steps in enumerate(problem.anchors):
        terms = columns[now] * estimate(problem, columns, level, offset, now, steps)
        expected = offset[now] * np.exp(np.clip(terms.sum(axis=1), -1.5, 1.5))
        parts[:, a] = terms @ belongs
        whole[:, a] = problem.scale.forward(expected - 0.05 * problem.scale.size) - problem.z[now]
    return _scaled(parts, np.nan_to_num(whole))


@parts_of.register
def _(model: ProphetGrowth, place: Workplace, state: State) -> Floats | None:
    if "parameters" not in state:
        return None
    problem = place.problem
    names = tuple(n for n in state.get("signals", ()) if n in problem.signals)
    parameters = pooled_parameters(problem, state.get("parameters", {}), 1 + len(names))
    terms = log_growth(problem, parameters, names)
    belongs = np.eye(len(GROUPS))[[OWN, *(place.group(name) for name in names)]]
    return _scaled(terms @ belongs, grown(problem, terms.sum(axis=-1)))


def _scaled(parts: Floats, whole: Floats) -> Floats:
    """Return parts in proportion, so that they sum to `whole`; nothing where they have no sum to be scaled."""
    total = parts.sum(axis=-1)
    tells = np.abs(total) > _NOTHING
    ratio = np.divide(whole, total, out=np.zeros_like(whole), where=tells)
    return np.asarray(parts * ratio[..., None])


def medians_with(
    level: Floats, parts: Sequence[Floats], weights: Sequence[float]
) -> Callable[[frozenset[str]], Floats]:
    """Return the ensemble's median as a function of the groups it may hear.

    Parameters
    ----------
    level
        Present level on the root scale, shape (territory,).
    parts
        Of each model, shape (territory, anchor, group) over `GROUPS`.
    weights
        Of the models, none negative.

    Returns
    -------
    callable
        From a set of groups to the median level on the root scale, shape (territory, anchor).
    """
    stacked, share = np.stack(parts), np.asarray(weights, dtype=np.float64)

    def median_with(chosen: frozenset[str]) -> Floats:
        heard = np.array([name in chosen for name in GROUPS], dtype=np.float64)
        return weighted_median(level[:, None] + stacked @ heard, share)

    return median_with
