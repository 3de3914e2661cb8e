"""Checks that this machine can do the work, each with what to do when it cannot."""

from __future__ import annotations

import fcntl
import importlib.metadata
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtrain.config.schema import Config
from vtrain.errors import VtrainError
from vtrain.monitoring.check import Check
from vtrain.monitoring.doctor_config import examine_config
from vtrain.monitoring.gpu import open_gpus
from vtrain.monitoring.limits import Limits, memory_left
from vtrain.monitoring.machine import Machine
from vtrain.resources import ControlGroups
from vtrain.tracing.parameters import PRESETS
from vtrain.tracing.render import render
from vtrain.tracing.trace import trace

_GIB = 2**30
# Torch, the table of features and one worker need about this; a worker more about half of it.
_MEMORY_WANTED = 2 * _GIB
_DISK_WANTED = 1 * _GIB
_LIBRARIES = ("torch", "stable-baselines3", "gymnasium", "vtracer", "opencv-python-headless")
_SIDE = 48


def examine(folder: Path, config: Config | None = None) -> list[Check]:
    """Run every check.

    Args:
        folder: An existing folder on the disk where runs are kept.
        config: What is to be run; None leaves out the checks of it.
    """
    limits = Limits.of(folder)
    return [
        _python(),
        *_versions(),
        _cores(limits),
        _memory(limits),
        _disk(limits, folder),
        _locks(folder),
        _pressure(folder),
        _gpu(),
        _tracer(),
        *(examine_config(config, limits) if config is not None else ()),
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
    detail = f"{limits.usable_cores} usable of {limits.cores}{_by(limits.cores_group)}"
    if limits.usable_cores > 1:
        return Check("cores", "ok", detail)
    return Check("cores", "warning", detail, "Training works, at half the speed of two cores.")


def _memory(limits: Limits) -> Check:
    left = memory_left()
    detail = (
        f"{left / _GIB:.1f} GiB left of {limits.memory_limit / _GIB:.1f} GiB"
        f"{_by(limits.memory_group)}"
    )
    if left >= _MEMORY_WANTED:
        return Check("memory", "ok", detail)
    return Check("memory", "warning", detail, "Use fewer workers: --set resources.workers=1.")


def _disk(limits: Limits, folder: Path) -> Check:
    detail = f"{limits.disk_free / _GIB:.1f} GiB free at {folder.resolve()}"
    if limits.disk_free >= _DISK_WANTED:
        return Check("disk", "ok", detail)
    return Check("disk", "warning", detail, "Free some space, or keep runs elsewhere with --run.")


def _by(group: str) -> str:
    return f", limited by the control group {group}" if group else ""


def _locks(folder: Path) -> Check:
    """Take a lock as a run does: some network file systems have none, or refuse to be written."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".vtrain-doctor-", dir=folder) as made,
            (Path(made) / "lock").open("wb") as file,
        ):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        hint = "Keep runs on a disk that can be written and locked: --run DIR."
        return Check("locks", "problem", f"{folder.resolve()}: {error.strerror or error}", hint)
    return Check("locks", "ok", f"files at {folder.resolve()} can be written and locked")


def _pressure(folder: Path) -> Check:
    reading = Machine(folder, ControlGroups.of()).read()
    told = (
        ("cores", reading.pressure_cpu, 0.5),
        ("memory", reading.pressure_memory, 0.05),
        ("disks", reading.pressure_io, 0.2),
    )
    known = [(name, share, much) for name, share, much in told if share is not None]
    if not known:
        return Check("pressure", "ok", "this kernel does not tell what processes wait for")
    detail = "processes wait for " + ", ".join(f"{name} {share:.0%}" for name, share, _ in known)
    if all(share < much for _, share, much in known):
        return Check("pressure", "ok", f"{detail} of the time")
    hint = "Other work is going on: training will be slow until it ends."
    return Check("pressure", "warning", f"{detail} of the time", hint)


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
