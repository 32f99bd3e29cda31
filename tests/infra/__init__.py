"""Tests of what every part stands on, against the real services."""
