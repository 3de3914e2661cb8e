"""Which policy `vtrain trace` says it uses, and how many processes it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.numpy

from tests.agent.policies import arrays
from vtrain.agent import agent as agents
from vtrain.cli import trace_command as cli


def test_the_policy_that_nobody_named_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.safetensors"
    safetensors.numpy.save_file(arrays(), policy)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agents, "SHIPPED", policy)

    cli._agent(policy, None, "best")
    named = capsys.readouterr().err
    cli._agent(None, None, "best")
    found = capsys.readouterr().err

    assert named == ""
    assert found == "Using the policy that comes with vtrain.\n"


@pytest.mark.parametrize(
    ("images", "workers", "expected"), [(1, None, 0), (1, 4, 0), (8, None, 0), (2, 1, 1), (9, 3, 3)]
)
def test_few_images_start_no_processes(images: int, workers: int | None, expected: int) -> None:
    assert cli._processes(images, workers) == expected


def test_many_images_use_every_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vtrain.resources.usable_cores", lambda: 7)

    assert cli._processes(9, None) == 7
