"""What is put on a shelf in shared memory comes back, and nothing of it stays behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vtrain.environment.measurement import Bench, Request
from vtrain.environment.shelf import Shelf, open_shelf
from vtrain.scoring.packing import pack, unpack
from vtrain.scoring.reference import Reference
from vtrain.tracing.parameters import PRESETS, canonical, encode_settings

MIB = 1024 * 1024
RECIPE = canonical(encode_settings(PRESETS["recipe"]))


class Pictures:
    """One drawing; counts how often it was asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self._rgba = np.zeros((40, 30, 4), np.uint8)
        self._rgba[5:30, 6:20] = (200, 30, 30, 255)

    def input(self, _image: str) -> Any:
        self.asked += 1
        return self._rgba

    def reference(self, _image: str) -> Any:
        self.asked += 1
        return self._rgba.repeat(2, axis=0).repeat(2, axis=1)


def test_arrays_and_notes_come_back(tmp_path: Path) -> None:
    arrays: list[Any] = [
        np.arange(7, dtype=np.int32),
        np.zeros((0, 2), np.uint64),
        np.eye(3, dtype=np.float32),
    ]

    with open_shelf(16, tmp_path) as shelf:
        assert shelf is not None
        shelf.put("one", {"a": [1, 0.1]}, arrays)
        once = shelf.get("one")
        shelf.put("one", {"a": [1, 0.1]}, arrays)
        found = shelf.get("one")
        missing = shelf.get("two")

    assert missing is None
    assert once is None  # most images of most jobs are wanted once
    assert found is not None
    notes, got = found
    assert notes == {"a": [1, 0.1]}
    for one, other in zip(arrays, got, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    got[0][0] = 9  # a private copy, and still there after the shelf is gone
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("alpha", [255, 90])
def test_a_reference_is_the_same_after_packing(alpha: int) -> None:
    rgba = np.full((60, 50, 4), 255, np.uint8)
    rgba[10:40, 8:30] = (20, 90, 200, alpha)
    reference = Reference.of(rgba)

    again = unpack(*pack(reference))

    np.testing.assert_equal(asdict(again), asdict(reference))


def test_a_third_bench_finds_images_and_references_on_the_shelf(tmp_path: Path) -> None:
    requests = [Request("a", RECIPE, native=native, full=True) for native in (False, True)]
    plain = Bench(Pictures(), output_limit=MIB)
    expected = [plain.measure(request) for request in requests]
    all_pictures = [Pictures() for _ in range(3)]

    with open_shelf(16, tmp_path) as shelf:
        found = [
            [Bench(pictures, output_limit=MIB, shelf=shelf).measure(item) for item in requests]
            for pictures in all_pictures
        ]

    assert found == [expected] * 3
    # One bench asks for the input of the native reference by itself.
    assert [pictures.asked for pictures in all_pictures] == [3, 1, 0]


def test_a_shelf_takes_no_more_than_its_limit(tmp_path: Path) -> None:
    with open_shelf(1, tmp_path) as shelf:
        assert shelf is not None
        for number in [*range(8)] * 2:
            shelf.put(str(number), {}, [np.zeros(MIB // 4 - 4096, np.uint8)])
        kept = [number for number in range(8) if shelf.get(str(number))]
        size = sum(path.stat().st_size for path in shelf.folder.iterdir())

    assert kept == [0, 1, 2, 3]
    assert size <= MIB


def test_a_full_file_system_ends_the_adding_and_nothing_else(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "gone", MIB)

    shelf.put("one", {}, [np.zeros(3, np.uint8)])

    assert shelf.get("one") is None


def test_there_may_be_no_shelf(tmp_path: Path) -> None:
    with open_shelf(0, tmp_path) as shelf:
        assert shelf is None
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path,))
    process.start()
    while not list(tmp_path.glob("*/ready")):
        assert process.is_alive()
        time.sleep(0.01)
    (held,) = tmp_path.iterdir()
    fresh = tmp_path / "vtrain-shelf-fresh"
    fresh.mkdir()
    old = tmp_path / "vtrain-shelf-old"
    old.mkdir()
    os.utime(old, (0, 0))

    with open_shelf(16, tmp_path):
        assert held.exists()
        assert fresh.exists()
        assert not old.exists()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with open_shelf(16, tmp_path):
        assert not held.exists()


def _hold(parent: Path) -> None:
    with open_shelf(16, parent) as shelf:
        assert shelf is not None
        shelf.put("ready", {}, [])
        shelf.put("ready", {}, [])
        time.sleep(600)
