"""Saving, finding and loading checkpoints; damage is noticed and costs at most that one."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vtrain.checkpoints.manifest import FileRecord
from vtrain.checkpoints.retention import Rules
from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.errors import CheckpointError, StorageError
from vtrain.files import write_new

WEIGHTS: dict[str, NDArray[Any]] = {
    "w": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    "scalar": np.array(0.1),
    "empty": np.zeros((0, 3), np.int64),
    "flags": np.array([True, False]),
}
DOCUMENTS = {"state": {"best": -math.inf, "rng": 2**127 + 1, "names": ["é", None]}}


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


def save(store: CheckpointStore, step: int, **info: Any) -> Checkpoint:
    return store.save(step, tensors={"policy": WEIGHTS}, documents=DOCUMENTS, info=info)


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("what", ["pin", "unpin"])
def test_a_pin_that_the_disk_has_no_room_for_changes_nothing(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, call: int, what: str
) -> None:
    first, second = save(store, 1), save(store, 2)
    store.pin(first, "kept")
    files = {path: path.read_bytes() for path in store.folder.parent.rglob("*") if path.is_file()}
    calls = 0

    def full(path: Path, data: bytes, *, flush: bool) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_new(path, data, flush=flush)

    with monkeypatch.context() as patch:
        patch.setattr("vtrain.files.write_new", full)
        with pytest.raises(StorageError, match="No space is left"):
            store.unpin(first) if what == "unpin" else store.pin(second)
    after = {path: path.read_bytes() for path in store.folder.parent.rglob("*") if path.is_file()}
    store.pin(second)

    assert calls == call
    assert after == files
    assert store.pins() == {first.name: "kept", second.name: ""}
    told = json.loads((store.folder.parent / "checkpoint_info.json").read_text())
    assert told["pinned"] == [first.name, second.name]


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_what_was_saved_comes_back_exactly(store: CheckpointStore) -> None:
    saved = save(store, 12_288, utility=np.float32(0.5), table="abc")

    found = store.resolve("latest")
    loaded = store.load(found)

    assert found == saved
    assert found.name == "step-000012288"
    assert found.step == 12_288
    assert found.info == {"utility": 0.5, "table": "abc"}
    assert loaded.documents == DOCUMENTS
    assert set(loaded.tensors) == {"policy"}
    for name, array in WEIGHTS.items():
        back = loaded.tensors["policy"][name]
        assert back.dtype == array.dtype
        assert back.flags.writeable
        np.testing.assert_array_equal(back, array, strict=True)


def test_names_best_latest_and_steps_resolve(store: CheckpointStore) -> None:
    for step in (100, 200, 300):
        checkpoint = save(store, step)
        if step == 200:
            store.mark_best(checkpoint)

    assert store.resolve("latest").step == 300
    assert store.resolve("best").step == 200
    assert store.resolve("100").step == 100
    assert [item.step for item in store.checkpoints()] == [100, 200, 300]


def test_best_without_a_pointer_is_the_highest_utility(store: CheckpointStore) -> None:
    for step, utility in ((1, 0.1), (2, 0.9), (3, 0.5), (4, None), (5, math.nan)):
        save(store, step, utility=utility)

    assert store.resolve("best").step == 2


def test_best_without_a_pointer_is_what_the_newest_took_for_it(store: CheckpointStore) -> None:
    """A higher utility within noise has not replaced it."""
    save(store, 1, utility=0.5, best_step=1)
    save(store, 2, utility=0.6, best_step=1)

    assert store.resolve("best").step == 1
    assert store.repair().pointers == {"latest": "step-000000002", "best": "step-000000001"}


@pytest.mark.parametrize("best", [[0.5, 1], {"utility": 0.5, "step": 1, "values": []}])
def test_earlier_versions_say_in_their_state_what_they_took_for_the_best(
    store: CheckpointStore, best: object
) -> None:
    for step, utility in ((1, 0.5), (2, 0.6)):
        store.save(
            step,
            tensors={"policy": WEIGHTS},
            documents={"state": {"best": best}},
            info={"utility": utility},
        )

    assert store.resolve("best").step == 1


def test_of_equals_the_earlier_is_the_best(store: CheckpointStore) -> None:
    save(store, 1, utility=0.5)
    save(store, 2, utility=0.5)

    assert store.resolve("best").step == 1


def test_what_verifies_also_loads(store: CheckpointStore) -> None:
    """The hashes are right, and the content is no JSON."""
    save(store, 1)
    second = save(store, 2)
    (second.path / "state.json").write_text("{")
    data = (second.path / "state.json").read_bytes()
    record = FileRecord(len(data), hashlib.sha256(data).hexdigest())
    files = {**second.manifest.files, "state.json": record}
    (second.path / "manifest.json").write_bytes(replace(second.manifest, files=files).to_bytes())

    (bad,) = store.verify(store.checkpoints()[-1])

    assert "cannot be understood" in bad
    assert store.resolve("latest").step == 1


def test_a_step_saved_again_gets_a_new_name(store: CheckpointStore) -> None:
    first = save(store, 5, attempt=1)
    second = save(store, 5, attempt=2)

    assert first.path != second.path
    assert store.resolve("latest").info == {"attempt": 2}
    assert store.resolve("5").info == {"attempt": 2}
    assert store.verify(first) == []


def test_a_pointer_is_only_a_hint(store: CheckpointStore) -> None:
    save(store, 1)
    save(store, 2)
    (store.folder / "latest.json").write_text("{")
    (store.folder / "best.json").write_text('{"schema": 1, "name": "../../elsewhere"}')

    assert store.resolve("latest").step == 2
    assert store.resolve("best").step == 2


@pytest.mark.parametrize("name", ["policy.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "grow", "remove", "link"])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_is_used(
    store: CheckpointStore, caplog: pytest.LogCaptureFixture, name: str, harm: str
) -> None:
    save(store, 1)
    bad = save(store, 2)
    path = bad.path / name
    if harm == "flip":
        damage(path)
    elif harm == "cut":
        os.truncate(path, 5)
    elif harm == "grow":
        path.write_bytes(path.read_bytes() + b" x")
    else:
        path.rename(path.with_name("moved"))
        if harm == "link":
            path.symlink_to("moved")

    assert store.verify(bad)
    with caplog.at_level(logging.WARNING):
        assert store.resolve("latest").step == 1
        assert bad.path.exists()  # who only reads leaves it where it is
        assert store.resolve("latest", set_aside=True).step == 1

    assert "set aside" in caplog.text
    assert not bad.path.exists()
    assert (store.folder / "step-000000002.bad" / "moved").exists() == (harm in ("remove", "link"))
    assert [item.step for item in store.checkpoints()] == [1]
    assert [path.name for path, _ in store.damaged()] == ["step-000000002.bad"]


def test_a_new_save_of_a_set_aside_step_does_not_hide_it(store: CheckpointStore) -> None:
    damage(save(store, 1).path / "state.json")
    for _ in range(2):
        with pytest.raises(CheckpointError, match="1 are damaged and none is whole"):
            store.resolve("latest", set_aside=True)

    assert store.occupied()
    assert save(store, 1).name == "step-000000001-r2"


def test_a_named_step_never_falls_back(store: CheckpointStore) -> None:
    save(store, 1)
    damage(save(store, 2).path / "state.json")

    with pytest.raises(CheckpointError, match=r"2 .* is damaged. The steps there are: 1, 2"):
        store.resolve("2")
    with pytest.raises(CheckpointError, match=r"7 .* does not exist. The steps there are: 1, 2"):
        store.resolve("7")


def test_no_checkpoint_is_an_error_that_says_how_to_get_one(store: CheckpointStore) -> None:
    with pytest.raises(CheckpointError, match="none yet") as caught:
        store.resolve("latest")

    assert caught.value.exit_code == 6
    assert "vtrain train" in caught.value.hint


def test_loading_checks_before_it_parses(store: CheckpointStore) -> None:
    checkpoint = save(store, 1)
    damage(checkpoint.path / "policy.safetensors")

    with pytest.raises(CheckpointError, match="SHA-256"):
        store.load(checkpoint)


def test_a_newer_schema_is_not_taken_for_damage(store: CheckpointStore) -> None:
    checkpoint = save(store, 1)
    path = checkpoint.path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))

    with pytest.raises(CheckpointError, match="schema 2"):
        store.resolve("latest", set_aside=True)

    assert checkpoint.path.exists()
    assert store.repair().newer == [checkpoint.name]


def test_a_newer_one_that_is_passed_over_is_told(
    store: CheckpointStore, caplog: pytest.LogCaptureFixture
) -> None:
    save(store, 1)
    path = save(store, 2).path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))

    assert store.resolve("latest").step == 1

    assert "has schema 2" in caplog.text
    assert "step-000000001 is used instead" in caplog.text


def test_a_manifest_cannot_reach_outside_its_folder(store: CheckpointStore) -> None:
    from vtrain.checkpoints.manifest import Manifest  # noqa: PLC0415 - only here

    checkpoint = save(store, 1)
    hostile = Manifest(1, "", {"../x.json": FileRecord(1, "")}, {}, {})
    (checkpoint.path / "manifest.json").write_bytes(hostile.to_bytes())

    with pytest.raises(CheckpointError):
        store.resolve("latest")
    with pytest.raises(ValueError, match="not a name"):
        store.save(2, tensors={}, documents={"../x": 1}, info={})
    with pytest.raises(ValueError, match="not a name"):
        store.save(2, tensors={}, documents={"manifest": 1}, info={})


def test_pruning_keeps_the_newest_the_best_and_what_best_points_at(
    store: CheckpointStore,
) -> None:
    for step, utility in ((1, 0.2), (2, 0.9), (3, 0.3), (4, 0.1), (5, 0.0)):
        checkpoint = save(store, step, utility=utility)
        if step == 3:
            store.mark_best(checkpoint)

    removed = store.prune(Rules(keep_last=1, keep_best=1))

    assert [item.name for item in removed] == ["step-000000001", "step-000000004"]
    assert [item.step for item in store.checkpoints()] == [2, 3, 5]
    assert [path.name for path in store.folder.glob(".*")] == []


def test_pruning_never_removes_the_last_that_verifies(store: CheckpointStore) -> None:
    save(store, 1)
    save(store, 2)
    for step in (3, 4):
        damage(save(store, step).path / "policy.safetensors")

    store.prune(Rules(keep_last=1, keep_best=1))

    assert [item.step for item in store.checkpoints()] == [2, 4]
    assert store.resolve("latest").step == 2


def test_pruning_clears_what_a_crash_left(store: CheckpointStore) -> None:
    save(store, 1)
    shutil.copytree(store.folder / "step-000000001", store.folder / ".step-000000002.1-ab.tmp")

    store.prune(Rules(keep_last=1, keep_best=1))

    assert list(store.folder.glob(".*")) == []


def test_the_run_has_a_summary_of_its_checkpoints(store: CheckpointStore) -> None:
    store.mark_best(save(store, 1, utility=2.5))
    save(store, 2)

    summary = json.loads((store.folder.parent / "checkpoint_info.json").read_text())

    assert summary["schema"] == 1
    assert (summary["latest"], summary["best"]) == ("step-000000002", "step-000000001")
    assert [item["step"] for item in summary["checkpoints"]] == [1, 2]
    assert summary["checkpoints"][0]["info"] == {"utility": 2.5}


def test_a_save_that_does_not_fit_leaves_nothing(store: CheckpointStore) -> None:
    save(store, 1)
    script = (
        "import resource, sys, pathlib\n"
        "import numpy as np\n"
        "from vtrain.checkpoints.store import CheckpointStore\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))\n"
        "store = CheckpointStore(pathlib.Path(sys.argv[1]))\n"
        "store.save(2, tensors={'p': {'w': np.zeros(9999)}}, documents={}, info={})\n"
    )
    before = sorted(os.listdir(store.folder))  # noqa: PTH208 - hidden files count too

    done = subprocess.run(
        [sys.executable, "-c", script, store.folder], capture_output=True, text=True, check=False
    )

    assert "StorageError: No space is left" in done.stderr
    assert before == sorted(os.listdir(store.folder))  # noqa: PTH208 - likewise
    assert store.resolve("latest").step == 1


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError):
        save(CheckpointStore(tmp_path / "file" / "checkpoints"), 1)


CRASH = """
import os, pathlib, sys
import numpy as np
from vtrain.checkpoints.retention import Rules
from vtrain.checkpoints.store import CheckpointStore

