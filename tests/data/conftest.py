"""Small corpora and runs for the tests of the data stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from vtrain.data.samples import write_samples
from vtrain.rundir import RunDirectory


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen procedural logos, four of each category."""
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder, 16, 0)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", name="test")
