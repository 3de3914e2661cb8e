"""A plain ``vtrain trace`` starts without Typer, and nobody can tell."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.agent.policies import arrays
from vtrain.cli import main as whole
from vtrain.cli.start import plain_trace
from vtrain.cli.trace_command import trace
from vtrain.images import encode_png

REPOSITORY = Path(__file__).parents[2]
PLAIN = [
    "a.png -o a.svg",
    "-o a.svg a.png",
    "a.png b.png --output out",
    "a.png --output=out/a.svg --prefer=compact",
    "- -o -",
    "a.png -o a.svg --run runs/a --checkpoint latest",
    "a.png -o a.svg --policy p.safetensors --prefer 0.5",
    "a.png -o a.svg --prefer nonsense",
    "a.png -o a.svg --traces 4 --workers 2 --resume --title --json",
    "a.png -o a.svg --traces=0012",
    "'a b.png' -o 'ä ö.svg'",
    "a.png",
    "- --policy p.safetensors",
]
OTHERS = [
    "",
    "--help",
    "-o a.svg",
    "a.png -o",
    "a.png -oa.svg",
    "a.png -o a.svg --help",
    "a.png -o a.svg --unknown",
    "a.png -o a.svg --prefer",
    "a.png -o a.svg --prefer --title",
    "a.png -o a.svg --prefer=",
    "a.png -o a.svg --prefer -1",
    "a.png -o a.svg -o b.svg",
    "a.png -o a.svg --output b.svg",
    "a.png -o a.svg --traces 0",
    "a.png -o a.svg --traces -1",
    "a.png -o a.svg --traces 1.5",
    "a.png -o a.svg --traces ٣",
    "a.png -o a.svg --workers 0",
    "a.png -o a.svg --title=yes",
    "a.png -o a.svg --explain",
    "a.png -o a.svg --gallery g.html",
    "-o a.svg -- a.png",
    "'' -o a.svg",
    "a.png -o ''",
]


def read_by_typer(arguments: list[str]) -> dict[str, Any]:
    """What the command would be called with."""
    verb = whole._load("trace")
    found: dict[str, Any] = verb.make_context("trace", arguments).params
    return found


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_is_read_as_by_typer(line: str) -> None:
    asked = plain_trace(["trace", *shlex.split(line)])

    assert asked is not None
    assert {**(trace.__kwdefaults__ or {}), **asked} == read_by_typer(shlex.split(line))


@pytest.mark.parametrize("line", OTHERS)
def test_any_other_line_is_left_to_typer(line: str) -> None:
    assert plain_trace(["trace", *shlex.split(line)]) is None


@pytest.mark.parametrize(
    "line", ["", "-v trace a.png -o a.svg", "tracing a.png -o a.svg", "--help"]
)
def test_any_other_verb_is_left_to_typer(line: str) -> None:
    assert plain_trace(shlex.split(line)) is None


def test_a_shell_that_asks_for_completions_is_answered_by_typer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("_VTRAIN_COMPLETE", "complete_bash")

    assert plain_trace(["trace", "a.png", "-o", "a.svg"]) is None


def test_what_cannot_be_read_is_left_to_typer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output = tmp_path / "a.svg"
    output.write_text("", encoding="utf-8")
    monkeypatch.setattr(os, "access", lambda path, mode: path == str(output) and mode == os.F_OK)

    assert plain_trace(["trace", "a.png", "-o", str(output)]) is None
    assert plain_trace(["trace", "a.png", "-o", "x", "--policy", str(output)]) is not None


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a policy, a logo and no logo."""
    picture = np.zeros((40, 48, 4), np.uint8)
    picture[8:32, 8:40] = (200, 0, 0, 255)
    (tmp_path / "logo.png").write_bytes(encode_png(picture))
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    safetensors.numpy.save_file(arrays(), tmp_path / "policy.safetensors")
    return tmp_path


def run(module: str, line: str, place: Path) -> tuple[int, bytes, bytes, dict[str, bytes]]:
    """How a command ends, what it prints, and the drawings that it leaves, which are removed."""
    done = subprocess.run(
        [sys.executable, "-m", module, "trace", *shlex.split(line)],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "100"},
        capture_output=True,
        check=False,
        input=(place / "logo.png").read_bytes(),
    )
    drawings = {}
    for path in sorted(place.rglob("*.svg")):
        drawings[str(path)] = path.read_bytes()
        path.unlink()
    return done.returncode, done.stdout, done.stderr, drawings


@pytest.mark.parametrize(
    ("line", "code", "drawings"),
    [
        ("logo.png -o logo.svg --policy policy.safetensors", 0, 1),
        pytest.param("- -o - --policy policy.safetensors", 0, 0, marks=pytest.mark.slow),
        pytest.param("logo.png -o logo.svg", 0, 1, marks=pytest.mark.slow),
        pytest.param("logo.png -o out --title --prefer 3 --json", 0, 1, marks=pytest.mark.slow),
        pytest.param("logo.png text.png -o out", 4, 1, marks=pytest.mark.slow),
        pytest.param("text.png -o out", 4, 0, marks=pytest.mark.slow),
        pytest.param("missing.png -o out", 4, 0, marks=pytest.mark.slow),
        pytest.param("logo.png -o logo.png", 1, 0, marks=pytest.mark.slow),
        pytest.param("logo.png -o out --prefer pretty", 2, 0, marks=pytest.mark.slow),
        pytest.param("logo.png -o out --run missing", 2, 0, marks=pytest.mark.slow),
        pytest.param("logo.png -o out --policy missing", 6, 0, marks=pytest.mark.slow),
        pytest.param("logo.png -o out --policy p --run r", 2, 0, marks=pytest.mark.slow),
        pytest.param("logo.png -o text.png/out.svg", 1, 0, marks=pytest.mark.slow),
        pytest.param("logo.png -o out --workers 0", 2, 0, marks=pytest.mark.slow),
    ],
)
def test_both_ways_end_alike(line: str, code: int, drawings: int, place: Path) -> None:
    short, long = run("vtrain", line, place), run("vtrain.cli.main", line, place)

    assert short == long
    assert short[0] == code
    assert len(short[3]) == drawings
