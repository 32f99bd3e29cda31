"""The files for containers are checked as far as they can be without an engine, and the locks name no host."""

from __future__ import annotations

import json
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from typer.core import TyperGroup
from typer.main import get_command

from infra.command_line import build_app
from infra.settings import Settings

TREE = Path(__file__).parents[2]
COMPOSE = TREE / "infra" / "deploy" / "compose.yaml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Read the file with its merges done."""
    loaded: dict[str, Any] = YAML(typ="safe").load(COMPOSE.read_text())
    return loaded


def test_compose_follows_the_specification(compose: dict[str, Any]) -> None:
    # The file alone: the package itself does not import beside the click that Faust asks for.
    vendored = "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    path = Path(str(distribution("check-jsonschema").locate_file(vendored)))
    validator = jsonschema.Draft202012Validator(json.loads(path.read_text()))
    assert [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(compose)] == []


def test_compose_sets_only_what_can_be_set(compose: dict[str, Any]) -> None:
    known = {f"METEO_{name.upper()}" for name in Settings.model_fields}
    for name, service in compose["services"].items():
        given = {key for key in service.get("environment", {}) if key.startswith("METEO_")}
        assert given <= known, name


def test_compose_starts_commands_that_exist(compose: dict[str, Any]) -> None:
    frame = get_command(build_app())
    assert isinstance(frame, TyperGroup)
    for name in ("worker", "forecaster", "api"):
        program, command = compose["services"][name]["command"]
        assert program == "meteo"
        assert command in frame.commands


def test_compose_publishes_on_the_loopback_address_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_says_that_it_was_not_run() -> None:
    assert "NOT RUN" in COMPOSE.read_text()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock", "requirements-build.lock"])
def test_a_lock_has_hashes_and_names_no_host(name: str) -> None:
    text = (TREE / name).read_text()
    assert "://" not in text
    pins = re.findall(r"^[A-Za-z0-9._-]+==.*?(?=^\S|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert pins
    assert all("--hash=sha256:" in pin for pin in pins)
