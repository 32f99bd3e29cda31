"""The maker of the environment refuses what cannot work, and says what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the script where there is no environment yet."""
    (tmp_path / "infra" / "deploy").mkdir(parents=True)
    shutil.copy(TREE / "infra" / "deploy" / "environment.sh", tmp_path / "infra" / "deploy")
    return tmp_path


def _make(checkout: Path, kind: str = "demo", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "infra/deploy/environment.sh", kind],
        capture_output=True,
        text=True,
        check=False,
        cwd=checkout,
        env={"PATH": os.environ["PATH"]} | environment,
    )


def _script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_another_python_is_refused(checkout: Path) -> None:
    old = _script(checkout / "python-old", "exit 1")
    result = _make(checkout, PYTHON=old)
    assert result.returncode == 2
    assert result.stderr == f"meteo: PYTHON={old} is not a Python 3.11, 3.12 or 3.13\n"
    assert not (checkout / ".venv").exists()


def test_a_python_without_venv_is_refused(checkout: Path) -> None:
    bare = _script(
        checkout / "python-bare",
        f'case "$2" in *ensurepip*) exit 1 ;; *) exec {sys.executable} "$@" ;; esac',
    )
    result = _make(checkout, PYTHON=bare)
    assert result.returncode == 2
    assert "has no venv module: install it (on Debian and Ubuntu: the package python3." in result.stderr


@pytest.mark.parametrize(
    ("program", "answer", "message"),
    [
        (
            "uname",
            'if [ "$1" = -m ]; then echo aarch64; else echo Linux; fi',
            "x86-64 machines (here: aarch64)",
        ),
        ("uname", "echo Darwin", "runs on Linux (here: Darwin)"),
        ("getconf", "echo glibc 2.17", "glibc 2.28 or newer (here: 2.17)"),
        ("getconf", "exit 1", "this system has another C library"),
    ],
)
def test_another_machine_is_refused(checkout: Path, program: str, answer: str, message: str) -> None:
    (checkout / "bin").mkdir()
    _script(checkout / "bin" / program, answer)
    result = _make(checkout, PATH=f"{checkout / 'bin'}:{os.environ['PATH']}")
    assert result.returncode == 2
    assert message in result.stderr


def test_make_help_names_the_targets() -> None:
    result = subprocess.run(["make", "help"], capture_output=True, text=True, check=True, cwd=TREE)
    named = {line.split()[1] for line in result.stdout.splitlines()}
    wanted = {
        "demo",
        "test",
        "lint",
        "types",
        "bench",
        "faults",
        "services-up",
        "services-down",
        "docs",
        "help",
    }
    assert wanted <= named
