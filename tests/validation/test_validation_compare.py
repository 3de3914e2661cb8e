from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.validation.unattended import environment, judged, make_run, save_policy, validate_command
from vtrain.errors import UsageError
from vtrain.rundir import RunDirectory, read_json, write_json
from vtrain.validation.compare import compare_runs, comparison_text, write_comparison
from vtrain.validation.fingerprint import FINGERPRINT

HOSTILE = r"_<i>$\default$ ^{"
"""A folder's name that is markup to a page, and a broken formula and a hidden label to a plot."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDirectory, RunDirectory]:
    """Two runs on the same logos: one draws with the recipe, the other as VTracer's default."""
    folder = tmp_path_factory.mktemp("compare")
    first = make_run(folder / "recipe")
    shutil.copytree(first.root, folder / HOSTILE)
    second = RunDirectory(folder / HOSTILE)
    for run, preset in ((first, "recipe"), (second, "default")):
        save_policy(run, 512, preset)
        assert validate_command(run, "--quiet").returncode == 0
    return first, second


@pytest.fixture
def copies(
    runs: tuple[RunDirectory, RunDirectory], tmp_path: Path
) -> tuple[RunDirectory, RunDirectory]:
    for run in runs:
        shutil.copytree(run.validation, tmp_path / run.root.name / "validation")
        shutil.copy(run.config, tmp_path / run.root.name)
    first, second = (RunDirectory(tmp_path / run.root.name) for run in runs)
    return first, second


def compare(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vtrain.cli.main", "validate", "compare", *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_command_writes_tables_plots_and_json(
    runs: tuple[RunDirectory, RunDirectory], tmp_path: Path
) -> None:
    first, second = runs

    done = compare(first.root, second.root, "-o", tmp_path / "out", "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [item["name"] for item in found["compared"]] == ["recipe", HOSTILE]
    assert found["compared"][0]["changes"] == []
    assert {change["verdict"] for change in found["compared"][1]["changes"]} == {"worse"}
    written = read_json(tmp_path / "out" / "comparison.json")
    assert written["compared"] == found["compared"]
    assert {path.name for path in (tmp_path / "out" / "plots").iterdir()} == {
        "fronts.png", "fronts.svg", "differences.png", "differences.svg",
    }  # fmt: skip
    reader = Reader()
    reader.feed((tmp_path / "out" / "comparison.html").read_text(encoding="utf-8"))
    assert "i" not in reader.tags
    assert reader.tags.count("img") == 2
    assert HOSTILE in reader.text


def test_the_command_prints_figures_and_differences(
    runs: tuple[RunDirectory, RunDirectory],
) -> None:
    done = compare(*(run.validation / judged(run)[0] for run in runs))

    assert (done.returncode, done.stderr) == (0, "")
    assert "At compact: each policy on the logos" in done.stdout
    assert "Mean utility minus that of recipe, logo by logo" in done.stdout
    assert re.search(r"compact +\d+ +-\d.* \d+\.\d+|e-\d+ +worse", done.stdout)


def test_the_difference_is_that_of_the_utilities(runs: tuple[RunDirectory, RunDirectory]) -> None:
    first, second = compare_runs([run.root for run in runs]).compared

    for change in second.changes:
        ours, theirs = (item.record.summary.of(change.taste) for item in (second, first))
        assert change.difference.value == pytest.approx(ours.utility - theirs.utility)


def test_files_repeat_to_the_byte(runs: tuple[RunDirectory, RunDirectory], tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_comparison(tmp_path / name, compare_runs([run.root for run in runs]))

    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    assert len(files) == 6
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize(
    ("key", "value", "note", "paired"),
    [
        ("measuring", "older", "another version of vtrain measured it", False),
        ("traces", 4, "it allowed 4 traces per image, here 1", True),
    ],
)
def test_what_was_judged_otherwise_is_told(
    copies: tuple[RunDirectory, RunDirectory], key: str, value: object, note: str, *, paired: bool
) -> None:
    path = copies[1].validation / judged(copies[1])[0] / FINGERPRINT
    write_json(path, {**read_json(path), key: value})

    found = compare_runs([run.root for run in copies])

    assert note in found.notes[0]
    assert bool(found.compared[1].changes) == paired
    assert f"Note: {found.notes[0]}" in comparison_text(found)


def test_a_validation_of_an_earlier_version_is_shown_but_not_paired(
    copies: tuple[RunDirectory, RunDirectory], tmp_path: Path
) -> None:
    (copies[0].validation / judged(copies[0])[0] / FINGERPRINT).unlink()

    found = compare_runs([run.root for run in copies])
    write_comparison(tmp_path / "out", found)

    assert "recipe does not tell how it was judged" in found.notes[0]
    assert {path.stem for path in (tmp_path / "out" / "plots").iterdir()} == {"fronts"}


def test_one_is_not_enough_and_twice_the_same_neither(
    runs: tuple[RunDirectory, RunDirectory],
) -> None:
    first, _ = runs

    with pytest.raises(UsageError, match="Two or more"):
        compare_runs([first.root])
    with pytest.raises(UsageError, match="comes twice"):
        compare_runs([first.root, first.validation / judged(first)[0]])


def test_a_run_without_a_validation_is_a_usage_error(
    runs: tuple[RunDirectory, RunDirectory], copies: tuple[RunDirectory, RunDirectory]
) -> None:
    shutil.rmtree(copies[1].validation)

    with pytest.raises(UsageError, match="no finished validation"):
        compare_runs([runs[0].root, copies[1].root])
