"""Running the real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
Vtrain = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def vtrain(tmp_path: Path) -> Vtrain:
    """Runs ``vtrain ARGUMENT...`` in an empty folder."""

    def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "100"}
        return subprocess.run(
            [sys.executable, "-m", "vtrain.cli.main", *map(str, arguments)],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            input=stdin,
        )

    return run
