"""Pressure, throttling, kills, a filling disk, energy: on recorded machines and on this one."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from vtrain.monitoring.gpu import Gpus
from vtrain.monitoring.machine import EnergyMeter, FillingDisk, Machine, pressure_of
from vtrain.monitoring.processes import ProcessTree
from vtrain.monitoring.resource_figures import ResourceFigures
from vtrain.resources import ControlGroups

RECORDED: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "recorded/cgroups.json").read_text(encoding="utf-8")
)


def replayed(name: str, root: Path) -> Path:
    for file, text in RECORDED[name].items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


def test_a_pod_is_read_from_its_own_group(tmp_path: Path) -> None:
    root = replayed("v2-pod", tmp_path)
    machine = Machine(tmp_path, ControlGroups.of(root), root)
    group = root / "sys/fs/cgroup"
    (group / "cpu.stat").write_text("nr_periods 1300\nnr_throttled 350\n", encoding="ascii")
    (group / "memory.events").write_text("oom 4\noom_kill 3\n", encoding="ascii")

    reading = machine.read()

    assert (reading.pressure_cpu, reading.pressure_memory) == (0.125, 0.01)
    assert reading.throttled == 0.5
    assert reading.oom_kills == 2
    assert reading.memory_limit == min(4 * 2**30, psutil.virtual_memory().total)
    assert reading.memory_left <= 2 * 2**30


def test_version_1_tells_throttling_and_kills_too(tmp_path: Path) -> None:
    root = replayed("v1-docker", tmp_path)
    machine = Machine(tmp_path, ControlGroups.of(root), root)
    groups = root / "sys/fs/cgroup"
    (groups / "cpu,cpuacct/cpu.stat").write_text(
        "nr_periods 50\nnr_throttled 11\n", encoding="ascii"
    )
    (groups / "memory/memory.oom_control").write_text("oom_kill 3\n", encoding="ascii")

    reading = machine.read()

    assert reading.throttled == 0.1
    assert reading.oom_kills == 1
    assert reading.pressure_cpu is None


def test_without_groups_the_machine_tells(tmp_path: Path) -> None:
    (tmp_path / "proc/pressure").mkdir(parents=True)
    pressure = "some avg10=40.00 avg60=1 avg300=1 total=1\nfull avg10=5.00 avg60=1 total=1\n"
    for what in ("cpu", "memory", "io"):
        (tmp_path / "proc/pressure" / what).write_text(pressure, encoding="ascii")
    (tmp_path / "proc/vmstat").write_text("nr_free_pages 7\noom_kill 4\n", encoding="ascii")
    machine = Machine(tmp_path, ControlGroups.of(tmp_path), tmp_path)
    (tmp_path / "proc/vmstat").write_text("oom_kill 5\n", encoding="ascii")

    reading = machine.read()

    assert (reading.pressure_cpu, reading.pressure_memory, reading.pressure_io) == (0.4, 0.05, 0.05)
    assert (reading.throttled, reading.oom_kills) == (None, 1)
    assert reading.memory_limit == psutil.virtual_memory().total


@pytest.mark.parametrize("text", ["", "some", "some avg10=x", "full avg10=1.0", "nonsense"])
def test_pressure_that_is_not_told_is_unknown(text: str) -> None:
    assert pressure_of(text, "some") is None


def test_a_disk_that_fills_says_when_it_is_full() -> None:
    disk = FillingDisk()
    told = [disk.seconds_left(at, 1_000_000 - 500 * int(at)) for at in range(0, 1000, 5)]

    assert told[:12] == [None] * 12
    # 500 bytes a second: what is free now lasts that long.
    assert told[60] == pytest.approx((1_000_000 - 500 * 300) / 500, rel=0.01)
    assert told[-1] == pytest.approx((1_000_000 - 500 * 995) / 500, rel=0.01)


def test_a_disk_that_is_emptied_does_not_fill() -> None:
    disk = FillingDisk()

    assert [disk.seconds_left(float(at), 1000 + at) for at in range(0, 700, 10)] == [None] * 70


def test_energy_is_counted_over_the_end_of_its_counter(tmp_path: Path) -> None:
    counter = tmp_path / "energy_uj"
    (tmp_path / "max_energy_range_uj").write_text("10000000\n", encoding="ascii")
    counter.write_text("9000000\n", encoding="ascii")
    meter = EnergyMeter(counter)
    counter.write_text("1000000\n", encoding="ascii")
    first = meter.read()
    counter.write_text("1500000\n", encoding="ascii")

    assert (first, meter.read()) == (2.0, 2.5)
    counter.unlink()
    assert meter.read() is None


LOAD = """
import sys, time
held = bytearray(200 * 2**20)
held[::4096] = b'x' * len(held[::4096])
files = [open('/dev/null') for _ in range(50)]
print('ready', flush=True)
while time.process_time() < float(sys.argv[1]):
    sum(range(1000))
print('done', flush=True)
sys.stdin.read()
"""


def test_figures_of_a_known_load_agree_with_the_kernel_s(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOAD, "1.5"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        tree = ProcessTree(child.pid, tmp_path, Gpus(count=0, reason=""))
        began, spent = time.monotonic(), sum(psutil.Process(child.pid).cpu_times()[:2])
        assert child.stdout.readline() == b"done\n"
        sample = tree.read()
        seconds = time.monotonic() - began
        rollup = Path(f"/proc/{child.pid}/smaps_rollup").read_text(encoding="ascii")
        child.communicate(b"")

    ticks = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ticks.ru_utime > 0
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in rollup.splitlines()[1:]}
    assert sample.cpu_percent == pytest.approx(100.0 * (1.5 - spent) / seconds, rel=0.05)
    assert sample.rss == pytest.approx(sizes["Rss"], rel=0.05)
    assert sample.pss == pytest.approx(sizes["Pss"], rel=0.05)
    assert 50 <= sample.open_files < 60
    assert [use.pid for use in sample.by_process] == [child.pid]
    free = os.statvfs(tmp_path)
    assert sample.disk_free == pytest.approx(free.f_bavail * free.f_frsize, rel=0.05)


def test_what_a_tree_writes_is_counted(tmp_path: Path) -> None:
    if psutil.disk_usage(str(tmp_path)).total == 0:
        pytest.skip("no disk")
    tree = ProcessTree(os.getpid(), tmp_path, Gpus(count=0, reason=""))
    before, began = psutil.Process().io_counters().write_bytes, time.monotonic()
    with (tmp_path / "file").open("wb") as file:
        file.write(os.urandom(4 * 2**20))
        file.flush()
        os.fsync(file.fileno())
    sample = tree.read()
    written = psutil.Process().io_counters().write_bytes - before

    assert sample.disk_written * (time.monotonic() - began) == pytest.approx(written, rel=0.5)


def test_every_figure_of_a_sample_is_looked_at(tmp_path: Path) -> None:
    sample = ProcessTree(os.getpid(), tmp_path, Gpus(count=0, reason="")).read()

    figures = {figure.name: figure.value for figure in ResourceFigures(cores=2).of(sample)}

    assert figures["memory"] == pytest.approx(1 - sample.memory_left / sample.memory_limit)
    assert figures["disk_free"] == sample.disk_free / 2**30
    assert figures["disk_hours"] == float("inf")
    assert figures["load"] == sample.load / 2
    assert figures["oom_kills"] == 0
