"""Trainings in processes of their own, and what came of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from vtrain.checkpoints.store import CheckpointStore
from vtrain.rundir import read_jsonl
from vtrain.training.replay import state_digest
from vtrain.training.state import ExactState

ROOT = Path(__file__).parents[2]


def child(
    run: Path,
    settings: list[str],
    *strike: object,
    temporary: Path | None = None,
    harms: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a training that is struck somewhere: see `tests.faults.train_child`."""
    command = [sys.executable, "-m", "tests.faults.train_child", str(run), json.dumps(settings)]
    return subprocess.Popen(
        [*command, *map(str, strike)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={
            **os.environ,
            **({"TMPDIR": str(temporary)} if temporary else {}),
            **({"VTRAIN_HARMS": str(harms)} if harms else {}),
        },
    )


def finish(process: subprocess.Popen[bytes]) -> int:
    """Wait for its end; its exit code."""
    _, words = process.communicate(timeout=300)
    assert b"Traceback" not in words, words.decode()
    return process.returncode


def figures(run: Path) -> tuple[str, list[dict[str, Any]]]:
    """Digest of the newest state, and the curve without the clock."""
    store = CheckpointStore(run / "checkpoints")
    loaded = store.load(store.resolve("latest"))
    state = ExactState(
        loaded.tensors["learner"],
        loaded.tensors["policy"],
        loaded.tensors["optimizer"],
        loaded.tensors["generators"],
        loaded.documents["state"],
    )
    rows = read_jsonl(run / "metrics.jsonl")
    return state_digest(state), [{k: v for k, v in row.items() if k != "wall"} for row in rows]
