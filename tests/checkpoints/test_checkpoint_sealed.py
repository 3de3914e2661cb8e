"""Files with a digest notice every change; pointers and pins are such files."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from vtrain.checkpoints.names import parse_source
from vtrain.checkpoints.retention import Rules
from vtrain.checkpoints.sealed import NewerSchema, seal, unseal
from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.errors import CheckpointError

BODY = {"schema": 2, "name": "é", "rate": 1e-05, "nested": {"a": [1, None, True]}}


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "run" / "checkpoints")


def save(store: CheckpointStore, step: int) -> Checkpoint:
    return store.save(
        step,
        tensors={"policy": {"w": np.full(3, step, np.float32)}},
        documents={},
        info={"utility": float(step)},
    )


def test_what_was_sealed_comes_back(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(seal(BODY))

    assert unseal(tmp_path / "a.json", newest=2) == BODY


def test_every_single_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path, data = tmp_path / "a.json", seal(BODY)
    for place in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)

            with pytest.raises(CheckpointError, match=r"a\.json"):
                unseal(path, newest=2, unsealed=1)


def test_a_later_schema_is_not_damage(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(seal({"schema": 3}))

    with pytest.raises(NewerSchema, match="schema 3"):
        unseal(tmp_path / "a.json", newest=2)


def test_files_from_before_the_digests_are_read(store: CheckpointStore) -> None:
    first, _ = save(store, 1), save(store, 2)
    (store.folder / "best.json").write_text(json.dumps({"schema": 1, "name": first.name}))
    (store.folder / "pins.json").write_text(json.dumps({"schema": 1, "pinned": {first.name: "x"}}))

    assert store.pointer("best") == first.name
    assert store.pins() == {first.name: "x"}


def test_a_damaged_pointer_is_told_and_done_without(
    store: CheckpointStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.mark_best(save(store, 1))
    save(store, 2)
    for name in ("best", "latest"):
        path = store.folder / f"{name}.json"
        path.write_bytes(path.read_bytes().replace(b"00000000", b"00000009"))

    with caplog.at_level(logging.WARNING):
        found = {name: store.resolve(name).step for name in ("best", "latest")}

    assert found == {"best": 2, "latest": 2}
    assert "best.json is damaged" in caplog.text


def test_nothing_is_removed_while_the_pins_are_damaged(store: CheckpointStore) -> None:
    store.pin(save(store, 1), "shipped")
    save(store, 2)
    save(store, 3)
    path = store.folder / "pins.json"
    path.write_bytes(path.read_bytes().replace(b"000000001", b"000000009"))

    with pytest.raises(CheckpointError, match=r"pins\.json is damaged.*none is removed"):
        store.prune(Rules(keep_last=1, keep_best=0))
    with pytest.raises(CheckpointError, match="pinned"):
        store.pin(store.resolve("latest"))
    assert [item.step for item in store.checkpoints()] == [1, 2, 3]

    store.repair()

    assert store.pins() == {}
    assert (store.folder / "pins.json.bad").exists()
    path.write_bytes(b"{")
    assert store.repair().set_aside == ["pins.json"]
    assert len(list(store.folder.glob("pins.json.bad*"))) == 2
    assert len(store.prune(Rules(keep_last=1, keep_best=0))) == 2


def test_pins_set_at_the_same_time_are_all_kept(store: CheckpointStore) -> None:
    found = [save(store, step) for step in range(1, 9)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(store.pin, found))

    assert set(store.pins()) == {item.name for item in found}


@pytest.mark.parametrize(
    ("text", "run", "step"),
    [
        ("runs/a", "runs/a", "best"),
        ("runs/a@512", "runs/a", "512"),
        ("runs/a@", "runs/a", "best"),
        ("it@home", "it@home", "best"),
        ("it@home@latest", "it@home", "latest"),
    ],
)
def test_a_run_may_have_an_at_sign_in_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, run: str, step: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it@home").mkdir()

    assert parse_source(text, "best") == (Path(run), step)
