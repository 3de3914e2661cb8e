"""Reading on from a place: nothing twice, nothing missed, and a replaced file is noticed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.monitoring.web_runs import append, sample_record
from vtrain.files import read_jsonl
from vtrain.monitoring import storage
from vtrain.monitoring.storage import SampleWriter
from vtrain.monitoring.web.columns import Columns, inner
from vtrain.monitoring.web.follow import Place, read_on


@pytest.fixture
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of samples is put together after 20 of them already."""
    monkeypatch.setattr(storage, "MOST", 20)
    monkeypatch.setattr(storage, "_FULL", 6)
    monkeypatch.setattr(storage, "_OLD", 6)


def known(column: NDArray[np.float64]) -> list[float]:
    values: list[float] = column[np.isfinite(column)].tolist()
    return values


def rows(path: Path, *, limit: int) -> tuple[list[bytes], Place]:
    """All lines by repeated reading, in pieces of a size."""
    found, place, more = [], Place(), True
    while more:
        piece = read_on(path, place, limit=limit)
        found += piece.lines
        place, more = piece.place, piece.more
    return found, place


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line)), st.integers(1, 50))
def test_pieces_of_any_size_give_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], limit: int
) -> None:
    path = tmp_path_factory.mktemp("file") / "a.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))

    assert lines == rows(path, limit=limit)[0]


def test_a_line_is_given_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": ')

    first = read_on(path, Place())
    with path.open("ab") as file:
        file.write(b"2}\n")
    second = read_on(path, first.place)

    assert first.lines == [b'{"a": 1}']
    assert second.lines == [b'{"a": 2}']
    assert not second.again


def test_a_missing_file_is_empty_and_its_beginning_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    before = read_on(path, Place())
    append(path, {"a": 1})

    assert before.lines == []
    assert not before.again
    assert len(read_on(path, before.place).lines) == 1


@pytest.mark.parametrize("kept", [1, 5, 30])
def test_a_file_that_was_replaced_is_read_again(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a.jsonl"
    append(path, *({"update": number} for number in range(10)))
    place = read_on(path, Place()).place
    path.unlink()
    append(path, *({"update": number, "again": True} for number in range(kept)))

    piece = read_on(path, place)

    assert piece.again
    assert kept == len(piece.lines)


def test_a_replaced_file_with_the_same_beginning_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, {"update": 1})
    place = read_on(path, Place()).place
    path.unlink()
    append(path, {"update": 1}, {"update": 2})

    piece = read_on(path, place)

    assert not piece.again
    assert [json.loads(line) for line in piece.lines] == [{"update": 2}]


@given(st.integers(0, 10**17), st.integers(0, 2**32 - 1))
def test_a_place_is_written_and_read_back(offset: int, check: int) -> None:
    place = Place(offset, check)

    assert place == Place.parse(str(place))


@pytest.mark.parametrize("text", ["", "5", "-5-00000000", "5-0", "5-0000000g", "5-00000000-1"])
def test_what_is_no_place_is_refused(text: str) -> None:
    assert Place.parse(text) is None


def test_columns_grow_with_the_file_and_begin_again_with_another(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    columns = Columns(path, {"x": "x", "deep": inner("wall", "y")})
    append(path, {"x": 1, "wall": {"y": 5}}, {"x": None})
    columns.refresh()
    with path.open("ab") as file:
        file.write(b"torn\n[1]\n\n")
    append(path, {"x": 3})
    columns.refresh()

    assert known(columns.column("x")) == [1.0, 3.0]
    assert known(columns.column("deep")) == [5.0]
    assert columns.count == 3

    path.unlink()
    append(path, {"x": 9, "other": "longer than what was there" * 9})
    columns.refresh()

    assert columns.column("x").tolist() == [9.0]


@pytest.mark.usefixtures("few_samples")
def test_samples_that_are_put_together_are_read_again_without_gap_or_repetition(
    tmp_path: Path,
) -> None:
    path = tmp_path / "samples.jsonl"
    columns, replaced = Columns(path, {"time": "time"}), 0
    with SampleWriter(path) as writer:
        for number in range(100):
            writer.write(sample_record(number))
            before = columns.count
            if number % 3:  # not at every one
                continue
            columns.refresh()
            replaced += columns.count < before
            in_file = [record["time"] for record in read_jsonl(path)]

            assert in_file == columns.column("time").tolist()
            assert len(in_file) == columns.count

    assert replaced > 3
