"""Checkpoints survive what disks, kernels and power do to them; counts go up by VTRAIN_FAULTS."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.faults.fault_save import save
from tests.faults.power_loss import Disk, logged
from vtrain.checkpoints.manifest import MANIFEST
from vtrain.checkpoints.retention import Rules
from vtrain.checkpoints.store import CheckpointStore
from vtrain.errors import CheckpointError

pytestmark = pytest.mark.faults

TIMES = int(os.environ.get("VTRAIN_FAULTS", "1"))
"""How many times the counts that follow."""


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """Two whole checkpoints, of steps 1 and 2."""
    made = CheckpointStore(tmp_path / "run" / "checkpoints")
    save(made, 1)
    save(made, 2)
    return made


def test_every_system_call_of_a_save_may_fail_or_be_the_last(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("fault_save.py")), tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["bad"] == []
    assert found["calls"] > 60
    assert found["ways"] == 6


def test_a_power_cut_at_any_moment_leaves_a_checkpoint(
    store: CheckpointStore, tmp_path: Path
) -> None:
    root = store.folder.parent
    disk = Disk(root)
    with logged(root) as log:
        save(store, 3)
    states = 0
    for number in range(len(log) + 1):
        for seed in range(-1, 11 * TIMES):
            chance = None if seed < 0 else random.Random(1000 * number + seed)  # noqa: S311
            disk.after_power_cut(chance, tmp_path / "cut")
            after = CheckpointStore(tmp_path / "cut" / "checkpoints")

            assert after.resolve("latest").step in (2, 3)
            assert after.resolve("best").step in (1, 2, 3)
            states += 1
        if number < len(log):
            disk.apply(log[number])
    assert states >= 500
    disk.after_power_cut(None, tmp_path / "cut")
    assert CheckpointStore(tmp_path / "cut" / "checkpoints").resolve("latest").step == 3


def restored(store: CheckpointStore, template: Path) -> None:
    shutil.rmtree(store.folder)
    shutil.copytree(template, store.folder)


def flip_a_bit(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def test_every_flipped_bit_is_noticed(
    store: CheckpointStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In each file of the newest checkpoint, in both pointers and in the list of pins."""
    store.pin(store.resolve("latest"), "kept")
    store.mark_best(store.resolve("latest"))
    shutil.copytree(store.folder, tmp_path / "template")
    files = sorted((store.folder / "step-000000002").iterdir())
    beside = [store.folder / name for name in ("latest.json", "best.json", "pins.json")]
    chance = random.Random(5)  # noqa: S311
    for number in range(1000 * TIMES):
        path = [*files, *beside][number % (len(files) + len(beside))]
        flip_a_bit(path, chance)
        caplog.clear()

        assert noticed(store, path, caplog)

        restored(store, tmp_path / "template")


def noticed(store: CheckpointStore, path: Path, caplog: pytest.LogCaptureFixture) -> bool:
    """Whether a damaged file is named, and done without."""
    if path.parent != store.folder:
        return store.resolve("latest").step == 1 and store.resolve("best").step == 1
    if path.stem == "pins":
        with pytest.raises(CheckpointError, match="pins"):
            store.prune(Rules(keep_last=1, keep_best=0))
        return len(store.checkpoints()) == 2
    return (
        store.pointer(path.stem) is None
        and path.name in caplog.text
        and store.resolve(path.stem).step == 2
    )


def test_every_truncation_is_noticed(store: CheckpointStore, tmp_path: Path) -> None:
    shutil.copytree(store.folder, tmp_path / "template")
    files = sorted((store.folder / "step-000000002").iterdir())
    chance = random.Random(6)  # noqa: S311
    for _ in range(100 * TIMES):
        path = chance.choice(files)
        os.truncate(path, chance.randrange(path.stat().st_size))

        assert store.resolve("latest").step == 1
        restored(store, tmp_path / "template")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("swapped", "SHA-256|bytes"),
        ("missing", "cannot be read"),
        ("extra", "not in the manifest"),
        ("edited", "digest"),
        ("future", "schema 99"),
        ("link", "not a plain file"),
    ],
)
def test_what_was_done_to_the_files_is_named(store: CheckpointStore, harm: str, words: str) -> None:
    folder = store.folder / "step-000000002"
    policy, state, manifest = (
        folder / name for name in ("policy.safetensors", "state.json", MANIFEST)
    )
    if harm == "swapped":
        one, other = policy.read_bytes(), state.read_bytes()
        policy.write_bytes(other)
        state.write_bytes(one)
    elif harm == "missing":
        state.unlink()
    elif harm == "extra":
        (folder / "more.json").write_text("{}")
    elif harm == "link":
        target = state.rename(folder.parent.parent / "state.json")
        state.symlink_to(target)
    else:
        body = json.loads(manifest.read_text())
        body["step" if harm == "edited" else "schema"] = 99
        manifest.write_text(json.dumps(body))

    named = [problem for item in store.checkpoints() for problem in item.problems()]
    named += [problem for _, problem in store.damaged()]

    assert len(named) >= 1
    assert re.search(words, " ".join(named))
    assert store.resolve("latest").step == 1


def test_five_hundred_cycles_leave_nothing_behind(store: CheckpointStore) -> None:
    process = psutil.Process()
    figures = []
    for step in range(3, 503):
        save(store, step)
        if step in (103, 502):
            size = sum(path.stat().st_size for path in store.folder.rglob("*") if path.is_file())
            figures.append((process.num_fds(), size, process.memory_info().rss))

    (handles, size, memory), (handles_after, size_after, memory_after) = figures
    assert handles_after == handles
    assert size_after == pytest.approx(size, rel=0.02)
    assert memory_after - memory < 20_000_000
    assert [item.step for item in store.checkpoints()] == [501, 502]


def test_a_future_checkpoint_alone_says_to_update(store: CheckpointStore) -> None:
    for folder in store.folder.glob("step-*"):
        body = json.loads((folder / MANIFEST).read_text())
        (folder / MANIFEST).write_text(json.dumps({**body, "schema": 99}))

    with pytest.raises(CheckpointError, match="schema 99"):
        store.resolve("latest")
