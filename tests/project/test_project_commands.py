"""Commands that people are told to give can be given: a path is one word of the shell."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import vtrain
from vtrain.config.schema import Config
from vtrain.errors import UsageError, quoted
from vtrain.rundir import RunDirectory, write_identity
from vtrain.validation.history import history_of

PACKAGE = Path(vtrain.__file__).parent
COMMAND = re.compile(r"(--(run|fork)|run -c|data prepare|\bls) $")


def commands() -> list[tuple[str, ast.expr]]:
    """Where a command is put together, and the path in it."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            for before, part in zip(node.values, node.values[1:], strict=False):
                text = before.value if isinstance(before, ast.Constant) else ""
                if isinstance(part, ast.FormattedValue) and COMMAND.search(str(text)):
                    found.append((f"{path.relative_to(PACKAGE)}:{part.lineno}", part.value))
    return found


def test_every_command_quotes_its_path() -> None:
    bare = [
        place
        for place, value in commands()
        if not (isinstance(value, ast.Call) and ast.unparse(value.func) == "quoted")
    ]

    assert len(commands()) >= 20
    assert bare == []


@pytest.mark.parametrize("path", ["runs/logos", "my runs/a", "it's", "$HOME/`x`", "a;b", "*"])
def test_a_quoted_path_is_one_word_as_it_was(path: str) -> None:
    assert shlex.split(f"vtrain train --run {quoted(Path(path))} --resume") == [
        "vtrain",
        "train",
        "--run",
        path,
        "--resume",
    ]
    assert quoted("runs/logos") == "runs/logos"


def test_an_error_and_a_command_name_a_folder_with_a_space_as_one_word(tmp_path: Path) -> None:
    folder = tmp_path / "my logos"
    run = RunDirectory.create(folder, name="x")
    write_identity(run, Config(), 0)
    with pytest.raises(UsageError) as caught:
        history_of([run.root])
    made = subprocess.run(
        [sys.executable, "-m", "vtrain", "data", "sample", folder, "--count", "4"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert shlex.split(caught.value.hint.removesuffix("."))[-1] == str(folder)
    assert str(folder) in shlex.split(made.stderr.splitlines()[-1])
