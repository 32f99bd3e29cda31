"""Sentences for the keys that forecasts carry, in French and English.

Runs store a key and its parameters, never a sentence; whoever shows it renders it here in the reader's
language. A parameter that names a group is itself translated; names of signals and places are given by
whoever renders.

>>> stale = {"signal": "ed_visits", "age": 5, "usual": 1}
>>> render("trust.signal_stale", stale, "en", {"ed_visits": "emergency visits"})
'Emergency visits: the newest value is 5 days old (usually 1).'
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Literal

Language = Literal["fr", "en"]
Parameter = str | float | int

NAMES: Mapping[str, tuple[str, str]] = {
    "own": ("l’évolution passée", "its own past"),
    "emergency": ("les passages aux urgences", "emergency visits"),
    "calls": ("les appels et actes de ville", "calls and house visits"),
    "laboratory": ("les tests de laboratoire", "laboratory tests"),
    "calendar": ("le calendrier et la tendance nationale", "the calendar and the national trend"),
    "remainder": ("le reste", "the remainder"),
}
"""Name of a group of signals in French and English. Signals have theirs in the vocabulary; see ``names``."""

SENTENCES: Mapping[str, tuple[str, str]] = {
    "trust.forecast_too_low": (
        "Les dernières prévisions étaient trop basses (erreur {error_ratio} fois l’erreur attendue).",
        "Recent forecasts were too low (error {error_ratio} times the expected one).",
    ),
    "trust.forecast_too_high": (
        "Les dernières prévisions étaient trop hautes (erreur {error_ratio} fois l’erreur attendue).",
        "Recent forecasts were too high (error {error_ratio} times the expected one).",
    ),
    "trust.forecast_too_narrow": (
        "Les derniers intervalles étaient trop étroits (erreur {error_ratio} fois l’erreur attendue).",
        "Recent intervals were too narrow (error {error_ratio} times the expected one).",
    ),
    "trust.parent_flagged": (
        "Les prévisions du territoire qui le contient ({parent}) se trompent.",
        "Forecasts of the territory around it ({parent}) are going wrong.",
    ),
    "trust.signal_stale": (
        "{Signal} : la dernière valeur a {age} jours (habituellement {usual}).",
        "{Signal}: the newest value is {age} days old (usually {usual}).",
    ),
    "trust.input_negative": (
        "Valeur négative reçue pour {signal} : {value}.",
        "A negative value was received for {signal}: {value}.",
    ),
    "trust.input_out_of_range": (
        "Valeur hors de toute mesure pour {signal} : {value} (maximum connu {usual}).",
        "A value far beyond any seen before for {signal}: {value} (highest known {usual}).",
    ),
    "trust.input_flat": (
        "Plus rien que des zéros pour {signal} (habituellement {usual} par jour).",
        "Nothing but zeros for {signal} (usually {usual} a day).",
    ),
    "trust.lag_moved": (
        "L’avance observée pour {signal} est passée de {before} à {now} jours.",
        "The lead of {signal} moved from {before} to {now} days.",
    ),
    "trust.delays_changed": (
        "Les délais de remontée ont changé pour {signal} : à {delay} jours, part reçue {now} au lieu de {before}.",
        "Reporting delays changed for {signal}: after {delay} days {now} is in, not {before}.",
    ),
    "explain.rise": (
        "La prévision ({median}) dépasse le niveau actuel ({reference}), surtout par {driver} ({amount}).",
        "The forecast ({median}) is above the present level ({reference}), mainly from {driver} ({amount}).",
    ),
    "explain.fall": (
        "La prévision ({median}) est sous le niveau actuel ({reference}), surtout par {driver} ({amount}).",
        "The forecast ({median}) is below the present level ({reference}), mainly from {driver} ({amount}).",
    ),
    "explain.steady": (
        "La prévision ({median}) reste au niveau actuel ({reference}).",
        "The forecast ({median}) stays at the present level ({reference}).",
    ),
}
"""French and English template of each key."""


def render(
    key: str,
    parameters: Mapping[str, Parameter],
    language: Language = "fr",
    names: Mapping[str, str] | None = None,
) -> str:
    """Write the sentence of a key.

    Parameters
    ----------
    key : str
        Message key.
    parameters : mapping of str to str or number
        What the sentence needs.
    language : {"fr", "en"}
        The reader's.
    names : mapping of str to str, optional
        Names of signals and places in that language; a word without a name is shown as it is.

    Returns
    -------
    str
        One sentence; numbers with the decimal sign of the language.

    Raises
    ------
    KeyError
        If the key is unknown, or a parameter is missing (both are named).
    """
    if key not in SENTENCES:
        raise KeyError(f"no sentence for the key {key!r}; known: {', '.join(sorted(SENTENCES))}")
    template = SENTENCES[key][0 if language == "fr" else 1]
    words = {name: _shown(value, language, names or {}) for name, value in parameters.items()}
    words |= {name.capitalize(): word[:1].upper() + word[1:] for name, word in words.items()}
    missing = {name for _, name, _, _ in string.Formatter().parse(template) if name} - set(words)
    if missing:
        raise KeyError(f"the sentence {key!r} needs {sorted(missing)}")
    return template.format(**words)


def _shown(value: Parameter, language: Language, names: Mapping[str, str]) -> str:
    if isinstance(value, str):
        group = NAMES.get(value)
        own = value if group is None else group[0 if language == "fr" else 1]
        return names.get(value, own)
    text = f"{value:.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.2g}"
    return text.replace(".", ",").replace("-", "−") if language == "fr" else text.replace("-", "−")
