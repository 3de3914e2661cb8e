"""One pass makes inputs, references, catalog and figures, whatever the files are like."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vtrain.config.data import DataConfig
from vtrain.data.catalog import Catalog
from vtrain.data.pairs import prepare_image
from vtrain.data.prepare import prepare
from vtrain.data.store import ImageStore
from vtrain.errors import DataError, ImageRefused, StorageError
from vtrain.images import resize
from vtrain.rundir import RunDirectory

SMALL = DataConfig(input_size=64)


def raster(path: Path, width: int, height: int) -> Path:
    """A picture with an edge in it, of any size."""
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[: height // 2 + 1, : width // 2 + 1] = (200, 30, 60, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgba).save(path)
    return path


@pytest.mark.parametrize(
    ("size", "scale", "inner", "outer"),
    [
        ((40, 20), 1.0, (40, 20), (40, 20)),  # small: as it is
        ((64, 64), 1.0, (64, 64), (64, 64)),
        ((80, 40), 1.0, (64, 32), (64, 32)),  # a little larger: reduced, no reference of its own
        ((96, 50), 1.5, (64, 34), (96, 51)),  # enough for a reference at its own size
        ((128, 63), 2.0, (64, 32), (128, 64)),
        ((1000, 7), 2.0, (64, 1), (128, 2)),
        ((300, 900), 2.0, (22, 64), (44, 128)),
    ],
)
def test_sizes_of_input_and_reference(
    tmp_path: Path,
    size: tuple[int, int],
    scale: float,
    inner: tuple[int, int],
    outer: tuple[int, int],
) -> None:
    prepared = prepare_image(raster(tmp_path / "a.png", *size), SMALL)

    assert prepared.scale == scale
    assert prepared.input.shape[1::-1] == inner
    assert prepared.reference.shape[1::-1] == outer


def test_svg_reference_is_the_input_at_exactly_twice_the_size(samples: Path) -> None:
    for path in sorted(samples.rglob("*.svg")):
        prepared = prepare_image(path, SMALL)
        height, width = prepared.input.shape[:2]

        assert max(height, width) == 64
        assert prepared.reference.shape == (2 * height, 2 * width, 4)
        assert np.array_equal(prepared.input, resize(prepared.reference, width, height))


@pytest.mark.parametrize("alpha", [0, 255])
def test_blank_images_are_refused(tmp_path: Path, alpha: int) -> None:
    Image.new("RGBA", (20, 20), (9, 9, 9, alpha)).save(tmp_path / "a.png")

    with pytest.raises(ImageRefused) as caught:
        prepare_image(tmp_path / "a.png", SMALL)
    assert caught.value.reason == "blank"


def test_catalog_images_and_figures_are_written(samples: Path, run: RunDirectory) -> None:
    seen: list[tuple[int, int]] = []

    catalog = prepare(
        [samples],
        run=run,
        config=SMALL,
        on_progress=lambda done, total: seen.append((done, total)),
        workers=0,
    )

    assert Catalog.load(run.catalog) == catalog
    assert seen == 2 * [(number, 16) for number in range(1, 17)]  # decoding, then writing
    assert {entry.category for entry in catalog.entries} == {
        "simple",
        "text",
        "gradient",
        "complex",
    }
    store = ImageStore(run.images)
    for entry in catalog.entries:
        assert store.input(entry.id).shape == (entry.height, entry.width, 4)
        assert max(store.reference(entry.id).shape) == 64 * entry.reference_scale
    info = json.loads(run.dataset_info.read_text())
    assert info["images"] == 16
    assert info["digest"] == catalog.digest
    assert sum(info["splits"].values()) == 16


def test_result_does_not_depend_on_the_number_of_processes(samples: Path, tmp_path: Path) -> None:
    alone = RunDirectory.create(tmp_path / "alone", name="a")
    shared = RunDirectory.create(tmp_path / "shared", name="b")

    assert prepare([samples], run=alone, config=SMALL, workers=0) == prepare(
        [samples], run=shared, config=SMALL, workers=2
    )
    assert {path.name: path.read_bytes() for path in alone.images.iterdir()} == {
        path.name: path.read_bytes() for path in shared.images.iterdir()
    }


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_files_are_listed_and_stop_nothing(
    samples: Path, tmp_path: Path, run: RunDirectory, workers: int
) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(samples, corpus)
    first = next(corpus.rglob("*.svg"))
    copy = shutil.copy(first, first.with_name("zz-copy.svg"))
    (corpus / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (corpus / "notes.txt").write_text("hello")
    (corpus / "empty.jpg").touch()
    os.mkfifo(corpus / "pipe")

    catalog = prepare([corpus], run=run, config=SMALL, workers=workers)

    assert len(catalog.entries) == 16
    assert {item.name: item.reason for item in catalog.rejected} == {
        "cut.png": "damaged",
        "empty.jpg": "empty",
        "notes.txt": "unsupported-format",
        "pipe": "not-a-file",
        Path(copy).relative_to(corpus).as_posix(): "duplicate",
    }


def test_unreadable_files_are_listed(samples: Path, tmp_path: Path, run: RunDirectory) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(samples, corpus)
    locked = corpus / "locked.png"
    locked.write_bytes(b"x")
    locked.chmod(0)
    if os.access(locked, os.R_OK):
        pytest.skip("this user may read everything")

    catalog = prepare([corpus], run=run, config=SMALL, workers=0)

    assert [item.reason for item in catalog.rejected] == ["unreadable"]


def test_max_images_takes_evenly_and_replaces_refused_ones(
    samples: Path, tmp_path: Path, run: RunDirectory
) -> None:
    corpus = tmp_path / "corpus"
    shutil.copytree(samples, corpus)
    for number in range(6):
        (corpus / "text" / f"broken{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    catalog = prepare([corpus], run=run, config=DataConfig(input_size=64, max_images=8), workers=0)

    counts = [entry.category for entry in catalog.entries]
    assert [counts.count(name) for name in ("simple", "text", "gradient", "complex")] == [2] * 4


def test_preparing_again_drops_what_is_gone(samples: Path, run: RunDirectory) -> None:
    prepare([samples], run=run, config=SMALL, workers=0)
    fewer = prepare([samples / "text"], run=run, config=SMALL, workers=0)

    assert len(fewer.entries) == 4
    assert len(list(run.images.iterdir())) == 8


def test_without_a_source_samples_are_made(run: RunDirectory) -> None:
    catalog = prepare([], run=run, config=DataConfig(input_size=64, sample_count=8), workers=0)

    assert len(catalog.entries) == 8


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "There is no file"),
        ({"a.txt": b"hello", "b.md": b"# hi"}, "2 files were looked at .*2 unsupported-format"),
    ],
)
def test_nothing_usable_is_an_error_that_says_why(
    tmp_path: Path, run: RunDirectory, files: dict[str, bytes], words: str
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, data in files.items():
        (corpus / name).write_bytes(data)

    with pytest.raises(DataError, match=words) as caught:
        prepare([corpus], run=run, config=SMALL, workers=0)
    assert caught.value.exit_code == 4
    assert not run.catalog.exists()


def test_a_place_that_cannot_be_written_is_a_storage_error(
    samples: Path, run: RunDirectory
) -> None:
    run.data_cache.mkdir(parents=True, exist_ok=True)
    run.images.write_text("a file where the folder should be")

    for workers in (0, 1):
        with pytest.raises(StorageError):
            prepare([samples], run=run, config=SMALL, workers=workers)


@pytest.mark.slow
def test_real_logos_are_all_prepared_in_even_shares(
    shared_data: Path, tmp_path: Path, run: RunDirectory
) -> None:
    with tarfile.open(shared_data / "train_svg.tar.xz") as tar:
        tar.extractall(tmp_path / "logos", filter="data")

    catalog = prepare([tmp_path / "logos"], run=run, config=DataConfig(max_images=400))

    assert catalog.rejected == ()
    for name in ("simple", "text", "gradient", "complex"):
        splits = [entry.split for entry in catalog.entries if entry.category == name]
        assert len(splits) == 100
        assert 55 <= splits.count("train") <= 85
