"""What the project's own files may not say."""

from __future__ import annotations

import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
# Written so that this file does not match itself.
ELSEWHERE = re.compile(r"(?<![\w./])/(?:home|root|work|Users|mnt)/\w")
REGISTRIES = re.compile(r"py[p]i\.org|pythonhosted\.or[g]|registry\.npm[j]s|registry\.yarn[p]kg")
UNSAFE = re.compile(r"\bpickle\.loads?\(|(?<![\w.])(?:eval|exec)\(|yaml\.load\(|shell=True")
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b")


def texts() -> dict[str, str]:
    """The text files that belong to the project, by their path in it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is not a checkout: git does not list the project's files")
    found = {}
    for name in listed.stdout.splitlines():
        try:
            found[name] = (REPOSITORY / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture, or a file just removed
    return found


def matches(pattern: re.Pattern[str], files: dict[str, str]) -> list[str]:
    return [
        f"{name}: {match.group()}"
        for name, text in files.items()
        for match in pattern.finditer(text)
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert matches(ELSEWHERE, texts()) == []


def test_no_file_names_a_package_registry() -> None:
    assert matches(REGISTRIES, texts()) == []


def test_nothing_is_left_unfinished() -> None:
    assert matches(UNFINISHED, texts()) == []


def test_the_package_runs_no_code_out_of_data() -> None:
    package = {name: text for name, text in texts().items() if name.startswith("vtrain/")}

    assert package != {}
    assert matches(UNSAFE, package) == []


def test_the_pins_cover_every_dependency() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = chain(project["dependencies"], *project["optional-dependencies"].values())
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines if "==" in line}

    names = {
        re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()
        for requirement in wanted
    }

    assert names - pins == set()
