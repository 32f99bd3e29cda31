"""Text at the edge: a message key and its parameters become a sentence in the reader's language.

Runs, bulletins and errors store keys and parameters only. A catalogue holds, for every key, a sentence with
fields of the form `{name:kind}`; the kind says how the value is written (a date, a percentage, a word of the
vocabulary), so one parameter reads well in each language. A field written `{n:plural(lit|lits)}` chooses by the
plural rule of the language.

>>> say("day.headline", "en", unit="critical", day="2020-11-05", probability=0.62)
'critical care, Thursday 5 November: 62% risk of running short'
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal, format_percent

from api.texts.en import ENGLISH
from api.texts.fr import FRENCH
from forecasting.vigilance import DEFAULT_RULES
from infra.clock import PARIS, civil_date
from streams.vocabulary.places import register
from streams.vocabulary.signals import SIGNALS
from streams.vocabulary.syndromes import SYNDROMES

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
CATALOGUES: Mapping[Language, Mapping[str, str]] = {"fr": FRENCH, "en": ENGLISH}
_LOCALES: Mapping[Language, Locale] = {"fr": Locale("fr", "FR"), "en": Locale("en", "GB")}

# French sets a thin fixed space before high punctuation and a fixed one inside guillemets and before a colon.
_THIN, _FIXED = "\u202f", "\u00a0"
_DAY_SHAPES = {
    "day": "EEEE d MMMM",
    "short_day": "EEE d MMM",
    "date": "d MMMM y",
    "weekday": "EEE",
    "day_number": "d",
}
_COLOUR_BOUNDS = (DEFAULT_RULES.yellow, DEFAULT_RULES.orange, DEFAULT_RULES.red)
_PLURAL = re.compile(r"^plural\((?P<forms>.+)\)$")


def french_spaces(text: str) -> str:
    """Put the non-breaking spaces French typography asks for.

    >>> french_spaces("Pourquoi ? « Oui »").replace(chr(0x202F), "~").replace(chr(0xA0), "_")
    'Pourquoi~? «_Oui_»'
    """
    text = re.sub(r" ([;!?])", _THIN + r"\1", text)
    text = re.sub(r" ([:»%])", _FIXED + r"\1", text)
    return text.replace("« ", "«" + _FIXED)


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: Language) -> Mapping[str, str]:
    """Return the sentences of a language with its typography applied."""
    texts = CATALOGUES[language]
    return {key: french_spaces(text) for key, text in texts.items()} if language == "fr" else texts


def fields_of(sentence: str) -> frozenset[str]:
    """Return the names of the parameters a sentence uses."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(sentence) if name)


def has(key: str) -> bool:
    """Return whether the catalogues hold the key."""
    return key in FRENCH


def say(key: str, language: Language, /, zone: str = PARIS, **params: Any) -> str:
    """Return the sentence of `key` with its parameters, in `language` and the civil time of `zone`.

    A key or parameter the catalogue does not know never breaks a page: the key itself is shown, and an
    absent parameter as a dash.
    """
    sentence = catalogue(language).get(key)
    if sentence is None:
        return key
    return _Writer(language, zone).vformat(sentence, (), params)


class _Writer(string.Formatter):
    """Writes one sentence: every field by its kind."""

    def __init__(self, language: Language, zone: str) -> None:
        self._language = language
        self._zone = zone

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs.get(str(key))

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return "–"
        plural = _PLURAL.match(format_spec)
        if plural:
            return choose_plural(float(value), plural["forms"].split("|"), self._language)
        return write(value, format_spec, self._language, self._zone)


def choose_plural(count: float, forms: list[str], language: Language) -> str:
    """Return the form of a word for a count: the first for the language's `one`, the last otherwise."""
    return forms[0] if _LOCALES[language].plural_form(count) == "one" else forms[-1]