folder, crash_at = pathlib.Path(sys.argv[1]), int(sys.argv[2])
seen = 0

def hook(event, arguments):
    # Every call that changes a folder or opens a file goes through the interpreter's audit.
    global seen
    if event in ("open", "os.mkdir", "os.rename", "os.rmdir", "os.remove"):
        seen += 1
        if seen == crash_at:
            os._exit(9)

store = CheckpointStore(folder)
sys.addaudithook(hook)
checkpoint = store.save(
    3, tensors={"policy": {"w": np.ones(3)}}, documents={"state": {}}, info={"utility": 1.0}
)
store.mark_best(checkpoint)
store.prune(Rules(keep_last=1, keep_best=1))
"""


@pytest.mark.slow
@pytest.mark.faults
def test_a_crash_at_any_moment_leaves_a_checkpoint_that_verifies(tmp_path: Path) -> None:
    template = CheckpointStore(tmp_path / "template" / "checkpoints")
    save(template, 1)
    save(template, 2)
    for moment in range(1, 1000):
        run = tmp_path / str(moment)
        shutil.copytree(tmp_path / "template", run)
        store = CheckpointStore(run / "checkpoints")

        done = subprocess.run([sys.executable, "-c", CRASH, store.folder, str(moment)], check=False)

        assert done.returncode in (0, 9)
        assert store.resolve("latest").step in (2, 3)
        assert store.resolve("best").step in (2, 3)
        assert [path for path, _ in store.damaged()] == []
        save(store, 4)
        store.prune(Rules(keep_last=1, keep_best=1))
        assert list(store.folder.glob(".*")) == []
        if done.returncode == 0:
            assert moment > 10
            return
    pytest.fail("the script never ran to its end")
