"""The error a person meets: it says what was wrong, where, and what to do; the command line shows only that."""

from __future__ import annotations


class MeteoError(Exception):
    """A fault that the person at the keyboard or the sender of the data can mend."""