def write(value: Any, kind: str, language: Language, zone: str = PARIS) -> str:
    """Write one value as a reader of `language` expects it.

    Parameters
    ----------
    kind
        `day` (Thursday 5 November), `short_day` (Thu 5 Nov), `date`, `weekday`, `day_number`, `moment`,
        `time`, `percent`, `number`,
        `risk` (a percentage that never rounds to where the next colour begins), `decimal`, `signed` (+3), `unit`,
        `beds_of`, `explained`, `colour`, `vigilance` (a colour as it agrees with that word), `signal`, `syndrome`,
        `target`, `place`, `the_place` (with its article), `group`, `trend`,
        `sentence_day` (a day that begins a sentence), `since` (a day or a moment), or empty for the plain text.
    """
    if kind in _DAY_SHAPES:
        return _write_day(value, kind, language, zone)
    if kind in ("moment", "time"):
        return _write_moment(value, kind, language, zone)
    if kind in ("percent", "risk"):
        return _write_share(float(value), language, kind == "risk")
    if kind in ("number", "decimal"):
        shape = "#,##0" if kind == "number" else "#,##0.#"
        return format_decimal(float(value), format=shape, locale=_LOCALES[language])
    if kind == "signed":
        sign = "+" if float(value) > 0 else "−" if float(value) < 0 else ""
        return sign + write(abs(float(value)), "number", language)
    if kind in ("unit", "colour", "vigilance", "group", "target_signal", "beds_of", "explained", "trend"):
        return catalogue(language).get(f"{kind}.{value}", str(value))
    if kind == "sentence_day":
        written = _write_day(value, "day", language)
        return written[:1].upper() + written[1:]
    if kind == "since":
        long = len(str(value)) > len("2020-11-01")
        return _write_moment(value, "moment", language, zone) if long else _write_day(value, "day", language)
    if kind == "target":
        return _write_target(str(value), language)
    if kind == "signal" and ":" in str(value):
        return _write_target(str(value), language)
    if kind in ("signal", "syndrome", "place", "the_place"):
        return _words(language).get((kind, str(value)), str(value))
    return str(value)


def _write_share(share: float, language: Language, is_risk: bool = False) -> str:
    """Return a percentage; what is not certain is never written 0 or 100 %, nor a risk as one of another colour.

    A risk is a share of draws, so none of them is no certainty either.
    """
    locale = _LOCALES[language]
    if share <= 0.005 and (share > 0 or is_risk):
        return f"<{_FIXED}{format_percent(0.01, locale=locale)}"
    if share >= 0.995 and (share < 1 or is_risk):
        return f">{_FIXED}{format_percent(0.99, locale=locale)}"
    for bound in _COLOUR_BOUNDS if is_risk else ():
        if share < bound <= share + 0.005:
            return f"<{_FIXED}{format_percent(bound, locale=locale)}"
    return format_percent(share, locale=locale)


def _write_target(key: str, language: Language) -> str:
    signal, _, syndrome = key.partition(":")
    words = _words(language)
    named = catalogue(language).get(f"target_signal.{signal}") or words.get(("signal", signal), signal)
    cause = words.get(("syndrome", syndrome), syndrome)
    # Not in brackets: sentences put targets in theirs. An acronym keeps its capitals.
    return f"{named}, {cause if cause[1:2].isupper() else cause[:1].lower() + cause[1:]}"


def _write_day(value: Any, kind: str, language: Language, zone: str = PARIS) -> str:
    day = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    if isinstance(day, datetime):
        day = civil_date(day, zone)
    return _ordinal(format_date(day, _DAY_SHAPES[kind], locale=_LOCALES[language]), language)


def _ordinal(text: str, language: Language) -> str:
    """Return the date with the first of the month written as French writes it: `1er`."""
    return re.sub(r"\b1 (?=[^\W\d]{3})", "1er ", text) if language == "fr" else text


def _write_moment(value: Any, kind: str, language: Language, zone: str) -> str:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    civil = moment.astimezone(ZoneInfo(zone))
    if kind == "time":
        return format_time(
            civil, "HH 'h' mm" if language == "fr" else "HH:mm", locale=_LOCALES[language]
        ).replace(" ", _FIXED)
    shape = "EEEE d MMMM 'à' HH 'h' mm" if language == "fr" else "EEEE d MMMM, HH:mm"
    text = format_datetime(civil, shape, locale=_LOCALES[language]).replace(" h ", f"{_FIXED}h{_FIXED}")
    return _ordinal(text, language)


@lru_cache(maxsize=len(LANGUAGES))
def _words(language: Language) -> dict[tuple[str, str], str]:
    french = language == "fr"
    words = {("signal", s.key): s.label_fr if french else s.label_en for s in SIGNALS}
    words |= {("syndrome", s.key): s.label_fr if french else s.label_en for s in SYNDROMES}
    words |= {("place", p.code): p.name for p in register().values()}
    words |= {("the_place", p.code): p.french if french else p.name for p in register().values()}
    return words
