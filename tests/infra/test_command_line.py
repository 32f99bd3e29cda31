"""The frame of the command: one clear line for what a person can mend, a traceback only when asked for."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import typer
from typer.core import TyperGroup

import infra.command_line

TREE = Path(__file__).parents[2]


def _meteo(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.command_line", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=TREE,
        env={**os.environ, **environment},
    )


def test_the_frame_imports_none_of_the_other_folders() -> None:
    tree = ast.parse(Path(infra.command_line.__file__).read_text())
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not {name.split(".")[0] for name in imported} & {"streams", "forecasting", "api"}


def test_every_command_is_named_by_its_entry_point() -> None:
    brought = typer.main.get_command(infra.command_line.build_app())
    assert isinstance(brought, TyperGroup)
    assert set(brought.commands) == {point.name for point in entry_points(group=infra.command_line.GROUP)}


def test_one_command_loads_its_own_part_only() -> None:
    only = typer.main.get_command(infra.command_line.build_app("worker"))
    assert isinstance(only, TyperGroup)
    assert "worker" in only.commands
    assert "serve" not in only.commands


def test_the_version() -> None:
    assert _meteo("--version").stdout.startswith("meteo 0.")


def test_a_wrong_setting_is_one_line_and_exit_2() -> None:
    result = _meteo("settings", "show", METEO_API_PORT="many")
    assert result.returncode == 2
    assert "METEO_API_PORT" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_traceback_is_there_when_asked_for() -> None:
    result = _meteo("settings", "show", METEO_API_PORT="many", METEO_DEBUG="1")
    assert "Traceback" in result.stderr


def test_secrets_are_not_shown() -> None:
    secret = "x" * 40
    result = _meteo(
        "settings",
        "show",
        METEO_SECRET_KEY=secret,
        METEO_DATABASE_URL="postgresql://me:very-secret@db.example/meteo",
    )
    assert result.returncode == 0
    assert "METEO_SECRET_KEY=(hidden)" in result.stdout
    assert "METEO_DATABASE_URL=postgresql://me@db.example/meteo" in result.stdout
    assert secret not in result.stdout
    assert "very-secret" not in result.stdout


def test_ctrl_c_while_commands_are_imported_is_quiet() -> None:
    # The signal comes in the middle of the import of a part, as a hand would send it.
    script = (
        "import os, signal, infra.command_line as line\n"
        # Whoever runs the tests in the background had the signal ignored, and a child inherits that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "line._register = lambda point, app: os.kill(os.getpid(), signal.SIGINT)\n"
        "line.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60, cwd=TREE
    )
    assert ended.returncode == 130
    assert ended.stdout + ended.stderr == ""


def test_services_go_up_and_down_from_separate_processes(tmp_path: Path) -> None:
    folder = {"METEO_DATA_DIR": str(tmp_path)}
    up = _meteo("services", "up", **folder)
    assert up.returncode == 0, up.stderr
    assert "export METEO_KAFKA_BOOTSTRAP=127.0.0.1:" in up.stdout
    assert "export METEO_DATABASE_URL=postgresql://postgres:" in up.stdout
    assert _meteo("services", "status", **folder).returncode == 0
    down = _meteo("services", "down", **folder)
    assert down.stdout == "kafka: stopped\npostgres: stopped\n"
    assert _meteo("services", "status", **folder).returncode == 1
