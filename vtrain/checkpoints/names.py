"""Names of checkpoints: ``step-000012288``, and ``step-000012288-r2`` for the same step again."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"step-(\d{9,})(?:-r(\d+))?$")


def checkpoint_name(step: int, revision: int = 1) -> str:
    """The name of a step's checkpoint; `revision` counts those of the same step, from 1."""
    name = f"step-{step:09d}"
    return name if revision == 1 else f"{name}-r{revision}"


def parse_name(name: str) -> tuple[int, int] | None:
    """Step and revision that a name says; None when it is no checkpoint's."""
    found = _NAME.match(name)
    return (int(found[1]), int(found[2] or 1)) if found else None


def parse_source(text: str, default: str) -> tuple[Path, str]:
    """The run and the checkpoint that ``RUN`` or ``RUN@STEP`` name.

    A folder of that whole name is the run, since folders may have an ``@`` in theirs.

    Args:
        text: What the user gave.
        default: The checkpoint when none is named.
    """
    run, at, step = text.rpartition("@")
    if not at or Path(text).is_dir():
        return Path(text), default
    return Path(run), step or default
