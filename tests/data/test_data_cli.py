"""The commands of ``vtrain data``: what they print, write, and exit with."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image


def vtrain(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``vtrain data`` in `folder` as a user would."""
    command = [sys.executable, "-m", "vtrain.cli.main", "data", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with samples in ``logos`` and a run prepared from them in ``run``."""
    folder = tmp_path_factory.mktemp("cli")
    made = vtrain("sample", "logos", "--count", "12", "--seed", "2", folder=folder)
    assert made.returncode == 0, made.stderr
    done = vtrain(
        "prepare", "logos", "--run", "run", "--set", "data.input_size=64", "--json", folder=folder
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"] == 12
    return folder


def test_stats_print_json_alone_on_standard_output(prepared: Path) -> None:
    done = vtrain("stats", "--run", "run", "--json", folder=prepared)

    info = json.loads(done.stdout)
    assert done.returncode == 0
    assert {category: sum(splits.values()) for category, splits in info["categories"].items()} == {
        "simple": 3,
        "text": 3,
        "gradient": 3,
        "complex": 3,
    }


def test_people_get_a_table_on_standard_output(prepared: Path) -> None:
    done = vtrain("stats", "--run", "run", folder=prepared)

    assert done.stderr == ""
    assert "gradient" in done.stdout
    assert "12 brands" in done.stdout


def test_show_draws_a_contact_sheet(prepared: Path) -> None:
    done = vtrain("show", "--run", "run", "-o", "sheet.png", folder=prepared)

    assert done.returncode == 0, done.stderr
    with Image.open(prepared / "sheet.png") as sheet:
        assert sheet.width > 12 * 128


def test_split_is_checked_for_leaks(prepared: Path) -> None:
    done = vtrain("split", "--run", "run", "--check", "--json", folder=prepared)

    assert done.returncode == 0, done.stderr
    assert sum(map(len, json.loads(done.stdout)["images"].values())) == 12


def test_export_writes_one_row_per_image(prepared: Path) -> None:
    done = vtrain("export", "--run", "run", "-o", "-", folder=prepared)

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 12
    assert {row["reference_scale"] for row in rows} == {"2.0"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("prepare", "nowhere", "--run", "x"), 4, "does not exist"),
        (("prepare", "empty", "--run", "x"), 4, "no file"),
        (("prepare", "words", "--run", "x"), 4, "1 unsupported-format"),
        (("prepare", "logos"), 2, "--run"),
        (("prepare", "logos", "--run", "x", "--set", "data.sise=3"), 2, "data.sise"),
        (("stats", "--run", "nowhere"), 2, "nowhere"),
        (("sample", "x", "--count", "0"), 2, "count"),
    ],
)
def test_mistakes_end_with_the_documented_code_and_no_traceback(
    prepared: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (prepared / "empty").mkdir(exist_ok=True)
    (prepared / "words").mkdir(exist_ok=True)
    (prepared / "words" / "a.txt").write_text("hello")

    done = vtrain(*arguments, folder=prepared)

    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
