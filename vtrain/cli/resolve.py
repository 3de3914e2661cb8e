"""Which configuration a command works with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vtrain.config.schema import Config
    from vtrain.rundir import RunDirectory

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def resolve_config(
    run: RunDirectory | None, files: Sequence[str] | None, overrides: Sequence[str] | None
) -> Config:
    """The configuration given on the command line or, without files, the run's own.

    Args:
        run: The run directory; its ``config.yaml`` counts when no file is given.
        files: Values of ``-c``.
        overrides: Values of ``--set``, which always count.

    Raises:
        ConfigError: Something in them is wrong.
    """
    from vtrain.config.load import load_config

    sources = list(files or ())
    if not sources and run is not None and run.config.is_file():
        sources = [str(run.config)]
    return load_config(sources, overrides or ()).config


def parse_duration(text: str, *, option: str) -> float:
    """Seconds of a time such as ``90s``, ``55m`` or ``1.5h``; a bare number is seconds.

    Raises:
        UsageError: It is no such time, or not positive.
    """
    from vtrain.errors import UsageError

    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None or float(match[1]) <= 0:
        raise UsageError(
            f"{option} {text!r} is no time to run for.", hint="Write 90s, 55m or 1.5h."
        )
    return float(match[1]) * _UNITS[match[2]]
