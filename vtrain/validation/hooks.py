"""A command of the user's that runs when something fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from vtrain.rundir import to_json

TIME_LIMIT_S = 60.0
"""Time that the command may take (s)."""


def run_on_fail(
    command: str,
    document: Mapping[str, Any],
    *,
    time_limit: float = TIME_LIMIT_S,
    name: str = "--on-fail",
) -> str:
    """Run a command through ``/bin/sh`` with a JSON object on its standard input.

    What it prints goes to standard error. It is ended, with what it started, when it takes longer
    than the time limit.

    Args:
        command: As the user wrote it.
        document: The object.
        time_limit: Time for it (s).
        name: What the user gave it with.

    Returns:
        What went wrong with it, as a sentence; empty when it ended with 0.
    """
    try:
        # The user's own command, from the command line: the shell is what was asked for.
        process = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno(),
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
    except OSError as error:
        return f"{name} could not be started: {error.strerror or error}."
    try:
        process.communicate(to_json(document, indent=2) + "\n", timeout=time_limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"{name} took longer than {time_limit:g} s and was ended."
    if process.returncode:
        return f"{name} ended with {process.returncode}: {command}"
    return ""
