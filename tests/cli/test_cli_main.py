"""The command as a whole: its verbs, its help, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from vtrain import __version__
from vtrain.cli import main as command
from vtrain.errors import DataError, StorageError, VtrainError

Vtrain = Callable[..., subprocess.CompletedProcess[str]]


def test_help_lists_every_verb_and_imports_none(vtrain: Vtrain) -> None:
    script = (
        "import sys; from vtrain.cli.main import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, sep='\\n', file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=True
    )

    listed = done.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == list(command.VERBS)
    loaded = set(done.stderr.split())
    assert "vtrain.cli.main" in loaded
    assert loaded.isdisjoint({"torch", "numpy", "pydantic", "yaml", "rich", "cv2"})
    assert loaded.isdisjoint({f"vtrain.cli.{verb}" for verb in command.VERBS})
    assert vtrain().returncode == 2


@pytest.mark.parametrize("verb", command.VERBS)
def test_every_verb_has_help_with_an_example(vtrain: Vtrain, verb: str) -> None:
    done = vtrain(verb, "--help")

    assert done.returncode == 0, done.stderr
    assert "Usage: vtrain" in done.stdout
    assert "Example" in done.stdout or "Commands:" in done.stdout


def test_python_runs_the_package_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vtrain", "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"vtrain {__version__}\n"


def test_the_version_is_printed(vtrain: Vtrain) -> None:
    done = vtrain("--version")

    assert (done.returncode, done.stdout) == (0, f"vtrain {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trian",), "Did you mean 'train'"),
        (("config", "shw"), "Did you mean 'show'"),
        (("config", "show", "--orgin"), "--origin"),
        (("config", "check"), "Missing argument"),
    ],
)
def test_a_slip_of_the_finger_is_a_usage_error(
    vtrain: Vtrain, arguments: tuple[str, ...], said: str
) -> None:
    done = vtrain(*arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_error_is_a_paragraph_with_the_next_step(vtrain: Vtrain) -> None:
    done = vtrain("checkpoint", "list")

    assert done.returncode == 2
    assert done.stderr.startswith("Usage error: There is no run under runs/")
    assert "vtrain run" in done.stderr.splitlines()[1]
    assert "Traceback" not in done.stderr


def test_a_full_disk_under_the_output_is_said() -> None:
    script = 'exec "$0" -m vtrain.cli.main config schema > /dev/full'

    done = subprocess.run(
        ["sh", "-c", script, sys.executable], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "Cannot write: No space is left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_went_away_is_no_fault() -> None:
    script = '"$0" -m vtrain.cli.main config schema; echo $? >&2'

    with subprocess.Popen(
        ["sh", "-c", script, sys.executable], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()

        assert process.stderr.read() == b"141\n"


def raising(error: BaseException) -> typer.Typer:
    """The command, with a verb that raises."""
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    def verb() -> None:
        raise error

    return app


def end(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, *options: str, debug: str = ""
) -> int:
    """The exit code of a command in which `error` was raised."""
    monkeypatch.setattr(command, "_load", lambda _name: typer.main.get_command(raising(error)))
    monkeypatch.setenv("VTRAIN_DEBUG", debug)
    monkeypatch.setattr(sys, "argv", ["vtrain", *options, "train"])
    with pytest.raises(SystemExit) as caught:
        command.main()
    code = caught.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            DataError("No image.", hint="Give a folder."),
            4,
            "Data error: No image.\nGive a folder.\n",
        ),
        (StorageError("No space."), 1, "Cannot write: No space.\n"),
        (VtrainError("red \x1b[31m"), 1, "Error: red \\x1b[31m\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (PermissionError(13, "Permission denied", "a.png"), 1, "File error: a.png: Permission"),
        (OSError(28, "No space left on device"), 1, "Cannot write: No space is left"),
        (ZeroDivisionError("x"), 1, "Internal error: ZeroDivisionError: x\nThis is a fault in"),
    ],
)
def test_each_error_ends_with_its_code_and_words(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    assert end(monkeypatch, error) == code

    out, err = capsys.readouterr()
    assert err.startswith(said)
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(("options", "debug"), [(("-v",), ""), ((), "1")])
def test_a_fault_shows_its_traceback_when_asked(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    debug: str,
) -> None:
    assert end(monkeypatch, ZeroDivisionError("x"), *options, debug=debug) == 1

    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "Internal error: ZeroDivisionError" in err


def test_ctrl_c_ends_with_130_and_one_line(tmp_path: Path) -> None:
    fifo = tmp_path / "config.yaml"
    os.mkfifo(fifo)
    with (
        subprocess.Popen(
            [sys.executable, "-m", "vtrain.cli.main", "config", "check", str(fifo)],
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        fifo.open("w"),
    ):  # opens once the command reads
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    assert (process.returncode, err) == (130, "Interrupted.\n")
