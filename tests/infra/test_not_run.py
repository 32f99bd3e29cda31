"""A test that could not be run is named at the end, and fails the run in CI unless it is excused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
SUITE = """
import pytest

def test_done():
    pass

{mark}
def test_left():
    pytest.skip("no such service")
"""


def _run(folder: Path, mark: str, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(SUITE.format(mark=mark))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = community\n")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.fixtures.not_run",
            "-p",
            "no:cacheprovider",
            str(folder),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=TREE,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(TREE)},
    )


@pytest.mark.parametrize(
    ("mark", "ci", "status"), [("", "", 0), ("", "true", 1), ("@pytest.mark.community", "true", 0)]
)
def test_what_was_not_run(tmp_path: Path, mark: str, ci: str, status: int) -> None:
    result = _run(tmp_path, mark, ci)
    assert "test_it.py::test_left: no such service" in result.stdout
    assert result.returncode == status, result.stdout
    assert ("1 of these must run when CI=true" in result.stdout) == (status == 1)
