"""Archives are read member by member, and nothing in them can do harm."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from vtrain.config.data import ArchivesConfig, DataConfig
from vtrain.data.archives import Member, is_archive, list_members, read_members
from vtrain.data.prepare import prepare
from vtrain.data.records import Rejected
from vtrain.errors import ImageRefused
from vtrain.rundir import RunDirectory

CONFIG = DataConfig(input_size=64)
TARS = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def pack(path: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """A zip or tar archive of these files, by the name of `path`."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files:
                archive.writestr(name, data)
        return path
    mode = next(mode for suffix, mode in TARS.items() if path.name.endswith(suffix))
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]  # one of the literals
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def listed(path: Path, config: DataConfig = CONFIG) -> tuple[list[str], dict[str, str]]:
    """Names of members, and reasons of what was refused."""
    items = list(list_members(path, path.name, config))
    names = [item.name for item in items if isinstance(item, Member)]
    return names, {item.name: item.reason for item in items if isinstance(item, Rejected)}


@pytest.mark.parametrize("suffix", [".zip", *TARS])
def test_members_are_listed_and_read(tmp_path: Path, suffix: str) -> None:
    files = [("a/b.png", b"one"), ("c.svg", b"two"), (".hidden", b"x"), ("__MACOSX/c.svg", b"x")]
    path = pack(tmp_path / f"logos{suffix}", files)

    assert is_archive(path)
    assert listed(path) == (["a/b.png", "c.svg"], {})
    assert dict(read_members(path, ["c.svg", "a/b.png"], CONFIG)) == {
        "a/b.png": b"one",
        "c.svg": b"two",
    }
    assert [name for name, _ in read_members(path, ["c.svg"], CONFIG)] == ["c.svg"]


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
@pytest.mark.parametrize(
    "name", ["../evil.png", "/etc/evil.png", "a/../../evil.png", "..\\evil.png"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, suffix: str, name: str) -> None:
    path = pack(tmp_path / f"x{suffix}", [(name, b"x"), ("good.png", b"y")])

    names, refused = listed(path)

    assert names == ["good.png"]
    assert list(refused.values()) == ["unsafe-name"]


def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        fifo = tarfile.TarInfo("fifo")
        fifo.type = tarfile.FIFOTYPE
        tar.addfile(fifo)

    assert listed(path) == (
        [],
        dict.fromkeys(("x.tar/link", "x.tar/hard", "x.tar/fifo"), "not-a-file"),
    )


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("link.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")

    assert listed(path) == ([], {"x.zip/link.png": "not-a-file"})


def test_a_repeated_name_counts_once(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.tar", [("a.png", b"first"), ("a.png", b"second")])

    assert listed(path) == (["a.png"], {"x.tar/a.png": "repeated"})
    assert dict(read_members(path, ["a.png"], CONFIG)) == {"a.png": b"first"}


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tar.xz"])
def test_a_bomb_is_refused_without_unpacking_it(tmp_path: Path, suffix: str) -> None:
    path = pack(tmp_path / f"bomb{suffix}", [("a.png", b"x"), ("b.png", bytes(300_000_000))])

    names, refused = listed(path)

    assert "a.png" in names
    assert "b.png" not in names or suffix != ".zip"
    assert "archive-bomb" in refused.values()
    for name, data in read_members(path, names, CONFIG):
        assert data == b"x" if name == "a.png" else isinstance(data, ImageRefused)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ArchivesConfig(max_members=3), "archive-limit"),
        (ArchivesConfig(max_bytes=24_000), "archive-bomb"),
    ],
)
@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_limits_keep_what_came_before(
    tmp_path: Path, limits: ArchivesConfig, reason: str, suffix: str
) -> None:
    path = pack(tmp_path / f"x{suffix}", [(f"{n}.png", bytes(7000)) for n in range(9)])

    names, refused = listed(path, DataConfig(archives=limits))

    assert 1 <= len(names) <= 3
    assert refused == {path.name: reason}


@pytest.mark.parametrize("suffix", [".zip", *TARS])
def test_torn_archives_are_refused_by_name(tmp_path: Path, suffix: str) -> None:
    data = [(f"{n}.png", bytes(range(256)) * 40) for n in range(20)]
    path = pack(tmp_path / f"x{suffix}", data)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    _, refused = listed(path)

    assert refused == {path.name: "damaged-archive"}
    path.write_bytes(b"this is no archive, whatever its name says" * 20)
    assert listed(path)[1] == {path.name: "damaged-archive"}


def test_a_member_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", [("a.png", bytes(5000)), ("b.png", b"y")])

    read = dict(read_members(path, ["a.png", "b.png"], DataConfig(max_file_bytes=1024)))

    assert isinstance(read["a.png"], ImageRefused)
    assert read["a.png"].reason == "file-too-large"
    assert read["b.png"] == b"y"


def test_a_member_that_is_gone_is_named(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", [("a.png", b"x")])

    ((name, data),) = read_members(path, ["lost.png"], CONFIG)

    assert name == "lost.png"
    assert isinstance(data, ImageRefused)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_an_archive_gives_the_same_catalog_as_its_folder(
    samples: Path, tmp_path: Path, suffix: str
) -> None:
    files = [
        (path.relative_to(samples.parent).as_posix(), path.read_bytes())
        for path in sorted(samples.rglob("*.svg"))
    ]
    nested = pack(tmp_path / "inner.zip", files[:1]).read_bytes()
    path = pack(tmp_path / f"x{suffix}", [*files, ("inner.zip", nested)])
    folder = RunDirectory.create(tmp_path / "folder", name="a")
    packed = RunDirectory.create(tmp_path / "packed", name="b")

    expected = prepare([samples], run=folder, config=CONFIG, workers=1)
    catalog = prepare([path], run=packed, config=CONFIG, workers=1)

    assert catalog.digest == expected.digest
    assert [(item.name, item.reason) for item in catalog.rejected] == [
        (f"{path.name}/inner.zip", "unsupported-format")
    ]
    assert prepare([path], run=packed, config=CONFIG, workers=0) == catalog


def test_other_limits_are_applied_to_an_unchanged_archive(
    samples: Path, tmp_path: Path, run: RunDirectory
) -> None:
    files = [(path.name, path.read_bytes()) for path in sorted(samples.rglob("*.svg"))]
    path = pack(tmp_path / "x.zip", files)
    few = DataConfig(input_size=64, archives=ArchivesConfig(max_members=10))

    counts = [
        len(prepare([path], run=run, config=config, workers=0).entries)
        for config in (CONFIG, few, CONFIG)
    ]

    assert counts == [16, 10, 16]
