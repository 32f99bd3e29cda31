"""The catalogues: complete, equal in their fields, and well written."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from api.texts import CATALOGUES, Language, catalogue, fields_of, has, say, write
from api.texts.en import ENGLISH
from api.texts.fr import FRENCH
from forecasting.message_keys import MESSAGE_KEYS


def test_both_catalogues_hold_the_same_keys_and_fields() -> None:
    assert FRENCH.keys() == ENGLISH.keys()
    different = [key for key in FRENCH if fields_of(FRENCH[key]) != fields_of(ENGLISH[key])]
    assert different == []


@pytest.mark.parametrize("key", sorted(MESSAGE_KEYS))
def test_every_message_of_a_run_has_its_sentence(key: str) -> None:
    assert has(key)
    assert fields_of(FRENCH[key]) <= set(MESSAGE_KEYS[key])


def test_every_key_used_by_code_and_templates_exists() -> None:
    source = files("api")
    texts = [p.read_text() for p in source.joinpath("pages/templates").iterdir() if p.name.endswith(".html")]
    for folder in ("", "pages", "routers"):
        texts += [p.read_text() for p in source.joinpath(folder).iterdir() if p.name.endswith(".py")]
    used = {k for text in texts for k in re.findall(r"\b(?:t|say)\(\s*['\"]([a-z_.]+[a-z_])['\"][,)]", text)}
    problems = {f"problem.{k}" for text in texts for k in re.findall(r"Problem\(\s*\"([a-z_]+)\"", text)}
    assert len(used) > 40
    assert sorted(k for k in used | problems | {p + ".detail" for p in problems} if not has(k)) == []


def test_french_never_breaks_before_its_punctuation() -> None:
    for key, sentence in catalogue("fr").items():
        assert not re.search(r" [;:!?%»]|« ", sentence), key
        assert "'" not in re.sub(r"\{[^}]*\}", "", sentence), f"{key}: write the typographic apostrophe"


def test_a_colour_agrees_with_the_vigilance_it_describes() -> None:
    assert say("hero.vigilance", "fr", colour="green") == "Vigilance verte"
    assert say("page.title", "fr", name="Orne", colour="grey") == "Orne – vigilance grise – Météo santé"
    assert say("live.updated", "en", colour="green") == "New bulletin: green vigilance."
    assert write("green", "colour", "fr") == "vert"


def test_numbers_dates_and_plurals_are_those_of_the_language() -> None:
    moment = datetime(2020, 10, 25, 1, 30, tzinfo=UTC)
    assert write(12345.6, "number", "fr") == "12\u202f346"
    assert write(12345.6, "number", "en") == "12,346"
    assert write(0.62, "percent", "fr") == "62\u202f%" or write(0.62, "percent", "fr") == "62\u00a0%"
    # The night in which clocks go back: 01:30 UTC is the second 02:30.
    assert write(moment, "moment", "fr") == "dimanche 25 octobre à 02\u00a0h\u00a030"
    assert write(moment, "moment", "en", "America/Guadeloupe") == "Saturday 24 October, 21:30"
    assert write("2020-11-01", "day", "fr") == "dimanche 1er novembre"
    assert write("2020-11-11", "short_day", "fr") == "mer. 11 nov."
    assert say("live.messages", "fr", count=0).endswith("observation reçue")
    assert say("live.messages", "en", count=0).endswith("observations received")


def test_what_is_not_certain_is_never_written_as_certain() -> None:
    assert write(0.0004, "percent", "en") == "<\u00a01%"
    assert write(0.9996, "percent", "en") == ">\u00a099%"
    assert write(0.0, "percent", "en") == "0%"
    # No draw of a thousand is no certainty.
    assert (write(0.0, "risk", "en"), write(1.0, "risk", "en")) == ("<\u00a01%", ">\u00a099%")


def test_a_risk_is_never_written_as_one_of_the_next_colour() -> None:
    # Which narrow space French puts before the sign is for the locale to say.
    assert write(0.0994, "risk", "fr").replace("\u202f", "\u00a0") == "<\u00a010\u00a0%"
    written = [write(p, "risk", "en") for p in (0.094, 0.1, 0.297, 0.5999)]
    assert written == ["9%", "10%", "<\u00a030%", "<\u00a060%"]


def test_places_go_by_their_article_in_french() -> None:
    title = say("empty.title", "fr", place="R52")
    assert title == "Pas encore de bulletin pour les Pays de la Loire"
    assert say("empty.title", "fr", place="75").endswith("pour Paris")
    assert say("empty.title", "en", place="R52") == "No bulletin for Pays de la Loire yet"


def test_the_green_headline_names_its_unit_once() -> None:
    facts: dict[str, Any] = {
        "unit": "critical",
        "day": "2020-11-05",
        "needed": 40,
        "free": 62,
        "probability": 0.02,
    }
    words: dict[Language, str] = {"fr": "soins critiques", "en": "critical care"}
    for key in ("headline.green", "pressure.green"):
        for language, word in words.items():
            text = say(key, language, until="2020-11-08", trend="stable", **facts)
            assert text.count(word) == 1


def test_an_unknown_key_or_absent_parameter_breaks_nothing() -> None:
    assert say("no.such.key", "fr") == "no.such.key"
    assert "–" in say("trust.late", "fr", partner="SOS")


def test_there_are_two_languages() -> None:
    assert set(CATALOGUES) == {"fr", "en"}
