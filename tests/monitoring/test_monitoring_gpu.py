"""GPU readings, with NVML's answers given by hand: most machines that test have no GPU."""

from __future__ import annotations

from types import SimpleNamespace

import pynvml
import pytest

from vtrain.monitoring.gpu import open_gpus


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two GPUs, of which the second does not answer; what is called is listed."""
    calls: list[str] = []

    def handle(index: int) -> int:
        if index == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return index

    answers = {
        "nvmlInit": lambda: calls.append("init"),
        "nvmlShutdown": lambda: calls.append("shutdown"),
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": handle,
        "nvmlDeviceGetMemoryInfo": lambda _handle: SimpleNamespace(used=2**30, total=2**33),
        "nvmlDeviceGetName": lambda _handle: "a card",
        "nvmlDeviceGetUtilizationRates": lambda _handle: SimpleNamespace(gpu=40),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)
    return calls


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_is_read_and_a_lost_one_left_out() -> None:
    with open_gpus() as gpus:
        (reading,) = gpus.read()

    assert gpus.count == 2
    assert gpus.reason == ""
    assert reading.name == "a card"
    assert reading.utilisation == 0.4
    assert (reading.memory_used, reading.memory_total) == (2**30, 2**33)


def test_nvml_is_closed_when_the_block_fails(two_gpus: list[str]) -> None:
    with pytest.raises(ValueError, match="mine"), open_gpus():
        raise ValueError("mine")

    assert two_gpus == ["init", "shutdown"]


def test_a_machine_without_a_driver_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", absent)

    with open_gpus() as gpus:
        assert gpus.count == 0
        assert "no NVIDIA GPU" in gpus.reason
        assert gpus.read() == ()
