"""Exports hold a row for each image, with everything that was measured."""

from __future__ import annotations

import csv
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from pyarrow import parquet

from vtrain.config.data import DataConfig
from vtrain.data.export import COLUMNS, write_export
from vtrain.data.metadata import Metadata
from vtrain.data.prepare import prepare
from vtrain.data.records import Entry
from vtrain.errors import StorageError, UsageError
from vtrain.rundir import RunDirectory


@pytest.fixture(scope="module")
def catalog(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = RunDirectory.create(tmp_path_factory.mktemp("export"), name="a")
    prepare([samples], run=run, config=DataConfig(input_size=48), workers=0)
    return run.catalog


def test_csv_and_parquet_hold_the_same(catalog: Path, tmp_path: Path) -> None:
    assert write_export(catalog, tmp_path / "deep" / "a.csv") == 16
    assert write_export(catalog, tmp_path / "a.parquet") == 16

    table = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    with (tmp_path / "deep" / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == tuple(table[0]) == COLUMNS
    assert [row["id"] for row in rows] == [row["id"] for row in table]
    assert [float(row["edge_density"]) for row in rows] == [row["edge_density"] for row in table]
    assert {row["transparent"] for row in table} <= {True, False}


def test_everything_but_the_fingerprint_is_a_column() -> None:
    names = {field.name for kind in (Entry, Metadata) for field in fields(kind)}

    assert names - set(COLUMNS) == {"likeness"}


def test_other_formats_are_refused(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.csv or \.parquet"):
        write_export(catalog, tmp_path / "a.xlsx")


def test_without_the_library_the_error_says_what_to_install(
    catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(UsageError, match=r"vtrain\[parquet\]"):
        write_export(catalog, tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_a_storage_error(catalog: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError):
        write_export(catalog, tmp_path / "file" / "a.csv")
