"""Many images: in order, in other processes, and past bad ones."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.agent.conftest import Draw
from vtrain.agent import TraceAgent, TraceResult, batch
from vtrain.agent.batch import Traced, Wanted, trace_files
from vtrain.agent.plan import plan
from vtrain.errors import TraceError


def run(agent: TraceAgent, folder: Path, wanted: Wanted, workers: int) -> list[Traced]:
    jobs = plan([str(folder)], folder.with_name(f"out-{workers}"))
    return list(trace_files(agent, jobs, wanted, workers=workers))


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(traces=2, compare=True, title=True)])
def test_workers_give_the_same_drawings_in_the_same_order(
    agent: TraceAgent, tmp_path: Path, save: Draw, wanted: Wanted
) -> None:
    for name in ("in/b.png", "in/a.png", "in/deep/c.png"):
        save(name)
    (tmp_path / "in" / "aa.png").write_bytes(b"no picture")

    apart, here = (run(agent, tmp_path / "in", wanted, workers) for workers in (2, 0))

    assert [Path(done.name).name for done in apart] == ["a.png", "aa.png", "b.png", "c.png"]
    assert [done.result for done in apart] == [done.result for done in here]
    assert [str(done.error) for done in apart] == [str(done.error) for done in here]
    assert (tmp_path / "out-2/deep/c.svg").read_bytes() == (
        tmp_path / "out-0/deep/c.svg"
    ).read_bytes()


class Fragile(TraceAgent):
    """What happens to it is the stem of the image."""

    def trace(self, image: Any, **options: Any) -> TraceResult:
        match stem := Path(image).stem:
            case "time-limit":
                time.sleep(600)
            case "memory-limit":
                np.ones(10**11)
            case "memory-limit-of-opencv":
                np.asarray(cv2.resize(np.zeros((9, 9, 4), np.float32), (90_000, 90_000)))
            case "panic":
                raise TraceError("panic", "VTracer panicked")
            case "fault":
                raise KeyError(stem)
            case "worker-died":
                os.kill(os.getpid(), signal.SIGKILL)
        return super().trace(image, **options)


@pytest.mark.parametrize(
    "stem",
    [
        "memory-limit",
        "memory-limit-of-opencv",
        "panic",
        "fault",
        pytest.param("time-limit", marks=pytest.mark.slow),
        "worker-died",
    ],
)
def test_a_hostile_image_does_not_stop_the_rest(
    agent: TraceAgent, tmp_path: Path, save: Draw, monkeypatch: pytest.MonkeyPatch, stem: str
) -> None:
    # Long for an image, short for one that hangs.
    monkeypatch.setattr(batch, "_TIME_LIMIT", 5.0)
    for name in ("a", stem, "z"):
        save(f"in/{name}.png")

    first, second, third = run(Fragile(agent.network), tmp_path / "in", Wanted(), 1)

    assert first.error is None
    assert third.error is None
    assert isinstance(second.error, TraceError)
    assert second.error.reason == stem.removesuffix("-of-opencv")
    assert "tracing." not in str(second.error), "there is no such option here"
    assert (tmp_path / "out-1" / "z.svg").exists()
    assert not (tmp_path / "out-1" / f"{stem}.svg").exists()


def test_progress_counts_up_to_all(agent: TraceAgent, tmp_path: Path, save: Draw) -> None:
    for name in ("in/a.png", "in/b.png"):
        save(name)
    jobs = plan([str(tmp_path / "in")], tmp_path / "out")
    seen: list[tuple[int, int]] = []

    for _ in trace_files(
        agent, jobs, Wanted(), on_progress=lambda done, total: seen.append((done, total))
    ):
        pass

    assert seen == [(1, 2), (2, 2)]


def test_a_fault_ends_the_work_on_one_image_alone(
    agent: TraceAgent, tmp_path: Path, save: Draw
) -> None:
    for name in ("a", "fault", "z"):
        save(f"in/{name}.png")

    first, second, third = run(Fragile(agent.network), tmp_path / "in", Wanted(), 0)

    assert first.error is None
    assert third.error is None
    assert "KeyError: 'fault'" in str(second.error)
    with pytest.raises(KeyError):
        run(Fragile(agent.network), tmp_path / "in" / "fault.png", Wanted(), 0)
