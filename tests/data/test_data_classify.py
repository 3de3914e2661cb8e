"""The category is told from the pixels where no folder names it."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from vtrain.config.data import DataConfig
from vtrain.config.section import CATEGORIES
from vtrain.data import classify
from vtrain.data.category_fit import confusion, fit
from vtrain.data.prepare import prepare
from vtrain.rundir import RunDirectory

SMALL = DataConfig(input_size=64)


def test_folders_win_and_pixels_fill_the_gaps(
    samples: Path, tmp_path: Path, run: RunDirectory
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in samples.rglob("*.svg"):
        folder = flat / "Text_Based" if path.parent.name == "simple" else flat
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder / path.name)

    catalog = prepare([flat], run=run, config=SMALL, workers=0)

    origins = {entry.category_from for entry in catalog.entries if entry.category == "text"}
    assert origins <= {"folder", "image"}
    assert "folder" in origins
    assert sum(entry.category_from == "image" for entry in catalog.entries) == 12


def test_inference_can_be_turned_off(samples: Path, run: RunDirectory) -> None:
    config = DataConfig(
        input_size=64, category_names={}, infer_category=False, default_category="gradient"
    )

    catalog = prepare([samples], run=run, config=config, workers=0)

    assert {(e.category, e.category_from) for e in catalog.entries} == {("gradient", "default")}


def test_the_fit_finds_what_separates() -> None:
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 60)
    rows = generator.normal(0, 1, (240, len(classify.FEATURES)))
    rows[:, :4] += 3 * np.eye(4)[labels]

    table = confusion(rows, labels, list(range(240)))

    assert table.sum(axis=1).tolist() == [60] * 4
    assert table.trace() > 210
    assert fit(rows, labels).probabilities(rows).sum(axis=1) == pytest.approx(1)


def test_the_kept_weights_say_how_good_they_are() -> None:
    record = json.loads(Path(classify.__file__).with_name("classify.json").read_text())

    table = np.array(record["fit"]["confusion"])
    assert record["fit"]["agreement"] == pytest.approx(table.trace() / table.sum(), abs=1e-3)
    assert record["fit"]["agreement"] > 0.85


@pytest.mark.slow
def test_real_logos_are_told_as_their_folders_say(
    shared_data: Path, tmp_path: Path, run: RunDirectory
) -> None:
    with tarfile.open(shared_data / "train_svg.tar.xz") as tar:
        tar.extractall(tmp_path / "logos", filter="data")
    (tmp_path / "flat").mkdir()
    folders = {}
    for path in sorted((tmp_path / "logos").rglob("*.svg"))[::8]:
        folders[path.name] = path.parent.name
        shutil.copy(path, tmp_path / "flat" / path.name)

    catalog = prepare([tmp_path / "flat"], run=run, config=DataConfig())

    right = [entry.category == folders[entry.name] for entry in catalog.entries]
    assert len(right) > 200
    assert set(folders.values()) == set(CATEGORIES)
    assert np.mean(right) >= 0.8
