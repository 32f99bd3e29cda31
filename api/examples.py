"""Examples shown in OpenAPI, each a valid answer: the tests read them with the shapes of `api.answers`."""

from __future__ import annotations

from typing import Any

_RUN = {
    "id": 12,
    "cycle": "2020-11-01T05:30",
    "origin": "2020-11-01",
    "as_of": "2020-11-01T04:30:00Z",
    "created": "2020-11-01T04:31:12Z",
    "digest": "9f2c7be1d0a4c3f5e8b6a7d9c1e3f5078a9bccddeeff00112233445566778899",
}
_MESSAGE = {
    "key": "trust.degraded",
    "params": {},
    "text": "Confiance réduite",
}
_DAY = {
    "facility": "",
    "unit": "critical",
    "day": "2020-11-05",
    "horizon": 4,
    "colour": "yellow",
    "raw_colour": "yellow",
    "probability": 0.22,
    "beds_needed": {"0.05": 38.0, "0.5": 51.0, "0.95": 68.0},
    "beds_free": {"0.05": 55.0, "0.5": 60.0, "0.95": 64.0},
    "basis": "estimated",
    "driver": "calls",
}
_FRESHNESS = {
    "partner": "sos-nantes",
    "name": "SOS Médecins Nantes",
    "signal": "sos_calls",
    "newest_reference": "2020-10-31",
    "newest_reported": "2020-11-01T03:10:00Z",
    "state": "fresh",
}
_LEAD = {
    "signal": "sos_calls",
    "target": "admissions:covid",
    "lag_days": 6.0,
    "low": 4.0,
    "high": 8.0,
    "strength": 0.71,
}
_BULLETIN = {
    "territory": "44",
    "name": "Loire-Atlantique",
    "colour": "yellow",
    "headline_day": "2020-11-05",
    "headline_unit": "critical",
    "message": _MESSAGE,
    "trust": "ok",
    "trust_causes": [],
    "valid_until": "2020-11-01T18:00:00Z",
    "issuer": "Météo santé (démonstration)",
    "world": "demo",
    "world_kind": "demo",
    "notice": "Ceci n’est pas une vigilance de l’État.",
    "small_count_threshold": 11,
    "run": _RUN,
    "days": [_DAY],
    "freshness": [_FRESHNESS],
    "leadlag": [_LEAD],
}
_EXPLANATION = {
    "days": [7, 14],
    "reference": [24.0, 24.0],
    "groups": {"own": [1.0, 2.0], "laboratory": [3.0, 4.0], "calendar": [-1.0, 0.0]},
    "remainder": [1.0, 1.0],
    "published": [28.0, 31.0],
    "message": {
        "key": "explain.rise",
        "params": {
            "median": 28.0,
            "reference": 24.0,
            "driver": "laboratory",
            "amount": 3.0,
            "days": 7,
            "signal": "admissions",
        },
        "text": "À 7 jours, 28 admissions par jour, au-dessus du niveau actuel (24), surtout par : laboratoires (+3).",
    },
}
_SERIES = {
    "target": "admissions:covid",
    "facility": "",
    "unit_of_measure": "admissions",
    "horizons": [0, 1],
    "dates": ["2020-11-01", "2020-11-02"],
    "levels": [0.25, 0.5, 0.75],
    "quantiles": [[20.0, 24.0, 29.0], [19.0, 25.0, 31.0]],
    "mean": [24.4, 25.1],
    "models": {"weights": {"persistence": 0.4, "sarimax": 0.6}},
    "explanation": _EXPLANATION,
    "small_count_threshold": 11,
}
_OBSERVATION = {
    "signal": "sos_calls",
    "syndrome": "all",
    "facility": "",
    "age_band": "all",
    "reference_date": "2020-10-31",
    "reference_end": "2020-11-01",
    "value": 612.0,
    "hidden": False,
    "reported": "2020-11-01T03:10:00Z",
}
_PROOF = {
    "reason": "cycle",
    "scope": {"territories": ["44"]},
    "seed": 20201101,
    "trust": "ok",
    "code_digest": "aa" * 32,
    "config_digest": "bb" * 32,
    "rules_digest": "cc" * 32,
    "panel_digest": "dd" * 32,
    "state_digest": "ee" * 32,
    "previous_digest": None,
    "manifest": None,
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "MessageOut": _MESSAGE,
    "RunRef": _RUN,
    "TerritoryOut": {
        "id": "44",
        "kind": "departement",
        "name": "Loire-Atlantique",
        "parent": "R52",
        "population": 1437137,
        "time_zone": "Europe/Paris",
        "colour": "yellow",
        "has_bulletin": True,
    },
    "SignalOut": {
        "id": "sos_calls",
        "kind": "flow",
        "unit_of_measure": "acts",
        "group": "calls",
        "label": "Actes SOS Médecins",
        "usual_delay_hours": 8.0,
    },
    "DayOut": _DAY,
    "FreshnessOut": _FRESHNESS,
    "LeadOut": _LEAD,
    "BulletinOut": _BULLETIN,
    "BulletinsOut": {"bulletins": [{**_BULLETIN, "days": []}]},
    "ExplanationOut": _EXPLANATION,
    "SeriesOut": _SERIES,
    "ForecastsOut": {"territory": "44", "run": _RUN, "forecasts": [_SERIES]},
    "ObservationOut": _OBSERVATION,
    "ObservationsOut": {
        "territory": "44",
        "as_of": "2020-11-01T04:30:00Z",
        "small_count_threshold": 11,
        "observations": [_OBSERVATION],
    },
    "RunOut": {**_RUN, **_PROOF},
    "RunsOut": {"runs": [{**_RUN, **_PROOF}], "next": None},
    "LeadLagOut": {"territory": "44", "run": _RUN, "leads": [_LEAD]},
    "ScoreOut": {
        "target": "admissions:covid",
        "horizon": 7,
        "forecasts": 25,
        "wis": 3.1,
        "mean_absolute_error": 4.6,
        "relative_wis": 0.79,
        "coverage": {"0.5": 0.52, "0.8": 0.81, "0.95": 0.96},
    },
    "HealthOut": {"status": "ok"},
    "CheckOut": {"name": "database", "ok": True, "detail": "answers"},
}
EXAMPLES["TerritoriesOut"] = {"territories": [EXAMPLES["TerritoryOut"]]}
EXAMPLES["SignalsOut"] = {"signals": [EXAMPLES["SignalOut"]]}
EXAMPLES["ScoresOut"] = {"territory": "44", "scores": [EXAMPLES["ScoreOut"]]}
EXAMPLES["ReadyOut"] = {"ready": True, "checks": [EXAMPLES["CheckOut"]]}
