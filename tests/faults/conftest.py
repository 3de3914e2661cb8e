from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.conftest import tiny
from vtrain.data.prepare import prepare
from vtrain.rundir import RunDirectory


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with prepared procedural logos."""
    run = RunDirectory.create(tmp_path_factory.mktemp("prepared") / "run", name="tiny")
    prepare([], run=run, config=tiny().data, workers=0)
    return run.root
