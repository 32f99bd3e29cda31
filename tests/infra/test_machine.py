"""A machine on which the packaged programs cannot run is refused before anything is fetched."""

from __future__ import annotations

import os
import platform

import pytest

from infra.errors import MeteoError
from infra.services import machine, ports


def test_this_machine_is_accepted() -> None:
    machine.check_machine()
    found = machine.glibc_version()
    assert found is not None
    assert found >= machine.OLDEST_GLIBC


@pytest.mark.parametrize(
    ("what", "answer", "message"),
    [
        ("system", "Darwin", "run on Linux, this is Darwin"),
        ("machine", "aarch64", "run on x86-64, this is aarch64"),
    ],
)
def test_another_machine_is_told_what_to_use_instead(
    monkeypatch: pytest.MonkeyPatch, what: str, answer: str, message: str
) -> None:
    monkeypatch.setattr(platform, what, lambda: answer)
    with pytest.raises(
        MeteoError, match=f"{message}; use services of your own through METEO_KAFKA_BOOTSTRAP"
    ):
        machine.check_machine()


def test_an_old_c_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "confstr", lambda _: "glibc 2.17")
    with pytest.raises(MeteoError, match=r"need glibc 2.28 or newer, this is glibc 2.17"):
        machine.check_machine()


def test_ports_are_chosen_outside_the_range_of_outgoing_connections() -> None:
    first_outgoing = int(ports._OUTGOING_RANGE.read_text().split()[0])
    chosen = {ports.choose_port() for _ in range(20)}
    assert all(10_000 <= port < max(first_outgoing, 11_000) for port in chosen)
    assert all(ports.is_free(port) for port in chosen)
