"""Processes whose loaded modules are counted: the coverage measurement would load its own."""

from __future__ import annotations

import os


def unwatched() -> dict[str, str]:
    """The environment without what starts the coverage measurement in other processes."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
