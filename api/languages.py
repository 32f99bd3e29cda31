"""The reader's language: `?lang=` first, then `Accept-Language` (RFC 9110), French otherwise."""

from __future__ import annotations

from fastapi import Request

from api.texts import LANGUAGES, Language

DEFAULT: Language = "fr"


def language_of(request: Request) -> Language:
    """Return the language to answer in."""
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return asked
    return preferred(request.headers.get("accept-language", ""))


def preferred(header: str) -> Language:
    """Return the first of our languages in order of the header's weights.

    >>> preferred("de;q=0.9, en-GB;q=0.8, fr;q=0.2"), preferred(""), preferred("fr-CA")
    ('en', 'fr', 'fr')
    """
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            quality = 0.0
        wanted.append((-quality, place, tag.split("-")[0].lower()))
    for quality, _, tag in sorted(wanted):
        if tag in LANGUAGES and quality < 0:
            return tag
    return DEFAULT
