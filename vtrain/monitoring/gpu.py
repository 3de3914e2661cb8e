"""Readings of NVIDIA GPUs through NVML; without a GPU there is a reason, said once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pynvml

_SLOWED = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "thermal (software)",
    0x40: "thermal (hardware)",
    0x80: "power brake",
}
"""Why a GPU runs below its clock, by NVML's bits. Idling and set clocks are no reason to worry."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at one moment. What the driver does not tell, or not to this user, is None.

    Attributes:
        index: NVML's number of the GPU, from 0.
        name: The model.
        utilisation: Share of the last period with a kernel running (0 to 1).
        memory_used: Memory in use by all processes (bytes).
        memory_total: Memory on the board (bytes).
        memory_own: Memory in use by the run's own processes (bytes).
        temperature: Of the chip (°C).
        power: Power drawn (W).
        energy: Energy since the driver was loaded (J).
        clock: Clock of the multiprocessors (MHz).
        clock_memory: Clock of the memory (MHz).
        slowed: Why it runs below its clock; empty when it does not.
    """

    index: int
    name: str
    utilisation: float
    memory_used: int
    memory_total: int
    memory_own: int | None = None
    temperature: float | None = None
    power: float | None = None
    energy: float | None = None
    clock: int | None = None
    clock_memory: int | None = None
    slowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs that a run can see.

    Attributes:
        count: How many.
        reason: Why there is none; empty when there is one.
        indices: NVML's numbers of them; None for all from 0.
    """

    count: int
    reason: str
    indices: tuple[int, ...] | None = None
    _silent: dict[int, str] = field(default_factory=dict, compare=False)

    def read(self, pids: frozenset[int] = frozenset()) -> tuple[GpuReading, ...]:
        """Read each GPU; one that does not answer is left out.

        Args:
            pids: The run's own processes.
        """
        readings = []
        for index in range(self.count) if self.indices is None else self.indices:
            try:
                readings.append(_read(index, pids))
            except pynvml.NVMLError as error:
                self._silent.setdefault(index, f"GPU {index} does not answer: {error}")
            else:
                self._silent.pop(index, None)
        return tuple(readings)

    @property
    def silent(self) -> Mapping[int, str]:
        """The GPUs that did not answer when they were last read, each with the reason."""
        return self._silent


@contextmanager
def open_gpus(environment: Mapping[str, str] | None = None) -> Iterator[Gpus]:
    """Open NVML for the length of a block.

    Args:
        environment: The run's, for `CUDA_VISIBLE_DEVICES`; None for this process's.

    Yields:
        The GPUs; with `count` 0 and a reason where the driver or the GPU is absent, hidden, or not
        for this user.
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        yield Gpus(count=0, reason=f"no NVIDIA GPU is watched: {error}")
        return
    try:
        yield _visible(os.environ if environment is None else environment)
    finally:
        pynvml.nvmlShutdown()


def _visible(environment: Mapping[str, str]) -> Gpus:
    try:
        count = int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError as error:
        return Gpus(count=0, reason=f"no NVIDIA GPU is watched: {error}")
    if not count:
        return Gpus(count=0, reason="no NVIDIA GPU is watched: none found")
    wanted = environment.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return Gpus(count=count, reason="")
    indices = _chosen(wanted.split(","), count)
    reason = "" if indices else "no NVIDIA GPU is watched: CUDA_VISIBLE_DEVICES hides them"
    return Gpus(count=len(indices), reason=reason, indices=indices)


def _chosen(names: Sequence[str], count: int) -> tuple[int, ...]:
    """As CUDA reads the variable: numbers or beginnings of UUIDs, up to the first wrong one."""
    uuids: dict[int, str] = {}
    chosen: list[int] = []
    for name in (name.strip() for name in names):
        if name.isdigit():
            found = [int(name)] if int(name) < count else []
        else:
            if not uuids:
                uuids = {index: _uuid(index) for index in range(count)}
            found = [index for index, uuid in uuids.items() if name and uuid.startswith(name)]
        if len(found) != 1:
            break
        chosen += found
    return tuple(dict.fromkeys(chosen))


def _uuid(index: int) -> str:
    try:
        return str(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(index)))
    except pynvml.NVMLError:  # lost: no name in the variable is its
        return ""


def _read(index: int, pids: frozenset[int]) -> GpuReading:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    power = _told(pynvml.nvmlDeviceGetPowerUsage, handle)
    energy = _told(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)
    bits = _told(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0
    processes = _told(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
    return GpuReading(
        index=index,
        name=str(pynvml.nvmlDeviceGetName(handle)),
        utilisation=float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100.0,
        memory_used=int(memory.used),
        memory_total=int(memory.total),
        memory_own=_own(processes, pids),
        temperature=_told(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power=None if power is None else power / 1000.0,
        energy=None if energy is None else energy / 1000.0,
        clock=_told(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        clock_memory=_told(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        slowed=tuple(reason for bit, reason in _SLOWED.items() if bits & bit),
    )


def _told(question: Callable[..., Any], *arguments: Any) -> Any:
    """An answer that not every GPU gives, nor to every user; None where it does not."""
    try:
        return question(*arguments)
    except (
        pynvml.NVMLError_NotSupported,
        pynvml.NVMLError_NoPermission,
        pynvml.NVMLError_FunctionNotFound,
        pynvml.NVMLError_Unknown,
    ):
        return None


def _own(processes: Sequence[Any] | None, pids: frozenset[int]) -> int | None:
    if processes is None:
        return None
    # The driver does not tell the memory of a process of another user, or in some containers.
    return sum(int(process.usedGpuMemory or 0) for process in processes if process.pid in pids)
