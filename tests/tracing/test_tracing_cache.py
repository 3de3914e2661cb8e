"""The measurement cache returns what was stored or nothing, whatever becomes of its file."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from vtrain.errors import StorageError
from vtrain.tracing.cache import MeasurementCache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "cache.sqlite"


@pytest.fixture
def cache(path: Path) -> Iterator[MeasurementCache]:
    with closing(MeasurementCache(path)) as made:
        yield made


def value(number: int) -> dict[str, Any]:
    return {"appearance": number / 7, "failure": None, "bytes": number}


def test_what_was_stored_comes_back(cache: MeasurementCache) -> None:
    stored = {f"k{number}": value(number) for number in range(1200)}

    cache.put(stored)
    cache.put({"k3": value(4)})

    assert cache.get([*stored, "unknown"]) == {**stored, "k3": value(4)}


def test_an_entry_that_was_changed_is_dropped_and_counted(
    cache: MeasurementCache, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One digit of a number: it is JSON still."""
    cache.put({"a": value(1), "b": value(2)})
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE entry SET value = replace(value, '0.1', '0.2') WHERE key = 'a'")

    with caplog.at_level(logging.WARNING):
        assert cache.get(["a", "b"]) == {"b": value(2)}

    assert cache.dropped == 1
    assert f"1 entries of the measurement cache {path} are damaged" in caplog.text


def test_damaged_entries_are_told_once(
    cache: MeasurementCache, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put({"a": value(1), "b": value(2), "c": value(3)})
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE entry SET sum = sum + 1")

    with caplog.at_level(logging.WARNING):
        assert cache.get(["a", "b"]) == {}
        assert cache.get(["c"]) == {}

    assert cache.dropped == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "2 entries" in caplog.text


def test_a_file_that_is_no_database_is_set_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 100)

    with closing(MeasurementCache(path)) as made:
        made.put({"a": value(1)})
        assert made.get(["a"]) == {"a": value(1)}

    assert (path.parent / "cache.sqlite.bad").read_bytes().startswith(b"no database")


def test_a_file_that_breaks_while_it_is_open_is_replaced(path: Path) -> None:
    with closing(MeasurementCache(path)) as first:
        first.put({f"k{number}": value(number) for number in range(2000)})
    with closing(MeasurementCache(path)) as made:
        data = bytearray(path.read_bytes())
        data[4096:] = b"\xff" * (len(data) - 4096)
        path.write_bytes(data)

        assert made.get([f"k{number}" for number in range(2000)]) == {}
        made.put({"a": value(1)})
        assert made.get(["a"]) == {"a": value(1)}


def test_the_oldest_go_when_there_are_too_many(path: Path) -> None:
    with closing(MeasurementCache(path)) as made:
        for number in range(50):
            made.put({f"k{number}": value(number)})

    with closing(MeasurementCache(path, most=10)) as made:
        found = made.get([f"k{number}" for number in range(50)])

    assert sorted(found) == [f"k{number}" for number in range(40, 50)]


def test_a_locked_file_or_a_folder_is_an_error_and_stays_where_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vtrain.tracing.cache._BUSY_TIMEOUT_S", 0.01)
    with closing(MeasurementCache(path)) as made:
        made.put({"a": value(1)})
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    (path.parent / "folder").mkdir()
    (path.parent / "folder" / "kept").touch()

    for place in (path, path.parent / "folder"):
        with pytest.raises(StorageError, match="cannot be opened"):
            MeasurementCache(place)
    holder.close()

    with closing(MeasurementCache(path)) as made:
        assert made.get(["a"]) == {"a": value(1)}
    assert (path.parent / "folder" / "kept").exists()
    assert not list(path.parent.glob("*.bad"))


def test_of_two_that_find_a_broken_file_the_second_takes_the_new_one_of_the_first(
    path: Path,
) -> None:
    with closing(MeasurementCache(path)) as made:
        made.put({"before": value(0)})
    path.write_bytes(b"no database at all" * 100)
    broken = sqlite3.DatabaseError("file is not a database")

    with closing(MeasurementCache(path)) as one:
        one.put({"a": value(1)})
        # The second found the file broken when the first had not replaced it yet.
        other = MeasurementCache.__new__(MeasurementCache)
        other.path, other._most, other.dropped = path, 10, 0
        other._connection = other._replace(broken)
        other.put({"b": value(2)})
        other.close()
        found = one.get(["a", "b"])

    assert found == {"a": value(1), "b": value(2)}
    assert path.with_name(path.name + ".bad").read_bytes().startswith(b"no database")


ROUNDS = 200 * int(os.environ.get("VTRAIN_FAULTS", "1"))
"""Of eight processes; 60 000 take some 50 s on two cores."""


def hammer(path: Path, own: int, rounds: int, wrong: Any) -> None:
    """Write entries of one's own and read everybody's."""
    with closing(MeasurementCache(path)) as made:
        for number in range(rounds):
            made.put({f"{own}-{number}": value(own * 1000 + number)})
            for other in range(8):
                found = made.get([f"{other}-{number}"])
                if found not in ({}, {f"{other}-{number}": value(other * 1000 + number)}):
                    wrong.set()


@pytest.mark.faults
def test_eight_processes_lose_and_corrupt_nothing_though_two_are_killed(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    wrong = context.Event()
    work = [context.Process(target=hammer, args=(path, own, ROUNDS, wrong)) for own in range(8)]
    for process in work:
        process.start()
    # The first two are struck in the middle, once they have written something.
    with closing(MeasurementCache(path)) as cache:
        for own in range(2):
            while work[own].is_alive() and not cache.get([f"{own}-20"]):
                work[own].join(0.01)
            work[own].kill()
    for process in work:
        process.join()

    assert not wrong.is_set()
    assert [process.exitcode for process in work[2:]] == [0] * 6
    with closing(MeasurementCache(path)) as cache:
        keys = [f"{own}-{number}" for own in range(2, 8) for number in range(ROUNDS)]
        assert len(cache.get(keys)) == len(keys)
        assert cache.dropped == 0
