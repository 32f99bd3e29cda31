"""`meteo serve` and `meteo operator link`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from api.commands import make_link, register
from api.sessions import signing_key
from infra.errors import MeteoError
from infra.settings import Settings
from infra.settings import settings as current
from tests.api.conftest import Served


@pytest.fixture
def command() -> typer.Typer:
    """Return a command line with the interface's commands only."""
    app = typer.Typer()
    register(app)
    return app


def test_a_busy_port_is_told_before_anything_starts(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        monkeypatch.setenv("METEO_API_PORT", str(port))
        monkeypatch.setenv("METEO_DATA_DIR", str(tmp_path))
        current.cache_clear()
        result = CliRunner().invoke(command, ["serve"])
    current.cache_clear()
    assert isinstance(result.exception, MeteoError)
    assert str(port) in str(result.exception)


def test_the_link_made_by_the_command_opens_the_served_world(served: Served) -> None:
    link = make_link(served.settings.model_copy(update={"public_url": served.base}))
    with served.client() as client:
        assert client.get(link).status_code == 303


def test_the_signing_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(world="demo", data_dir=tmp_path, _env_file=None)
    first = signing_key(settings)
    assert len(first) >= 32
    assert signing_key(settings) == first
    assert (tmp_path / "session.key").stat().st_mode & 0o077 == 0
