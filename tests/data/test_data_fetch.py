"""Fetching goes through the user's npm, checks the archive, and leaves nothing half-written."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import stat
import sys
import tarfile
from pathlib import Path

import pytest

from vtrain.data.fetch import category_of_svg, fetch_logos, svg_of
from vtrain.errors import DataError, StorageError
from vtrain.images import render_svg
from vtrain.rundir import write_bytes

ICONS = {
    "prefix": "logos",
    "width": 256,
    "height": 256,
    "icons": {
        "acme-icon": {"body": '<path fill="#f00" d="M0 0h256v256z"/>'},
        "acme": {"body": '<path fill="#f00" d="M0 0h512v100z"/>', "width": 512, "height": 100},
        "glow": {"body": '<linearGradient id="a"/><path fill="url(#a)" d="M0 0h9v9z"/>'},
        "old": {"body": "<path/>", "hidden": True},
        "../escape": {"body": "<path/>"},
        "busy": {"body": "".join(f'<path fill="#{n}{n}{n}" d="M0 0h9v9z"/>' for n in range(9))},
    },
}


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for npm that packs a small set, found first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        data = json.dumps(ICONS).encode()
        member = tarfile.TarInfo("package/icons.json")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    (folder / "set.tgz").write_bytes(buffer.getvalue())
    digest = base64.b64encode(hashlib.sha512(buffer.getvalue()).digest()).decode()
    answer = [{"filename": "set.tgz", "integrity": f"sha512-{digest}", "version": "1.2.19"}]
    (folder / "answer.json").write_text(json.dumps(answer))
    script = folder / "npm"
    script.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, shutil, sys\n"
        f"here = pathlib.Path({str(folder)!r})\n"
        "if (here / 'fail').exists(): sys.exit('npm error network ENOTFOUND')\n"
        "shutil.copy(here / 'set.tgz', 'set.tgz')\n"
        "print((here / 'answer.json').read_text())\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_logos_are_written_by_category_without_hidden_and_odd_names(
    npm: Path, tmp_path: Path
) -> None:
    assert npm.is_dir()
    fetched = fetch_logos(tmp_path / "logos")

    names = {
        path.relative_to(tmp_path / "logos").as_posix() for path in fetched.folder.rglob("*.*")
    }
    assert names == {
        "source.json",
        "simple/logos-acme-icon.svg",
        "text/logos-acme.svg",
        "gradient/logos-glow.svg",
        "complex/logos-busy.svg",
    }
    assert (fetched.total, fetched.version) == (4, "1.2.19")
    svg = (fetched.folder / "text" / "logos-acme.svg").read_text()
    assert render_svg(svg, 64).shape == (13, 64, 4)


@pytest.mark.parametrize("fault", ["fail", "tampered", "unclear", "truncated"])
def test_a_failed_fetch_is_an_error_and_leaves_nothing(
    npm: Path, tmp_path: Path, fault: str
) -> None:
    if fault == "fail":
        (npm / "fail").touch()
    elif fault == "tampered":
        (npm / "set.tgz").write_bytes((npm / "set.tgz").read_bytes() + b"x")
    elif fault == "unclear":
        (npm / "answer.json").write_text("[]")
    else:
        data = (npm / "set.tgz").read_bytes()[:60]
        digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
        answer = [{"filename": "set.tgz", "integrity": f"sha512-{digest}", "version": "1"}]
        (npm / "set.tgz").write_bytes(data)
        (npm / "answer.json").write_text(json.dumps(answer))
    before = sorted(tmp_path.iterdir())

    with pytest.raises(DataError):
        fetch_logos(tmp_path / "logos")

    assert sorted(tmp_path.iterdir()) == before


def test_a_fetch_that_was_cut_short_goes_on_without_npm(
    npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, **_: object) -> None:
        if path.suffix == ".svg":
            raise StorageError("No space is left.")
        write_bytes(path, data)

    with monkeypatch.context() as patch:
        patch.setattr("vtrain.data.fetch.write_bytes", full)
        with pytest.raises(StorageError):
            fetch_logos(tmp_path / "logos")
    assert not (tmp_path / "logos").exists()
    (npm / "fail").touch()

    assert fetch_logos(tmp_path / "logos").total == 4
    assert not list(tmp_path.glob(".*.partial"))


def test_a_waiting_archive_that_was_damaged_is_fetched_again(npm: Path, tmp_path: Path) -> None:
    assert npm.is_dir()
    partial = tmp_path / ".logos.partial"
    partial.mkdir()
    (partial / "package.tgz").write_bytes(b"torn")
    (partial / "told.json").write_text('{"version": "1.2.19", "integrity": "sha512-AAAA"}')

    assert fetch_logos(tmp_path / "logos").total == 4


def test_the_folder_one_is_in_can_be_filled(
    npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert npm.is_dir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    assert fetch_logos(Path()).total == 4
    assert (tmp_path / "here" / "source.json").is_file()
    assert not list(tmp_path.glob(".*.partial"))


def test_fetching_again_leaves_what_is_there(npm: Path, tmp_path: Path) -> None:
    first = fetch_logos(tmp_path / "logos")
    (npm / "fail").touch()

    again = fetch_logos(tmp_path / "logos")

    assert (again.total, again.version, again.fresh) == (first.total, first.version, False)
    with pytest.raises(DataError, match="not empty"):
        fetch_logos(tmp_path / "logos", version="9.9.9")


def test_without_npm_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DataError, match=r"npm is not installed.*vtrain data sample"):
        fetch_logos(tmp_path / "logos")


def test_a_folder_with_files_is_not_written_into(npm: Path, tmp_path: Path) -> None:
    assert npm.is_dir()
    (tmp_path / "logos").mkdir()
    (tmp_path / "logos" / "mine.svg").touch()

    with pytest.raises(DataError, match="not empty"):
        fetch_logos(tmp_path / "logos")


def test_sizes_and_offsets_of_the_set_make_the_view_box() -> None:
    svg = svg_of({"body": "<path/>", "left": -2, "width": 8}, {"height": 4})

    assert 'viewBox="-2 0 8 4"' in svg


def test_a_wide_icon_is_no_wordmark() -> None:
    svg = '<svg viewBox="0 0 300 100"><path fill="#fff"/></svg>'

    assert category_of_svg("acme", svg) == "text"
    assert category_of_svg("acme-icon", svg) == "simple"
