"""What a measurement depends on besides the image and the action."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

from vtrain.scoring.appearance import Appearance
from vtrain.tracing.parameters import TABLE_DIGEST
from vtrain.tracing.render import RENDERER

MEASURING = 13
"""Raised whenever preparation, tidying or scoring changes what is measured."""

NATIVE = 2
"""Raised whenever what several traces are judged by changes, where the input is all there is."""
TRIED = 2
"""Raised whenever a policy tries others among several traces."""


def measurement_version() -> str:
    """Digest of the tracer, the renderer, the parameter table and the scoring."""
    renderer = version("pylunasvg" if RENDERER == "pylunasvg" else "resvg-py")
    parts = (MEASURING, version("vtracer"), RENDERER, renderer, TABLE_DIGEST, Appearance.load())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def judging_version(*, native: bool) -> str:
    """As `measurement_version`; where several traces are tried, of which and of their judge too."""
    return f"{measurement_version()}-{NATIVE}.{TRIED}" if native else measurement_version()
