"""What follows from doubt: causes in words, wider intervals, and the yardstick in place of what broke.

Three kinds of causes are put together for each territory: those of its own monitors, those of its parent's (a
small territory cannot show a break within a week by itself, its region can), and those of the checks of inputs.
Causes carry keys and parameters, never sentences: whoever shows them words them in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.trust.evidence import CAUSES
from forecasting.trust.states import OK, STATES, Trust, TrustState

Parameter = str | float | int

WIDEST = 3.0
_LEAST_WIDER = 1.2
_WIDER_BY_INPUT = 0.15
_WIDER_BROKEN = 1.25


@dataclass(frozen=True)
class Cause:
    """Why a forecast is not fully trusted.

    Attributes
    ----------
    key : str
        Message key, e.g. ``"trust.signal_stale"``.
    severity : {"degraded", "broken"}
        What it makes of the state.
    parameters : mapping of str to str or number
        What the sentence needs.
    """

    key: str
    severity: Trust
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True)
class TrustAssessment:
    """Verdict on one territory.

    Attributes
    ----------
    state : {"ok", "degraded", "broken"}
        The worst of the causes.
    causes : tuple of Cause
        Empty when ok.
    widen : float
        Factor by which to widen intervals around the median, 1 to 3.
    fallback : bool
        Publish the yardstick instead of the ensemble.
    """

    state: Trust
    causes: tuple[Cause, ...]
    widen: float
    fallback: bool


def assess(
    state: TrustState,
    input_causes: Mapping[str, Sequence[Cause]] | None = None,
    parents: Mapping[str, str] | None = None,
) -> dict[str, TrustAssessment]:
    """Judge every territory.

    Parameters
    ----------
    state : TrustState
        After :func:`forecasting.trust.states.advance`.
    input_causes : mapping of territory to causes, optional
        From :mod:`forecasting.input_checks`.
    parents : mapping of territory to territory, optional
        A territory whose parent's monitors stand flagged is degraded with it.

    Returns
    -------
    dict of territory to TrustAssessment
        In the order of the state.
    """
    given, above = input_causes or {}, parents or {}
    own = {code: _monitor_causes(state, i) for i, code in enumerate(state.territories)}
    verdicts = {}
    for place, code in enumerate(state.territories):
        parent = above.get(code, "")
        handed = (Cause("trust.parent_flagged", "degraded", {"parent": parent}),) if own.get(parent) else ()
        inputs = tuple(given.get(code, ()))
        verdicts[code] = _verdict(own[code] or handed, inputs, float(state.evidence.recent[place]))
    return verdicts


def _verdict(monitors: tuple[Cause, ...], inputs: tuple[Cause, ...], errors: float) -> TrustAssessment:
    causes = monitors + inputs
    if not causes:
        return TrustAssessment("ok", (), 1.0, False)
    broken = any(cause.severity == "broken" for cause in causes)
    # Errors that were seen say how much wider; a doubtful input only says that it should be wider.
    from_errors = float(np.clip(errors, _LEAST_WIDER, WIDEST)) if monitors else 1.0
    from_inputs = 1.0 + _WIDER_BY_INPUT * min(len(inputs), 3)
    widen = min(max(from_errors, from_inputs) * (_WIDER_BROKEN if broken else 1.0), WIDEST)
    return TrustAssessment("broken" if broken else "degraded", causes, widen, broken)


def _monitor_causes(state: TrustState, place: int) -> tuple[Cause, ...]:
    standing = int(state.standing[place])
    if standing == OK:
        return ()
    parameters: dict[str, Parameter] = {
        "evidence": round(float(state.evidence.level[place]), 1),
        "error_ratio": round(float(state.evidence.recent[place]), 2),
    }
    return (Cause(CAUSES[int(state.accused[place])], STATES[standing], parameters),)
