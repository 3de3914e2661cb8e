"""Readings of NVIDIA GPUs through NVML; without a GPU there is a reason, said once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pynvml


@dataclass(frozen=True, slots=True)
class GpuReading:
    """One GPU at one moment.

    Attributes:
        index: NVML's number of the GPU, from 0.
        name: The model.
        utilisation: Share of the last period with a kernel running (0 to 1).
        memory_used: Memory in use by all processes (bytes).
        memory_total: Memory on the board (bytes).
    """

    index: int
    name: str
    utilisation: float
    memory_used: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs of this machine.

    Attributes:
        count: How many NVML sees.
        reason: Why there is none; empty when there is one.
    """

    count: int
    reason: str

    def read(self) -> tuple[GpuReading, ...]:
        """Read each GPU; one that stops answering is left out."""
        readings = []
        for index in range(self.count):
            try:
                readings.append(_read(index))
            except pynvml.NVMLError:
                continue
        return tuple(readings)


@contextmanager
def open_gpus() -> Iterator[Gpus]:
    """Open NVML for the length of a block.

    Yields:
        The GPUs; with `count` 0 and a reason where the driver or the GPU is absent.
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        yield Gpus(count=0, reason=f"no NVIDIA GPU is watched: {error}")
        return
    try:
        count = int(pynvml.nvmlDeviceGetCount())
        yield Gpus(count=count, reason="" if count else "no NVIDIA GPU is watched: none found")
    finally:
        pynvml.nvmlShutdown()


def _read(index: int) -> GpuReading:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return GpuReading(
        index=index,
        name=str(pynvml.nvmlDeviceGetName(handle)),
        utilisation=float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100.0,
        memory_used=int(memory.used),
        memory_total=int(memory.total),
    )
