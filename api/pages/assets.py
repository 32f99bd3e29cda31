"""The files of the page, each at an address that holds its hash, so browsers keep them for ever.

The chart library is Vega's own bundle, taken from the installed `vl-convert-python` and kept beside the data: the
page asks no other host for anything. Its expressions are interpreted (`ast`), so the content security policy
needs no `unsafe-eval`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import orjson
import vl_convert

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_OWN = ("bulletin.css", "bulletin.js", "icon.svg")
_CHARTS = "charts.js"


@dataclass(frozen=True)
class Asset:
    """One file as it is served."""

    name: str
    content: bytes
    media_type: str

    @property
    def address(self) -> str:
        """Address with the hash of the content."""
        return f"/assets/{self.digest}/{self.name}"

    @property
    def digest(self) -> str:
        """First characters of the SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()[:16]


class Assets:
    """Every file of the page.

    Parameters
    ----------
    folder
        Where the chart library is kept between starts.
    """

    def __init__(self, folder: Path) -> None:
        static = files("api.pages").joinpath("static")
        own = {name: _asset(name, static.joinpath(name).read_bytes()) for name in _OWN}
        self._assets = {**own, _CHARTS: _asset(_CHARTS, chart_library(folder))}

    def address(self, name: str) -> str:
        """Return the address of a file."""
        return self._assets[name].address

    def get(self, digest: str, name: str) -> Asset | None:
        """Return the file of that name, or None when there is none with that hash."""
        found = self._assets.get(name)
        return found if found is not None and found.digest == digest else None


def _asset(name: str, content: bytes) -> Asset:
    return Asset(name, content, _TYPES[Path(name).suffix])


def chart_library(folder: Path) -> bytes:
    """Return Vega, Vega-Lite and Vega-Embed as one script, made once for each version installed."""
    kept = folder / f"charts-{importlib.metadata.version('vl-convert-python')}.js"
    if not kept.exists():
        locales = {
            "fr": {
                "number": vl_convert.get_format_locale("fr-FR"),
                "time": vl_convert.get_time_format_locale("fr-FR"),
            },
            "en": {
                "number": vl_convert.get_format_locale("en-GB"),
                "time": vl_convert.get_time_format_locale("en-GB"),
            },
        }
        snippet = f"window.vegaEmbed=vegaEmbed;window.vegaLocales={orjson.dumps(locales).decode()};"
        script = vl_convert.javascript_bundle(snippet)
        folder.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part")
        part.write_text(script, encoding="utf-8")
        part.replace(kept)
    return kept.read_bytes()
