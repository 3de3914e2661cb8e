"""Sources are folders, globs and files; links that leave them and pipes are reported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vtrain.data.records import Rejected
from vtrain.data.scan import Found, scan
from vtrain.errors import DataError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found_in(*sources: str | Path) -> list[Found]:
    return [item for item in scan(sources) if isinstance(item, Found)]


def test_folders_are_searched_to_the_bottom_in_a_stable_order(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    touch(root / "b.png", root / "simple" / "deep" / "a.png", root / "a.png", root / ".hidden.png")
    touch(root / ".git" / "c.png")

    found = found_in(root)

    assert [item.name for item in found] == ["a.png", "b.png", "simple/deep/a.png"]
    assert found[2].folders == ("deep", "simple", "corpus")


def test_globs_and_files_are_taken_in_the_order_of_the_sources(tmp_path: Path) -> None:
    touch(tmp_path / "text" / "a.png", tmp_path / "text" / "b.jpg", tmp_path / "icon" / "c.png")

    found = found_in(f"{tmp_path}/*/*.png", tmp_path / "text" / "a.png", tmp_path / "icon")

    assert [item.path.name for item in found] == ["c.png", "a.png", "a.png", "c.png"]
    assert {item.folders[0] for item in found} == {"text", "icon"}


def test_recursive_globs_reach_all_levels(tmp_path: Path) -> None:
    touch(tmp_path / "a.png", tmp_path / "x" / "y" / "b.png", tmp_path / "x" / "c.txt")

    assert [item.path.name for item in found_in(f"{tmp_path}/**/*.png")] == ["a.png", "b.png"]


def test_links_out_of_the_source_pipes_and_dead_links_are_reported(tmp_path: Path) -> None:
    root, outside = tmp_path / "corpus", tmp_path / "secret.png"
    touch(root / "a.png", outside)
    (root / "inside.png").symlink_to(root / "a.png")
    (root / "outside.png").symlink_to(outside)
    (root / "dead.png").symlink_to(root / "gone.png")
    (root / "loop").symlink_to(root)
    os.mkfifo(root / "pipe.png")

    refused = [item for item in scan([root]) if isinstance(item, Rejected)]

    assert [item.name for item in found_in(root)] == ["a.png", "inside.png"]
    assert {item.name: item.reason for item in refused} == {
        "dead.png": "missing",
        "loop": "folder-link",
        "outside.png": "outside-link",
        "pipe.png": "not-a-file",
    }


def test_a_source_may_be_a_link_itself(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert [item.name for item in found_in(tmp_path / "link")] == ["a.png"]


@pytest.mark.parametrize("source", ["missing", "missing-*.png", "a\0b"])
def test_missing_sources_are_errors_that_name_them(tmp_path: Path, source: str) -> None:
    with pytest.raises(DataError, match=r"source|glob"):
        list(scan([f"{tmp_path}/{source}"]))


def test_names_that_are_not_utf8_can_be_written(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")

    assert found_in(tmp_path)[0].name.encode()
