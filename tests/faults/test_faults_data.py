"""A data pass that is killed at any moment loses nothing: the next one ends where it would have.

VTRAIN_FAULTS=10 makes the full counts.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vtrain.data.samples import write_samples

pytestmark = pytest.mark.faults

TIMES = int(os.environ.get("VTRAIN_FAULTS", "1"))
KILLS = 12 if TIMES == 1 else 20 * TIMES
COMMAND = (sys.executable, "-m", "vtrain.cli.main", "data", "prepare", "logos", "--run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 120 logos and a run that was prepared undisturbed."""
    root = tmp_path_factory.mktemp("kills")
    write_samples(root / "logos", 120, 4)
    shutil.copy(next((root / "logos" / "text").iterdir()), root / "logos" / "text" / "copy.svg")
    (root / "logos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = subprocess.run([*COMMAND, "whole"], cwd=root, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return root


def digest(run: Path) -> str:
    return hashlib.sha256((run / "data_cache" / "catalog.sqlite").read_bytes()).hexdigest()


def pixels(run: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (run / "data_cache" / "images").iterdir()
    }


def count(run: Path) -> int:
    images = run / "data_cache" / "images"
    return sum(1 for _ in images.iterdir()) if images.is_dir() else 0


def runs(process: subprocess.Popen[bytes]) -> bool:
    """Whether it still runs, a moment later."""
    try:
        process.wait(0.004)
    except subprocess.TimeoutExpired:
        return True
    return False


def test_killed_passes_end_with_the_same_catalog(folder: Path) -> None:
    """Each kill falls after a random number of written files, or at a random later step."""
    moments = random.Random(8)  # noqa: S311 - moments, not secrets
    total = count(folder / "whole")
    killed = 0
    for number in range(KILLS):
        run = folder / f"killed-{number}"
        after = moments.randrange(total + 12)
        process = subprocess.Popen(
            [*COMMAND, run.name],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while runs(process) and count(run) < min(after, total):
            pass
        # After the last image come the catalog, the figures and the cleaning.
        for _ in range(max(0, after - total) * 4):
            if not runs(process):
                break
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()

        again = subprocess.run([*COMMAND, run.name], cwd=folder, capture_output=True, check=False)

        assert again.returncode == 0, again.stderr
        assert digest(run) == digest(folder / "whole")
        assert pixels(run) == pixels(folder / "whole")
        assert not list(run.rglob("*.tmp"))
        shutil.rmtree(run)
    assert killed >= KILLS * 3 // 4


def test_an_interrupted_pass_is_gone_on_with(folder: Path) -> None:
    run = folder / "interrupted"
    process = subprocess.Popen(
        [*COMMAND, run.name], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    while runs(process) and count(run) < 60:
        pass
    process.send_signal(signal.SIGINT)
    _, words = process.communicate()

    again = subprocess.run(
        [*COMMAND, run.name], cwd=folder, capture_output=True, text=True, check=False
    )

    assert process.returncode == 130
    assert b"Traceback" not in words
    assert again.returncode == 0, again.stderr
    assert " unchanged" in again.stderr
    assert " 0 unchanged" not in again.stderr
    assert digest(run) == digest(folder / "whole")
