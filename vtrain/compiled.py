"""Functions that numba compiles to machine code, for the few loops that take the time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

_MATHS = {"contract", "reassoc", "nsz", "arcp", "nnan", "ninf", "afn"}
"""Freedoms of the compiler: sums may be reordered, and no NaN or infinity ever comes in."""


def options() -> dict[str, Any]:
    """How functions are compiled; names a folder for the machine code where the usual ones fail."""
    # Where neither the package's folder nor the user's can be written, as in some containers.
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~").expanduser() / ".cache")
    places = (Path(__file__).parent, home, home.parent)
    if "NUMBA_CACHE_DIR" not in os.environ and not any(os.access(p, os.W_OK) for p in places):
        os.environ["NUMBA_CACHE_DIR"] = str(Path(tempfile.gettempdir()) / f"vtrain-{os.getuid()}")
    return {"fastmath": _MATHS, "boundscheck": False, "error_model": "numpy", "nogil": True}


def compiled(function: Function) -> Function:
    """Compile a function on its first call for each kind of arguments; kept on disk."""
    made: Function = _njit(cache=True)(function)
    return made


def exact(function: Function) -> Function:
    """As `compiled`, with every sum and product as it is written: for results equal to the bit."""
    made: Function = _njit(cache=True, fastmath=False)(function)
    return made


def inlined(function: Function) -> Function:
    """A function that is compiled into each that calls it."""
    made: Function = _njit(inline="always")(function)
    return made


def _njit(**more: Any) -> Any:
    # Before numba is imported, which reads the environment then.
    settings = options()
    import numba  # noqa: PLC0415 - takes a third of a second, which most commands do not need

    return numba.njit(**{**settings, **more})
