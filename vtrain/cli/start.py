"""Where ``vtrain`` starts: a plain ``vtrain trace`` at once, everything else through Typer.

Typer and what it needs take three times as long to load as a logo takes to trace. A command line of
``trace`` with nothing in it but well-formed options is read here; any other, with a slip in it or a
question, is Typer's to answer. What is done then is the same, and so is how it ends.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PATHS = {"--output": "output", "-o": "output", "--run": "run", "--policy": "policy"}
_WORDS = {"--checkpoint": "checkpoint", "--prefer": "prefer"}
_COUNTS = {"--traces": "traces", "--workers": "workers"}
_FLAGS = {"--resume": "resume", "--title": "title", "--json": "as_json"}
_DIGITS = 9
"""Digits of a count that are read here."""


def main() -> None:
    """Run the command line and exit."""
    asked = plain_trace(sys.argv[1:])
    if asked is None:
        from vtrain.cli.main import main as whole

        whole()
    else:
        sys.exit(_trace(asked))


def plain_trace(arguments: Sequence[str]) -> dict[str, Any] | None:
    """The arguments of `vtrain.cli.trace_command.trace` that a plain command line gives.

    Args:
        arguments: The command line without the program's name.

    Returns:
        Only what was given; None where Typer has to read it.
    """
    if not arguments or arguments[0] != "trace" or "_VTRAIN_COMPLETE" in os.environ:
        return None
    asked: dict[str, Any] = {}
    inputs: list[str] = []
    words = iter(arguments[1:])
    for word in words:
        if not word.startswith("-") or word == "-":
            inputs.append(word)
            continue
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if option in _FLAGS and not equals:
            name, read = _FLAGS[option], True
        else:
            name, read = _with_value(option, value if equals else next(words, ""))
        if read is None or name in asked:
            return None
        asked[name] = read
    if not inputs or "" in inputs:
        return None
    return {"inputs": inputs, **asked}


def _with_value(option: str, value: str) -> tuple[str, Any]:
    """The argument that an option stands for, and its value; None where Typer has to read it."""
    if not value or (value.startswith("-") and value != "-"):
        return "", None
    if option in _PATHS:
        # One that cannot be read is refused with words of Typer's, but for a policy.
        there, readable = (os.access(value, mode) for mode in (os.F_OK, os.R_OK))
        refused = there and not readable and option != "--policy"
        return _PATHS[option], None if refused else Path(value)
    if option in _WORDS:
        return _WORDS[option], value
    if option in _COUNTS and value.isascii() and value.isdigit() and len(value) <= _DIGITS:
        return _COUNTS[option], int(value) or None
    return "", None


def _trace(asked: dict[str, Any]) -> int:
    """Trace; the exit code."""
    # numpy's threads would take a fifth of its start, and what one image needs is too small for
    # them. They are chosen when it is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        prepare_process()
        from vtrain.cli.trace_command import trace

        trace(**asked)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - ends as every command does
        from vtrain.cli.main import end

        return end(error)
    return 0


def prepare_process(*, verbose: bool = False) -> None:
    """Set up what all commands share: threads, and which warnings are shown.

    Args:
        verbose: Whether everything is logged.
    """
    # OpenCV's threads and our worker processes would fight over the same cores.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.WARNING if verbose else logging.ERROR)
    logging.getLogger("vtrain").setLevel(logging.DEBUG if verbose else logging.WARNING)


if __name__ == "__main__":
    main()
