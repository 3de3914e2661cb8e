"""Checks of a configuration against this machine: what will be slow, and what will fail."""

from __future__ import annotations

import shutil
from pathlib import Path

from vtrain.config.schema import Config
from vtrain.errors import UsageError
from vtrain.monitoring.check import Check
from vtrain.monitoring.limits import Limits, memory_left
from vtrain.validation.baselines import check_baselines

_MIB = 2**20
_GIB = 2**30
_TRAINER = 0.5 * _GIB
"""Memory of the trainer, with torch and the features of a corpus, as measured (bytes)."""
_WORKER = 0.75 * _GIB
"""Memory of a worker in a training on logos of 256 px, as measured (bytes)."""
_SHARED = Path("/dev/shm")  # noqa: S108 - where Linux keeps shared memory


def examine_config(config: Config, limits: Limits) -> list[Check]:
    """Run every check of a configuration.

    Args:
        config: What is to be run.
        limits: Of this machine.
    """
    return [
        _workers(config, limits),
        _memory(config, limits),
        _rollout(config, limits),
        _shared(config),
        _baselines(config),
    ]


def _workers(config: Config, limits: Limits) -> Check:
    wanted = config.resources.workers or limits.usable_cores
    threads = config.resources.torch_threads
    detail = f"{wanted} workers on {limits.usable_cores} cores, torch with {threads} threads"
    change = f"--set resources.workers={limits.usable_cores}"
    if wanted > limits.usable_cores:
        hint = f"More workers than cores trace no faster: {change}"
        return Check("config: workers", "warning", detail, hint)
    if wanted < limits.usable_cores:
        hint = f"Some cores stay idle: {change}"
        return Check("config: workers", "warning", detail, hint)
    if threads > limits.usable_cores:
        hint = f"Threads wait for each other: --set resources.torch_threads={limits.usable_cores}"
        return Check("config: workers", "warning", detail, hint)
    return Check("config: workers", "ok", detail)


def _memory(config: Config, limits: Limits) -> Check:
    workers = config.resources.workers or limits.usable_cores
    shared = min(config.tracing.shared_memory * _MIB, limits.memory_limit / 4)
    usual, left = _TRAINER + workers * _WORKER, memory_left()
    worst = usual + shared + workers * config.tracing.memory_limit * _MIB
    detail = (
        f"about {usual / _GIB:.1f} GiB, up to {(usual + shared) / _GIB:.1f} GiB with shared "
        f"images; {left / _GIB:.1f} GiB are left"
    )
    room = int((left - _TRAINER) / _WORKER)
    if usual > left:
        if room < 1:
            hint = "Even one worker has no room: end other programs, or use a larger machine."
            return Check("config: memory", "problem", detail, hint)
        return Check(
            "config: memory", "problem", detail, f"Use fewer: --set resources.workers={room}"
        )
    if usual + shared > left:
        size = max(0, int((left - usual) / 2 / _MIB))
        hint = f"Share fewer images: --set tracing.shared_memory={size}"
        return Check("config: memory", "warning", detail, hint)
    if worst > left:
        detail += "; a worker at tracing.memory_limit may take the rest"
    return Check("config: memory", "ok", detail)


def _rollout(config: Config, limits: Limits) -> Check:
    """Whether a step of all environments has work for every worker."""
    workers = config.resources.workers or limits.usable_cores
    detail = f"{config.ppo.n_envs} environments for {workers} workers"
    if config.ppo.n_envs >= 4 * workers:
        return Check("config: environments", "ok", detail)
    hint = f"Workers wait at the end of each step: --set ppo.n_envs={8 * workers}"
    return Check("config: environments", "warning", detail, hint)


def _shared(config: Config) -> Check:
    wanted = config.tracing.shared_memory * _MIB
    if not wanted or not _SHARED.is_dir():
        return Check("config: shared memory", "ok", "none is used")
    free = shutil.disk_usage(_SHARED).free
    detail = f"{free / _GIB:.1f} GiB free for up to {wanted / _GIB:.1f} GiB"
    if free >= 256 * _MIB:
        return Check("config: shared memory", "ok", detail)
    hint = "Images are decoded again and again: give the container more, such as --shm-size=1g."
    return Check("config: shared memory", "warning", detail, hint)


def _baselines(config: Config) -> Check:
    names = ", ".join(config.validation.against) or "none"
    try:
        check_baselines(config.validation.against)
    except UsageError as error:
        return Check("config: baselines", "problem", error.message, error.hint)
    return Check("config: baselines", "ok", names)
