"""The checks of the machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.config.load import load_config
from vtrain.errors import TraceError
from vtrain.monitoring import doctor, doctor_config
from vtrain.monitoring.check import Check
from vtrain.monitoring.doctor import examine
from vtrain.monitoring.doctor_config import examine_config
from vtrain.monitoring.limits import Limits


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


GIB = 2**30
SMALL = Limits(
    cores=8,
    usable_cores=2,
    memory_total=16 * GIB,
    memory_limit=4 * GIB,
    disk_free=GIB,
    cgroup=2,
    layout="v2",
    cores_group="/groups/pod",
    memory_group="/groups",
)


def test_the_group_that_limits_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Limits, "of", lambda _folder: SMALL)

    checks = examine(tmp_path)

    cores, memory = named(checks, "cores"), named(checks, "memory")
    assert cores.detail == "2 usable of 8, limited by the control group /groups/pod"
    assert memory.detail.endswith("of 4.0 GiB, limited by the control group /groups")


def test_a_folder_that_cannot_be_written_is_a_problem() -> None:
    locks = named(examine(Path("/proc")), "locks")

    assert locks.status == "problem"
    assert "--run" in locks.hint


@pytest.mark.parametrize(
    ("settings", "left", "name", "status", "hint"),
    [
        (["resources.workers=2"], 4, "config: workers", "ok", ""),
        (["resources.workers=4"], 4, "config: workers", "warning", "resources.workers=2"),
        (["resources.workers=1"], 4, "config: workers", "warning", "resources.workers=2"),
        (["resources.torch_threads=8"], 4, "config: workers", "warning", "torch_threads=2"),
        ([], 4, "config: memory", "ok", ""),
        (["resources.workers=4"], 2, "config: memory", "problem", "resources.workers=2"),
        ([], 1, "config: memory", "problem", "larger machine"),
        ([], 2, "config: memory", "warning", "tracing.shared_memory="),
        (["ppo.n_envs=4"], 4, "config: environments", "warning", "ppo.n_envs=16"),
        (["validation.against=[default]"], 4, "config: baselines", "ok", ""),
        (["validation.against=[nothing]"], 4, "config: baselines", "problem", ""),
    ],
)
def test_a_configuration_is_held_against_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    *,
    settings: list[str],
    left: int,
    name: str,
    status: str,
    hint: str,
) -> None:
    monkeypatch.setattr(doctor_config, "memory_left", lambda: left * GIB)

    found = named(examine_config(load_config((), settings).config, SMALL), name)

    assert (found.status, hint in found.hint) == (status, True)
    if found.hint and "--set" in found.hint:
        load_config((), [found.hint.partition("--set ")[2]])
