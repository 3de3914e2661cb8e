"""The contact sheet shows images of every category."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vtrain.config.data import DataConfig
from vtrain.config.section import CATEGORIES, Category
from vtrain.data.prepare import prepare
from vtrain.data.records import Entry
from vtrain.data.sheet import contact_sheet, pick_evenly
from vtrain.data.store import ImageStore
from vtrain.rundir import RunDirectory


def test_sheet_draws_each_image_once_on_a_checkerboard(samples: Path, run: RunDirectory) -> None:
    catalog = prepare([samples], run=run, config=DataConfig(input_size=64), workers=0)
    entries = pick_evenly(catalog.entries, 8)

    sheet = contact_sheet(entries, ImageStore(run.images), columns=4)

    assert [entry.category for entry in entries] == [
        name for name in ("simple", "text", "gradient", "complex") for _ in range(2)
    ]
    assert sheet.shape[2] == 3
    assert sheet.shape[1] > sheet.shape[0]
    cells = [sheet[8 + row * 154 : 136 + row * 154, 8 + column * 136 : 136 + column * 136]
             for row in range(2) for column in range(4)]  # fmt: skip
    assert all(len(np.unique(cell.reshape(-1, 3), axis=0)) > 2 for cell in cells)


def test_fewer_images_than_asked_for_are_all_taken(samples: Path, run: RunDirectory) -> None:
    catalog = prepare([samples], run=run, config=DataConfig(input_size=64), workers=0)

    assert sorted(pick_evenly(catalog.entries, 400), key=lambda entry: entry.id) == sorted(
        catalog.entries, key=lambda entry: entry.id
    )


@given(st.lists(st.sampled_from(CATEGORIES), max_size=80), st.integers(1, 90))
def test_as_many_are_taken_as_there_are_and_evenly(names: list[Category], count: int) -> None:
    entries = [
        Entry(f"{n:016x}", f"{n}.png", name, f"b{n}", "train", 9, 9, n > 9, 1.0)
        for n, name in enumerate(names)
    ]

    picked = pick_evenly(entries, count)

    assert len(picked) == len({entry.id for entry in picked}) == min(count, len(entries))
    left = {name: names.count(name) for name in names}
    got = {name: sum(entry.category == name for entry in picked) for name in left}
    full = [got[name] for name in left if got[name] < left[name]]
    assert not full or max(got.values()) - min(full) <= 1
