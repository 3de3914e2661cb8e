"""Which loops over pixels are used: the compiled ones, or their equals that need no numba."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from vtrain.images import plain

_COMPILED = "vtrain.images.kernels"


def loops() -> ModuleType:
    """`vtrain.images.kernels` in a process that has numba loaded, `vtrain.images.plain` before.

    Whatever judges traces loads numba. A single trace is done before numba would be loaded.
    """
    return importlib.import_module(_COMPILED) if are_compiled() else plain


def are_compiled() -> bool:
    """Whether this process has numba."""
    return "numba" in sys.modules


def compile_loops() -> None:
    """Use the compiled loops from now on: for many images."""
    importlib.import_module(_COMPILED)
