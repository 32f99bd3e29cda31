"""What follows from doubt: causes in words, wider intervals, and the yardstick in place of what broke.

Three kinds of causes are put together for each territory: those of its own monitors, those of the sums it is a part of
(a small territory cannot show a break within a week by itself, its region can), and those of the checks of inputs.

A sum is doubted for its parts too. Where its own interval is wide because all may err together, they can err together
without its monitors having anything to say; theirs have. Whatever the dependence between them, a tenth of the parts
stand flagged for nothing at most ten times as often as one of them does (Markov's inequality), which is hardly ever.

Causes carry keys and parameters, never sentences: whoever shows them words them in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.trust.growth import FASTEST
from forecasting.trust.states import ACCUSATIONS, OK, STATES, UNHEARD_OF, Trust, TrustState

Parameter = str | float | int

WIDEST = 3.0
_LEAST_WIDER = 1.2
_WIDER_BY_INPUT = 0.15
_WIDER_BROKEN = 1.25
SHARE_OF_PARTS, LEAST_PARTS = 0.1, 3
"""Share of a sum's parts, and number, whose flags say that what went wrong is common."""


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
    sums: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, TrustAssessment]:
    """Judge every territory.

    Parameters
    ----------
    state : TrustState
        After :func:`forecasting.trust.states.advance`.
    input_causes : mapping of territory to causes, optional
        From :mod:`forecasting.input_checks`.
    sums : mapping of territory to territories, optional
        What some of the territories are sums of, the smallest first. A sum is doubted when several of its parts are,
        and a part is degraded with the smallest sum that is doubted.

    Returns
    -------
    dict of territory to TrustAssessment
        In the order of the state.
    """
    given, whole = input_causes or {}, sums or {}
    own = {code: _monitor_causes(state, i) for i, code in enumerate(state.territories)}
    common = {
        code: own[code] or _common_causes([own[part] for part in parts]) for code, parts in whole.items()
    }
    verdicts = {}
    for place, code in enumerate(state.territories):
        above = next((parent for parent, parts in whole.items() if code in parts and common[parent]), None)
        handed = () if above is None else (Cause("trust.parent_flagged", "degraded", {"parent": above}),)
        causes = own[code] or common.get(code) or handed
        verdicts[code] = _verdict(causes, tuple(given.get(code, ())), float(state.evidence.recent[place]))
    return verdicts


def _common_causes(parts: Sequence[tuple[Cause, ...]]) -> tuple[Cause, ...]:
    """Return why a sum is to be doubted of whose parts so many are."""
    flagged = sum(bool(causes) for causes in parts)
    if flagged < max(LEAST_PARTS, SHARE_OF_PARTS * len(parts)):
        return ()
    return (Cause("trust.parts_flagged", "degraded", {"count": flagged, "of": len(parts)}),)


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
    key = ACCUSATIONS[int(state.accused[place])]
    parameters: dict[str, Parameter] = {
        "evidence": round(float(state.evidence.level[place]), 1),
        "error_ratio": round(float(state.evidence.recent[place]), 2),
    }
    if key == UNHEARD_OF:
        parameters = {"times": FASTEST}
    return (Cause(key, STATES[standing], parameters),)
