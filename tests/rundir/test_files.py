"""Files appear whole or not at all; streams survive torn lines and full disks."""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrain.errors import DataError, StorageError
from vtrain.rundir import (
    JsonlWriter,
    read_json,
    read_jsonl,
    write_bytes,
    write_json,
    write_jsonl,
    write_text,
)

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('aé😀\n\\\u2028\x00"'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcé\n", min_size=1), inner),
    max_leaves=10,
)
records = st.dictionaries(st.text("abc", min_size=1), plain)


def test_json_comes_back_with_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"

    write_json(path, {"x": [1, 2.5, None], "y": Path("z")}, schema=3)

    assert read_json(path, schema=3) == {"schema": 3, "x": [1, 2.5, None], "y": "z"}
    assert os.listdir(path.parent) == ["a.json"]  # noqa: PTH208 - hidden files count too


def test_numbers_of_numpy_become_plain_and_what_json_lacks_becomes_null(tmp_path: Path) -> None:
    path = tmp_path / "a.json"

    write_json(path, {"a": np.float32(0.5), "b": np.arange(3), "c": math.nan, "d": np.inf})

    assert read_json(path) == {"schema": 1, "a": 0.5, "b": [0, 1, 2], "c": None, "d": None}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "damaged"),
        (b"[1]", "no JSON object"),
        (b'{"schema": 2}', "reads up to 1"),
        (b"\xff\xfe", "damaged"),
        (b"[" * 100_000, "damaged"),
    ],
)
def test_a_damaged_json_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)

    with pytest.raises(DataError, match=said) as caught:
        read_json(path)

    assert str(path) in str(caught.value)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    script = (
        "import resource, sys, pathlib\n"
        "from vtrain.rundir import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "write_bytes(pathlib.Path(sys.argv[1]), b'x' * 5000)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )

    assert "StorageError: No space is left" in done.stderr
    assert str(path) in done.stderr
    assert path.read_text() == "old"
    assert [path] == list(tmp_path.iterdir())


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError, match="is a file, not a folder"):
        write_bytes(tmp_path / "file" / "a", b"")


def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from vtrain.rundir import RunDirectory, write_bytes\n"
        "os.chdir(sys.argv[1])\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"  # root may write anywhere
        "for act in (lambda: write_bytes(pathlib.Path('a'), b''),\n"
        "            lambda: RunDirectory.create(pathlib.Path('.'), name='x'),\n"
        "            lambda: RunDirectory.create(pathlib.Path('run'), name='x')):\n"
        "    try: act()\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    tmp_path.chmod(0o555)

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )

    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("StorageError No permission to write ") for line in lines), lines


@settings(max_examples=25, deadline=None)  # each example flushes to the disk
@given(st.lists(records))
def test_records_come_back_in_order(
    items: list[dict[str, object]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.jsonl")
        with JsonlWriter(path) as writer:
            for item in items:
                writer.write(item)

        assert items == read_jsonl(path)


@settings(max_examples=25, deadline=None)  # each example flushes to the disk
@given(st.lists(records, min_size=1), st.data())
def test_a_torn_last_line_costs_that_line_only(
    items: list[dict[str, object]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.jsonl")
        write_jsonl(path, items)
        whole = path.read_bytes()
        last = len(json.dumps(items[-1], ensure_ascii=False).encode())
        path.write_bytes(whole[: len(whole) - 1 - data.draw(st.integers(1, last))])

        assert items[:-1] == read_jsonl(path)

        with JsonlWriter(path) as writer:
            writer.write({"after": 1})

        assert [*items[:-1], {"after": 1}] == read_jsonl(path)


def test_a_file_name_that_is_not_utf8_can_be_recorded(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"

    with JsonlWriter(path) as writer:
        writer.write({"file": Path(os.fsdecode(b"\xff.png"))})

    assert read_jsonl(path) == [{"file": "\\udcff.png"}]


def test_no_file_means_no_records(tmp_path: Path) -> None:
    assert read_jsonl(tmp_path / "none.jsonl") == []


def test_a_full_disk_is_reported_by_the_writer() -> None:
    with (
        JsonlWriter(Path("/dev/full")) as writer,
        pytest.raises(StorageError, match="No space is left"),
    ):
        writer.write({"a": 1})


def test_a_record_that_did_not_fit_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with JsonlWriter(path) as writer:
        writer.write({"a": 1})
        before = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 5, hard))
        try:
            with pytest.raises(StorageError):
                writer.write({"b": "x" * 100})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert before == path.read_bytes()


def test_a_fifo_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    with pytest.raises(StorageError, match="FIFO"):
        write_bytes(path, b"data")

    assert path.is_fifo()
    assert list(tmp_path.iterdir()) == [path]
