"""States of trust from evidence, with hysteresis: quick to doubt, slow to believe again, a step at a time.

    ok ──► degraded ──► broken      as soon as the evidence passes a bound
    ok ◄── degraded ◄── broken      when there is evidence that forecasts are right again, and the state was held

Counts that rise faster than any seasonal epidemic (:mod:`forecasting.trust.growth`) degrade too: what nobody has seen
no model has learnt, and one so wide that nothing surprises it raises no evidence.

A flag that ends comes down through *degraded*: what a run published in the meantime was the yardstick's, so it
is not yet known whether the models have found back, and for a while they speak again with wider intervals. If they
are still wrong, evidence that never quite went to zero brings the flag back within days.

Bounds were picked on simulated quiet seasons (seasonal waves, holidays, small counts) and simulated breaks with the
forecasts of the real chain, with the days spring 2020 took printed beside them. ``tests/bench/bench_trust.py`` repeats
the measurement with other seeds.

The state between runs is an explicit value, :class:`TrustState`, an input and an output of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from forecasting.trust.bets import CAUSES, TOO_LOW, Floats, Indices, Mask
from forecasting.trust.evidence import Evidence, cleared, learned, no_evidence, weighed

Trust = Literal["ok", "degraded", "broken"]

OK, DEGRADED, BROKEN = 0, 1, 2
STATES: tuple[Trust, Trust, Trust] = ("ok", "degraded", "broken")

EVIDENCE_DEGRADED = 1e4
EVIDENCE_BROKEN = 1e5
CUSUM_DEGRADED, CUSUM_BROKEN = 1.0, 2.0
UNHEARD_OF = "trust.growth_unheard_of"
ACCUSATIONS = (*CAUSES, UNHEARD_OF)
RECOVERY = 20.0
"""Wealth of the bet that forecasts no longer go wrong as accused, at which a flag comes down a step."""
_CUSUM_CLEAR = 0.3
LEAST_STEPS = 7
"""Steps for which a state is held at least, from when it last rose or came down."""


@dataclass(frozen=True)
class TrustState:
    """What the monitors carry from run to run.

    Attributes
    ----------
    territories : tuple of str
        Codes.
    evidence : Evidence
        Against the forecasts of each.
    standing : ndarray of int, shape (territory,)
        0 ok, 1 degraded, 2 broken.
    held : ndarray of int, shape (territory,)
        Steps since the standing last changed, or a step called for it that was no better than those before.
    accused : ndarray of int, shape (territory,)
        Which of `ACCUSATIONS` last called for a flag; of no meaning without one.
    """

    territories: tuple[str, ...]
    evidence: Evidence
    standing: Indices
    held: Indices
    accused: Indices

    @property
    def flagged(self) -> Mask:
        """Whether a monitor stands flagged, shape (territory,)."""
        flags: Mask = self.standing > OK
        return flags

    def to_dict(self) -> dict[str, Any]:
        """Give the state as plain lists, ready for JSON."""
        return {
            "territories": list(self.territories),
            **{name: getattr(self, name).tolist() for name in _STANDING},
            **{name: getattr(self.evidence, name).tolist() for name in _EVIDENCE},
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> TrustState:
        """Read a state back.

        Parameters
        ----------
        stored : mapping
            What :meth:`to_dict` gave.

        Returns
        -------
        TrustState
            Equal to the one stored.

        Raises
        ------
        ValueError
            If a field is missing, by name.
        """
        missing = {"territories", *_STANDING, *_EVIDENCE} - set(stored)
        if missing:
            raise ValueError(
                f"the stored trust state has no {sorted(missing)}; start from initial_state() instead"
            )
        return cls(
            tuple(str(code) for code in stored["territories"]),
            Evidence(**{name: np.asarray(stored[name], dtype=np.float64) for name in _EVIDENCE}),
            *(np.asarray(stored[name], dtype=np.int64) for name in _STANDING),
        )

    def for_territories(self, territories: Sequence[str]) -> TrustState:
        """Carry the state to another list of territories; new ones start fresh.

        Parameters
        ----------
        territories : sequence of str
            Codes of this run.

        Returns
        -------
        TrustState
            In the order of ``territories``.
        """
        fresh = initial_state(territories)
        place = {code: i for i, code in enumerate(self.territories)}
        known = [(i, place[code]) for i, code in enumerate(territories) if code in place]
        mine, theirs = ([pair[k] for pair in known] for k in (0, 1))
        for new, old in (
            *((getattr(fresh, name), getattr(self, name)) for name in _STANDING),
            *((getattr(fresh.evidence, name), getattr(self.evidence, name)) for name in _BY_TERRITORY),
        ):
            new[mine] = old[theirs]
        shared = {name: getattr(self.evidence, name) for name in _EVIDENCE if name not in _BY_TERRITORY}
        own = {name: getattr(fresh.evidence, name) for name in _BY_TERRITORY}
        return replace(fresh, evidence=Evidence(**own, **shared))


_EVIDENCE = tuple(field.name for field in fields(Evidence))
_BY_TERRITORY = ("bets", "cusum", "recent", "recovery")
_STANDING = ("standing", "held", "accused")


def initial_state(territories: Sequence[str]) -> TrustState:
    """Start the monitors.

    Parameters
    ----------
    territories : sequence of str
        Codes.

    Returns
    -------
    TrustState
        No evidence against anybody.
    """
    nothing = np.zeros((len(_STANDING), len(territories)), dtype=np.int64)
    return TrustState(tuple(territories), no_evidence(len(territories)), *nothing)


def advance(
    state: TrustState,
    pit: Floats,
    residual: Floats,
    week_residual: Floats | None = None,
    *,
    fall_excused: Mask | None = None,
    unheard_of: Mask | None = None,
) -> TrustState:
    """Show the monitors one more step of matured truth.

    Parameters
    ----------
    state : TrustState
        From the previous run.
    pit, residual : ndarray, shape (territory,)
        PIT (randomised for counts) and standardised residual of the newest forecast of the date whose truth
        has just matured; NaN where it has not.
    week_residual : ndarray, shape (territory,), optional
        Standardised residual of the forecast of that date made a week before.
    fall_excused : ndarray of bool, shape (territory,), optional
        Where the date was expected to come in low, as on a public holiday: a truth under the forecast is then no
        evidence, and teaches nothing of what is usual.
    unheard_of : ndarray of bool, shape (territory,), optional
        Where the week that ends on the date rose as no seasonal epidemic does.

    Returns
    -------
    TrustState
        For the next run.
    """
    week = np.full(pit.shape, np.nan) if week_residual is None else week_residual
    residuals = np.stack([residual, week], axis=1)
    excused, strange = (
        np.zeros(pit.shape, dtype=np.bool_) if mask is None else mask for mask in (fall_excused, unheard_of)
    )
    against = np.where(state.accused < len(CAUSES), state.accused, CAUSES.index(TOO_LOW))
    evidence = weighed(state.evidence, pit, residuals, state.flagged, against, excused)
    called = _called_for(evidence)
    # A step without any truth is no step: nobody is believed again for having sent nothing.
    seen = np.isfinite(pit) | np.isfinite(residuals).any(axis=1)
    waited = np.where(seen, state.held + 1, state.held)
    risen = np.maximum(np.maximum(called, np.where(strange, DEGRADED, OK)), state.standing)
    comes_down = (state.standing == risen) & _recovered(evidence) & ~strange & (waited >= LEAST_STEPS)
    standing = np.where(comes_down & (risen > OK), risen - 1, risen)
    calm = (called == OK) & (state.standing == OK)
    accused = np.where(called > OK, evidence.accusation(EVIDENCE_DEGRADED), state.accused)
    accused = np.where(strange & (risen == DEGRADED) & (called == OK), ACCUSATIONS.index(UNHEARD_OF), accused)
    evidence = cleared(evidence, standing < risen)
    evidence = learned(evidence, pit, residuals, calm & ~excused)
    worse = evidence.recovery <= np.maximum(state.evidence.recovery, 1.0)
    called_again = (called >= standing) & (standing > OK) & worse
    held = np.where((standing != state.standing) | called_again, 0, waited)
    return TrustState(state.territories, evidence, standing, held, accused)


def _called_for(evidence: Evidence) -> Indices:
    """Standing that the evidence alone asks for."""
    degraded = (evidence.level >= EVIDENCE_DEGRADED) | (evidence.highest >= CUSUM_DEGRADED)
    broken = (evidence.level >= EVIDENCE_BROKEN) | (evidence.highest >= CUSUM_BROKEN)
    asked: Indices = degraded.astype(np.int64) + broken
    return asked


def _recovered(evidence: Evidence) -> Mask:
    right: Mask = (evidence.recovery >= RECOVERY) & (evidence.highest < _CUSUM_CLEAR)
    return right
