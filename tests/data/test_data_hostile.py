"""A folder made by an enemy stops nothing, harms nothing, and is reported file by file."""

from __future__ import annotations

import csv
import io
import os
import shutil
import socket
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from vtrain.config.data import DataConfig
from vtrain.data.catalog import Catalog, read_alike, read_details
from vtrain.data.export import csv_lines, rows
from vtrain.data.page import browse_page
from vtrain.data.prepare import prepare
from vtrain.data.store import ImageStore
from vtrain.rundir import RunDirectory

SMALL = DataConfig(input_size=64)
MARKUP = '<img src=x onerror="alert(1)">.svg'


@pytest.fixture(scope="module")
def hostile(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    corpus = root / "corpus"
    shutil.copytree(samples, corpus)
    good = [path.read_bytes() for path in sorted(samples.rglob("*.svg"))]
    for number, name in enumerate(
        (MARKUP, "line\nbreak.svg", "\x1b[31mred.svg", "🙂🦊.svg", "x" * 251 + ".svg", "a\tb.svg")
    ):
        (corpus / "text" / name).write_bytes(good[number].replace(b"<svg", b"<svg class='n'", 1))
    (corpus / "loop").symlink_to(corpus)
    (corpus / "self.png").symlink_to("self.png")
    (corpus / "escape.png").symlink_to("/etc/passwd")
    os.mkfifo(corpus / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(corpus)  # the path of a socket must be short
        try:
            listener.bind("s.png")
        finally:
            os.chdir(here)
    (corpus / "entity.svg").write_text(
        '<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        '<svg xmlns="http://www.w3.org/2000/svg"><text>&b;</text></svg>'
    )
    (corpus / "fetches.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
        '<image href="file:///etc/passwd"/></svg>'
    )
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    (corpus / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + bytes(4) + b"IDAT" + bytes(4))
    with zipfile.ZipFile(corpus / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.png", bytes(200_000_000))
        archive.writestr("../out.svg", good[0])
    with tarfile.open(corpus / "out.tar", "w") as tar:
        tar.add(samples / "text" / next((samples / "text").iterdir()).name, "../../out.svg")
    return corpus


@pytest.fixture(scope="module")
def prepared(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    run = RunDirectory.create(tmp_path_factory.mktemp("run"), name="hostile")
    prepare([hostile], run=run, config=SMALL, workers=1)
    return run


def test_every_good_image_is_used_and_every_bad_file_named(prepared: RunDirectory) -> None:
    catalog = Catalog.load(prepared.catalog)

    assert len(catalog.entries) == 16
    refused = {item.name: item.reason for item in catalog.rejected if item.reason != "duplicate"}
    assert refused == {
        "loop": "folder-link",
        "self.png": "unreadable",
        "escape.png": "outside-link",
        "pipe.png": "not-a-file",
        "s.png": "not-a-file",
        "entity.svg": "unsafe-svg",
        "fetches.svg": "external-resource",
        "huge.png": "too-large",
        "bomb.zip/zeros.png": "archive-bomb",
        "bomb.zip/../out.svg": "unsafe-name",
        "out.tar/../../out.svg": "unsafe-name",
    }
    names = {entry.name for entry in catalog.entries} | {item.name for item in catalog.rejected}
    assert f"text/{MARKUP}" in names
    assert "text/🙂🦊.svg" in names


def test_names_are_text_on_the_page(prepared: RunDirectory) -> None:
    catalog = Catalog.load(prepared.catalog)

    html = browse_page(
        read_details(prepared.catalog),
        catalog.rejected,
        read_alike(prepared.catalog),
        ImageStore(prepared.images),
        images=len(catalog.entries),
    )

    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=" in html
    assert html.count("<script>") == 1
    assert "default-src 'none'" in html


def test_names_are_one_field_in_the_export(prepared: RunDirectory) -> None:
    read = list(csv.DictReader(io.StringIO("".join(csv_lines(rows(prepared.catalog))))))

    assert len(read) == 16


def test_nothing_was_written_outside(hostile: Path, prepared: RunDirectory) -> None:
    assert not list(hostile.parent.glob("out.svg"))
    assert not list(prepared.root.rglob("out.svg"))
    assert not list(prepared.images.glob(".*"))


@pytest.mark.slow
def test_every_broken_image_is_reported_with_its_reason(
    shared_data: Path, samples: Path, tmp_path: Path
) -> None:
    with tarfile.open(shared_data / "bad_images.tar.xz") as tar:
        tar.extractall(tmp_path, filter="data")
    run = RunDirectory.create(tmp_path / "run", name="bad")

    catalog = prepare([samples, tmp_path / "bad_images"], run=run, config=SMALL)

    reported = {item.name for item in catalog.rejected}
    files = [path for path in (tmp_path / "bad_images" / "fails").rglob("*") if path.is_file()]
    used = {entry.name for entry in catalog.entries}
    assert files
    for path in files:
        name = path.relative_to(tmp_path / "bad_images").as_posix()
        if not path.name.startswith("."):
            assert name in reported
            assert name not in used
    assert all(item.reason and item.detail for item in catalog.rejected)
    odd = [path for path in (tmp_path / "bad_images" / "odd").rglob("*") if path.is_file()]
    for path in odd:
        if not path.name.startswith("."):
            assert path.relative_to(tmp_path / "bad_images").as_posix() in reported | used
