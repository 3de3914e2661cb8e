"""The checks of the machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.errors import TraceError
from vtrain.monitoring import doctor
from vtrain.monitoring.doctor import Check, examine


def named(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def test_a_working_installation_has_no_problem(tmp_path: Path) -> None:
    checks = examine(tmp_path)

    assert [check for check in checks if check.status == "problem"] == []
    assert {"python", "cores", "memory", "disk", "gpu", "tracer", "torch"} <= {
        check.name for check in checks
    }


def test_a_renderer_that_draws_nothing_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blank(_svg: str, width: int, height: int) -> NDArray[np.uint8]:
        return np.zeros((height, width, 4), np.uint8)

    monkeypatch.setattr(doctor, "render", blank)

    tracer = named(examine(tmp_path), "tracer")

    assert tracer.status == "problem"
    assert tracer.hint


def test_a_tracer_that_fails_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise TraceError("panic", "The tracer gave up")

    monkeypatch.setattr(doctor, "trace", fail)

    assert "gave up" in named(examine(tmp_path), "tracer").detail


def test_what_is_short_is_a_warning_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "memory_left", lambda: 1)

    memory = named(examine(tmp_path), "memory")

    assert memory.status == "warning"
    assert "workers" in memory.hint
