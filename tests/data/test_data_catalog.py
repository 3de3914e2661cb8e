"""The catalog and the store notice what is missing or was changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vtrain.data.catalog import Catalog, CatalogWriter
from vtrain.data.records import Entry, Rejected
from vtrain.data.store import ImageStore
from vtrain.errors import DataError

ENTRY = Entry(
    id="0" * 16,
    name="ä/a.png",
    category="simple",
    brand="acme",
    split="train",
    width=9,
    height=8,
    transparent=True,
    reference_scale=1.7,
)
OTHER = replace(ENTRY, id="1" * 16, name="b.png", split="test", brand="b")


def test_catalog_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    catalog = Catalog.of([OTHER, ENTRY], [Rejected("x.psd", "unsupported-format", "it is odd")])
    catalog.save(tmp_path / "catalog.sqlite")

    loaded = Catalog.load(tmp_path / "catalog.sqlite")

    assert loaded == catalog
    assert loaded.split("test") == (OTHER,)


def test_digest_follows_what_learning_depends_on_and_nothing_else() -> None:
    digest = Catalog.of([ENTRY, OTHER]).digest

    assert Catalog.of([OTHER, ENTRY]).digest == digest
    assert Catalog.of([replace(ENTRY, name="moved/a.png"), OTHER]).digest == digest
    for change in ({"id": "2" * 16}, {"split": "test"}, {"category": "text"}, {"brand": "z"}):
        assert Catalog.of([replace(ENTRY, **change), OTHER]).digest != digest  # type: ignore[arg-type]  # any field


def test_damaged_and_edited_catalogs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with pytest.raises(DataError, match="vtrain data prepare"):
        Catalog.load(path)
    Catalog.of([ENTRY]).save(path)
    whole = path.read_bytes()

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE image SET split='test'")
    with pytest.raises(DataError, match="digest"):
        Catalog.load(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(DataError, match="schema 99"):
        Catalog.load(path)
    for broken in (b"", b"hello", whole[: len(whole) // 2], whole[:4096] + b"x" * 9000):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="vtrain data prepare"):
            Catalog.load(path)


def test_a_catalog_that_is_not_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    Catalog.of([ENTRY]).save(path)

    with closing(CatalogWriter(path)) as writer:
        writer.add(OTHER, None)

    assert Catalog.load(path).entries == (ENTRY,)
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    Catalog.of([ENTRY, OTHER]).save(tmp_path / "a")
    Catalog.of([OTHER, ENTRY]).save(tmp_path / "b")

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_unknown_split_is_an_error() -> None:
    with pytest.raises(DataError, match="validation"):
        Catalog.of([ENTRY]).split("holdout")


def test_store_gives_back_exact_pixels(tmp_path: Path) -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (5, 6, 4), dtype=np.uint8)
    store = ImageStore(tmp_path)

    stored = store.write(rgba[:3, :3], rgba)

    assert np.array_equal(store.input(stored.id), rgba[:3, :3])
    assert np.array_equal(store.reference(stored.id), rgba)
    assert (stored.width, stored.height, stored.transparent) == (3, 3, True)
    assert store.holds(stored)
    assert not store.holds(replace(stored, input_bytes=1))


def test_an_id_tells_pixels_and_shape(tmp_path: Path) -> None:
    rgba = np.zeros((2, 6, 4), np.uint8)
    store = ImageStore(tmp_path)

    ids = {store.write(one, one).id for one in (rgba, rgba.copy(), rgba.reshape(3, 4, 4), rgba + 1)}

    assert len(ids) == 3


def test_store_names_the_file_that_is_missing_or_damaged(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    with pytest.raises(DataError, match=r"abc-input\.png.*vtrain data prepare"):
        store.input("abc")
    (tmp_path / "abc-input.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DataError, match=r"abc-input\.png"):
        store.input("abc")


def test_store_deletes_only_what_is_not_kept(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    rgba = np.zeros((2, 2, 4), np.uint8)
    store.write(rgba, rgba)
    kept = store.write(rgba + 1, rgba).id

    assert store.keep(kept.__eq__) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{kept}-input.png",
        f"{kept}-reference.png",
    ]
