"""Checks that this machine can do the work, each with what to do when it cannot."""

from __future__ import annotations

import importlib.metadata
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vtrain.errors import VtrainError
from vtrain.monitoring.gpu import open_gpus
from vtrain.monitoring.limits import Limits, memory_left
from vtrain.tracing.parameters import PRESETS
from vtrain.tracing.render import render
from vtrain.tracing.trace import trace

Status = Literal["ok", "warning", "problem"]

_GIB = 2**30
# Torch, the table of features and one worker need about this; a worker more about half of it.
_MEMORY_WANTED = 2 * _GIB
_DISK_WANTED = 1 * _GIB
_LIBRARIES = ("torch", "stable-baselines3", "gymnasium", "vtracer", "opencv-python-headless")
_SIDE = 48


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: What was looked at.
        status: `ok`, `warning` (works, but not well) or `problem` (does not work).
        detail: What was found.
        hint: What to do next; empty when nothing.
    """

    name: str
    status: Status
    detail: str
    hint: str = ""


def examine(folder: Path) -> list[Check]:
    """Run every check.

    Args:
        folder: An existing folder on the disk where runs are kept.
    """
    limits = Limits.of(folder)
    return [
        _python(),
        *_versions(),
        _cores(limits),
        _memory(limits),
        _disk(limits, folder),
        _gpu(),
        _tracer(),
    ]


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", "ok", found)
    return Check("python", "problem", found, "Use Python 3.11, 3.12 or 3.13.")


def _versions() -> list[Check]:
    checks = []
    for name in _LIBRARIES:
        try:
            checks.append(Check(name, "ok", importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            checks.append(Check(name, "problem", "not installed", "Run 'make setup'."))
    return checks


def _cores(limits: Limits) -> Check:
    detail = f"{limits.usable_cores} usable of {limits.cores}"
    if limits.usable_cores > 1:
        return Check("cores", "ok", detail)
    return Check("cores", "warning", detail, "Training works, at half the speed of two cores.")


def _memory(limits: Limits) -> Check:
    left = memory_left()
    detail = f"{left / _GIB:.1f} GiB left of {limits.memory_limit / _GIB:.1f} GiB"
    if left >= _MEMORY_WANTED:
        return Check("memory", "ok", detail)
    return Check("memory", "warning", detail, "Use fewer workers: --set resources.workers=1.")


def _disk(limits: Limits, folder: Path) -> Check:
    detail = f"{limits.disk_free / _GIB:.1f} GiB free at {folder.resolve()}"
    if limits.disk_free >= _DISK_WANTED:
        return Check("disk", "ok", detail)
    return Check("disk", "warning", detail, "Free some space, or keep runs elsewhere with --run.")


def _gpu() -> Check:
    with open_gpus() as gpus:
        if gpus.reason:
            return Check("gpu", "ok", f"{gpus.reason}; none is needed")
        return Check("gpu", "ok", ", ".join(reading.name for reading in gpus.read()))


def _tracer() -> Check:
    """Trace a disc and render it back: the picture must come out nearly as it went in."""
    disc = _disc()
    try:
        back = render(trace(disc, PRESETS["flattened"]).svg, _SIDE, _SIDE)
    except VtrainError as error:
        return Check("tracer", "problem", str(error), "Reinstall: 'make clean setup'.")
    wrong = float(np.mean(np.abs(back[..., 3].astype(int) - disc[..., 3].astype(int)) > 128))
    if wrong < 0.02:
        return Check("tracer", "ok", f"a disc is traced and rendered ({wrong:.1%} of pixels off)")
    return Check(
        "tracer",
        "problem",
        f"a traced disc has {wrong:.0%} of its pixels wrong",
        "Reinstall: 'make clean setup'.",
    )


def _disc() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:_SIDE, :_SIDE] - (_SIDE - 1) / 2
    image = np.zeros((_SIDE, _SIDE, 4), np.uint8)
    image[rows**2 + columns**2 < (_SIDE / 3) ** 2] = (200, 30, 60, 255)
    return image
