"""Train a tiny run and be struck at a chosen moment; run as a script by test_faults_training.

    python -m tests.faults.train_child RUN SETTINGS [PHASE MOMENT SIGNAL]

In the folder that VTRAIN_HARMS names, a file `panic` or `memory` makes the next trace of a worker
panic, or take all the memory that it may; the file is gone then.

SETTINGS is a JSON list of overrides. At the MOMENT-th call of PHASE the process sends itself
SIGNAL; in the phase "stuck" a moment later, its tracing processes standing still. It resumes when
the run has checkpoints.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
import vtracer

import vtrain.checkpoints.folders as folders_module
import vtrain.training.session as session_module
from tests.training.conftest import tiny
from vtrain.checkpoints.store import CheckpointStore
from vtrain.errors import VtrainError
from vtrain.rundir import RunDirectory
from vtrain.training.train import train
from vtrain.training.vec_env import TraceVecEnv

PLACES: dict[str, tuple[Any, str]] = {
    "rollout": (TraceVecEnv, "step_wait"),
    "update": (torch.optim.Adam, "step"),
    "validation": (session_module, "check_policy"),
    "save": (folders_module, "write_new"),
    "stuck": (TraceVecEnv, "step_wait"),
}
"""What is called in each phase of training."""


def strike(phase: str, moment: int, number: int) -> None:
    """Send the process a signal at a call."""
    owner, name = PLACES[phase]
    original: Callable[..., Any] = getattr(owner, name)
    count = 0

    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == moment and phase == "stuck":
            for process in psutil.Process().children(recursive=True):
                if any("spawn_main" in word for word in process.cmdline()):
                    process.suspend()
            threading.Timer(0.5, os.kill, (os.getpid(), number)).start()
        elif count == moment:
            os.kill(os.getpid(), number)
        return original(*arguments, **options)

    setattr(owner, name, call)


def come_to_harm(folder: Path) -> None:
    """Patch VTracer in this process: it is a worker, which imports the main module too."""
    real = vtracer.convert_raw_image_to_svg

    def convert(png: bytes, **arguments: Any) -> str:
        for name in ("panic", "memory"):
            try:
                (folder / name).unlink()
            except FileNotFoundError:
                continue
            if name == "memory":
                np.ones(2**40, np.uint8)
            arguments["color_precision"] = 0
        return str(real(png, **arguments))

    vtracer.convert_raw_image_to_svg = convert


if "VTRAIN_HARMS" in os.environ:
    come_to_harm(Path(os.environ["VTRAIN_HARMS"]))


def main(root: str, settings: str, *rest: str) -> int:
    """Train; the exit code of `vtrain train`."""
    if rest:
        strike(rest[0], int(rest[1]), int(rest[2]))
    run = RunDirectory.open(Path(root))
    resume = bool(CheckpointStore(run.checkpoints).checkpoints())
    try:
        train(tiny(*json.loads(settings)), run, resume=resume, handle_signals=True)
    except VtrainError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
