"""GPU readings, with NVML's answers given by hand: most machines that test have no GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from vtrain.monitoring.gpu import open_gpus


class FakeNvml:
    """NVML at its border: `count` GPUs, some lost, some questions refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        self.count = count
        self.lost: set[int] = set()
        self.refused: dict[str, int] = {}
        self.calls: list[str] = []
        answers: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlShutdown": None,
            "nvmlDeviceGetCount": lambda: self.count,
            "nvmlDeviceGetHandleByIndex": self.handle,
            "nvmlDeviceGetMemoryInfo": lambda _h: SimpleNamespace(used=2**30, total=2**33),
            "nvmlDeviceGetName": lambda _h: "a card",
            "nvmlDeviceGetUUID": lambda h: f"GPU-{h}{h}{h}{h}-x",
            "nvmlDeviceGetUtilizationRates": lambda _h: SimpleNamespace(gpu=40),
            "nvmlDeviceGetTemperature": lambda _h, _s: 61,
            "nvmlDeviceGetPowerUsage": lambda _h: 250_500,
            "nvmlDeviceGetTotalEnergyConsumption": lambda _h: 9_000,
            "nvmlDeviceGetClockInfo": lambda _h, kind: 1980 if kind else 2619,
            "nvmlDeviceGetCurrentClocksThrottleReasons": lambda _h: 0x1 | 0x4 | 0x40,
            "nvmlDeviceGetComputeRunningProcesses": lambda _h: [
                SimpleNamespace(pid=7, usedGpuMemory=100),
                SimpleNamespace(pid=8, usedGpuMemory=50),
                SimpleNamespace(pid=9, usedGpuMemory=None),
            ],
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, name, self.question(name, answer))

    def handle(self, index: int) -> int:
        if index in self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return index

    def question(self, name: str, answer: Any) -> Any:
        def ask(*arguments: Any) -> Any:
            self.calls.append(name)
            if name in self.refused:
                raise pynvml.NVMLError(self.refused[name])
            return answer(*arguments) if answer else None

        return ask


@pytest.mark.parametrize("count", [1, 8])
def test_every_gpu_is_read(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    FakeNvml(monkeypatch, count)

    with open_gpus({}) as gpus:
        readings = gpus.read(frozenset({7, 9}))

    assert gpus.reason == ""
    assert [reading.index for reading in readings] == list(range(count))
    first = readings[0]
    assert (first.name, first.utilisation) == ("a card", 0.4)
    assert (first.memory_used, first.memory_total, first.memory_own) == (2**30, 2**33, 100)
    assert (first.temperature, first.power, first.energy) == (61, 250.5, 9.0)
    assert (first.clock, first.clock_memory) == (1980, 1980)
    assert first.slowed == ("power cap", "thermal (hardware)")


def test_a_driver_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(monkeypatch, 0)

    with open_gpus({}) as gpus:
        assert gpus.reason == "no NVIDIA GPU is watched: none found"
        assert gpus.read() == ()


def test_a_lost_gpu_is_left_out_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml(monkeypatch, 2)

    with open_gpus({}) as gpus:
        nvml.lost.add(1)
        assert [reading.index for reading in gpus.read()] == [0]
        assert "GPU 1 does not answer" in gpus.silent[1]
        nvml.lost.clear()
        assert [reading.index for reading in gpus.read()] == [0, 1]
        assert gpus.silent == {}


def test_what_this_user_may_not_ask_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml(monkeypatch, 1)
    nvml.refused = {
        "nvmlDeviceGetPowerUsage": pynvml.NVML_ERROR_NO_PERMISSION,
        "nvmlDeviceGetTotalEnergyConsumption": pynvml.NVML_ERROR_NOT_SUPPORTED,
        "nvmlDeviceGetComputeRunningProcesses": pynvml.NVML_ERROR_NO_PERMISSION,
        "nvmlDeviceGetCurrentClocksThrottleReasons": pynvml.NVML_ERROR_NOT_SUPPORTED,
    }

    with open_gpus({}) as gpus:
        (reading,) = gpus.read(frozenset({7}))

    assert (reading.power, reading.energy, reading.memory_own) == (None, None, None)
    assert reading.slowed == ()
    assert reading.temperature == 61


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetCount"])
def test_a_user_without_permission_has_no_gpu_and_a_reason(
    monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    FakeNvml(monkeypatch, 1).refused = {call: pynvml.NVML_ERROR_NO_PERMISSION}

    with open_gpus({}) as gpus:
        assert gpus.count == 0
        assert "Insufficient Permissions" in gpus.reason
        assert gpus.read() == ()


@pytest.mark.parametrize(
    ("variable", "indices"),
    [
        ("0,2", [0, 2]),
        ("3", [3]),
        ("1,9,2", [1]),
        ("GPU-2222", [2]),
        ("GPU-3333-x,0", [3, 0]),
        ("", []),
        ("-1", []),
    ],
)
def test_only_visible_gpus_are_read(
    monkeypatch: pytest.MonkeyPatch, variable: str, indices: list[int]
) -> None:
    FakeNvml(monkeypatch, 4)

    with open_gpus({"CUDA_VISIBLE_DEVICES": variable}) as gpus:
        assert [reading.index for reading in gpus.read()] == indices
        assert gpus.count == len(indices)
        assert bool(gpus.reason) is (not indices)


def test_nvml_is_closed_when_the_block_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml(monkeypatch, 1)

    with pytest.raises(ValueError, match="mine"), open_gpus():
        raise ValueError("mine")

    assert (nvml.calls[0], nvml.calls[-1]) == ("nvmlInit", "nvmlShutdown")


def test_a_machine_without_a_driver_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(monkeypatch, 1).refused = {"nvmlInit": pynvml.NVML_ERROR_LIBRARY_NOT_FOUND}

    with open_gpus() as gpus:
        assert gpus.count == 0
        assert "no NVIDIA GPU" in gpus.reason
        assert gpus.read() == ()
