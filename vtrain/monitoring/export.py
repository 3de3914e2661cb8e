"""A run's figures for other tools: Prometheus' text format, and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtrain.monitoring.alerts import HINTS
from vtrain.monitoring.report import RunReport, age


@dataclass(frozen=True, slots=True)
class _Family:
    """One metric of Prometheus with its samples: labels and value."""

    name: str
    help: str
    samples: Sequence[tuple[Mapping[str, str], float | None]]
    kind: str = "gauge"


def prometheus(report: RunReport) -> str:
    """A report in Prometheus' text exposition format 0.0.4; what is not known is left out.

    For the textfile collector of node_exporter, or any server of a static file.
    """
    return "".join(_text(family, report.run) for family in _families(report))


def to_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Records of a JSONL file as a table (RFC 4180), a column for each figure of any record.

    A nested figure is named by its place, such as ``wall.seconds`` or ``gpus.0.power``. What a
    record lacks is empty.
    """
    rows = [dict(_flat(record)) for record in records]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _families(report: RunReport) -> Iterator[_Family]:
    yield from _of_progress(report)
    yield from _of_resources(report)
    speed = report.efficiency
    if speed is not None:
        yield _one(
            "steps_per_second",
            "Traces wanted per second, however they came.",
            speed.steps_per_second,
        )
        yield _one("cache_hit_ratio", "Share of traces that were remembered.", speed.cache_hit_rate)
        yield _one("worker_busy_ratio", "Share of time a worker is busy.", speed.worker_utilisation)
        parts = ("rollout", "learn", "check", "save", "other")
        yield _Family(
            "time_ratio",
            "Share of the time by what it went to.",
            [({"part": part}, getattr(speed, part)) for part in parts],
        )
    levels = {
        (str(a.get("name")), str(a.get("subject", ""))): a.get("level") for a in report.alerts
    }
    known = dict.fromkeys([*((name, "") for name in HINTS), *levels])
    yield _Family(
        "alert_level",
        "0 for well, 1 for a warning, 2 for critical.",
        [
            (
                {"alert": name, "subject": subject},
                {"warn": 1.0, "critical": 2.0}.get(str(levels.get((name, subject))), 0.0),
            )
            for name, subject in known
        ],
    )


def _of_progress(report: RunReport) -> Iterator[_Family]:
    found = report.progress
    yield _one("ended", "1 when training has ended.", float(report.ended is not None))
    if found is None:
        return
    yield _one("updates", "Updates done.", found.update)
    yield _one("traces", "Traces done.", found.traces)
    yield _one("traces_wanted", "Traces asked for.", found.total_traces)
    yield _one("utility_gain", "Mean utility over VTracer's default.", found.utility_gain)
    yield _one("success_ratio", "Share of episodes at the baseline or above.", found.success_share)
    yield _one("failed_traces", "Traces that failed in the last update.", found.failures)
    yield _one("traces_per_second", "Speed over the last updates.", found.traces_per_second)
    yield _one("seconds_left", "Time to the asked traces at that speed.", found.seconds_left)
    yield _one("last_update_age_seconds", "Time since the last update.", age(found.written))
    best = found.best.utility if found.best else None
    yield _one("best_validation_utility", "Mean utility of the best check.", best)


def _of_resources(report: RunReport) -> Iterator[_Family]:
    now = report.resources_now
    if now is None:
        return
    for key, name, words, scale in (
        ("cpu_percent", "cpu_cores", "Cores that the run keeps busy.", 0.01),
        ("rss", "resident_memory_bytes", "Resident memory, shared pages counted twice.", 1.0),
        ("pss", "proportional_memory_bytes", "Memory with shared pages divided.", 1.0),
        ("threads", "threads", "Threads.", 1.0),
        ("processes", "processes", "Processes.", 1.0),
        ("open_files", "open_files", "Open files and sockets.", 1.0),
        ("disk_read", "disk_read_bytes_per_second", "Read from disks.", 1.0),
        ("disk_written", "disk_written_bytes_per_second", "Written to disks.", 1.0),
        ("memory_left", "memory_left_bytes", "Memory that the run can still take.", 1.0),
        ("memory_limit", "memory_limit_bytes", "Memory that it may have.", 1.0),
        ("disk_free", "disk_free_bytes", "Free space where the run is kept.", 1.0),
        ("disk_seconds_left", "disk_full_in_seconds", "Time until that disk is full.", 1.0),
        ("load", "load", "Processes that want a core.", 1.0),
        ("pressure_cpu", "pressure_cpu_ratio", "Time with waiting for a core.", 1.0),
        ("pressure_memory", "pressure_memory_ratio", "Time with waiting for memory.", 1.0),
        ("pressure_io", "pressure_io_ratio", "Time with waiting for a disk.", 1.0),
        ("throttled", "throttled_ratio", "Periods stopped by a quota.", 1.0),
        ("time", "sample_time_seconds", "When this was sampled, since 1970.", 1.0),
    ):
        value = now.get(key)
        if isinstance(value, (int, float)):
            yield _one(name, words, value * scale)
    gpus = now.get("gpus") or ()
    for key, name, words in (
        ("utilisation", "gpu_busy_ratio", "Share of time with a kernel running."),
        ("memory_used", "gpu_memory_used_bytes", "Memory in use."),
        ("memory_total", "gpu_memory_bytes", "Memory on the board."),
        ("temperature", "gpu_temperature_celsius", "Temperature of the chip."),
        ("power", "gpu_power_watts", "Power drawn."),
    ):
        samples = [({"gpu": str(gpu.get("index"))}, gpu.get(key)) for gpu in gpus]
        yield _Family(name, words, samples)


def _one(name: str, words: str, value: float | None) -> _Family:
    return _Family(name, words, [({}, value)])


def _text(family: _Family, run: str) -> str:
    known = [(labels, value) for labels, value in family.samples if value is not None]
    if not known:
        return ""
    name = f"vtrain_{family.name}"
    lines = [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
    for labels, value in known:
        pairs = {"run": run, **labels}
        told = ",".join(f'{key}="{_escaped(text)}"' for key, text in pairs.items())
        lines.append(f"{name}{{{told}}} {_number(float(value))}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    items: Sequence[tuple[Any, Any]]
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        yield place, "" if value is None else value
        return
    for key, item in items:
        yield from _flat(item, f"{place}.{key}" if place else str(key))
