"""The parts of an execution's report, as tables: data, checkpoints, use of time, resources."""

from __future__ import annotations

from collections import Counter

from vtrain.config.section import CATEGORIES
from vtrain.data.catalog import Catalog
from vtrain.data.records import SPLITS
from vtrain.monitoring.efficiency import Efficiency
from vtrain.monitoring.summary import ResourceSummary, Spread
from vtrain.pipeline.state import CheckpointState, RunState
from vtrain.validation.cells import Table, number

_MIB, _GIB = 2**20, 2**30


def sections(catalog: Catalog | None, state: RunState | None) -> list[Table]:
    """The tables that there is something to say in.

    Args:
        catalog: The corpus; None when there is none.
        state: What the run's files say; None when they cannot be read.
    """
    found = [_data(catalog)] if catalog is not None else []
    if state is not None:
        found += [
            _checkpoints(state.checkpoints),
            _time(state.report.efficiency),
            _resources(state.report.resources),
            Table(
                "Alerts that were open when training ended",
                ("alert", "level", "what"),
                tuple(
                    (str(item.get("name")), str(item.get("level")), str(item.get("message")))
                    for item in state.report.alerts
                ),
            ),
        ]
    return [table for table in found if table.rows]


def _data(catalog: Catalog) -> Table:
    counts = Counter((entry.category, entry.split) for entry in catalog.entries)
    return Table(
        f"Data: {len(catalog.entries)} images, {len(catalog.rejected)} files left out",
        ("category", *SPLITS, "warned of"),
        tuple(
            (
                category,
                *(str(counts[category, split]) for split in SPLITS),
                str(
                    sum(
                        entry.category == category and entry.quality != "ok"
                        for entry in catalog.entries
                    )
                ),
            )
            for category in CATEGORIES
        ),
    )


def _checkpoints(found: tuple[CheckpointState, ...]) -> Table:
    return Table(
        "Checkpoints, each verified against its digests",
        ("checkpoint", "update", "check (utility)", "MiB", "is", "state"),
        tuple(
            (
                item.name,
                "-" if item.update is None else str(item.update),
                "-" if item.utility is None else f"{item.utility:+.3f}",
                f"{item.bytes / _MIB:.2f}",
                ", ".join(item.roles) or "-",
                "; ".join(item.problems) or "whole",
            )
            for item in found
        ),
    )


def _time(found: Efficiency | None) -> Table:
    """How the newest updates used their time."""
    rows: list[tuple[str, str]] = []
    if found is not None:
        rows = [
            (name, f"{value:.0%}")
            for name, value in (
                ("rollouts", found.rollout),
                ("learning", found.learn),
                ("validation checks", found.check),
                ("saving", found.save),
                ("the rest", found.other),
                ("traces waited for (within rollouts and checks)", found.measure),
                ("workers busy", found.worker_utilisation),
                ("traces remembered", found.cache_hit_rate),
            )
            if value is not None
        ]
        rows.append(("traces made per second", f"{found.traces_per_second:.1f}"))
    updates = found.updates if found is not None else 0
    return Table(f"Time of the newest {updates} updates", ("what", "value"), tuple(rows))


def _resources(found: ResourceSummary | None) -> Table:
    if found is None:
        return Table("Resources", (), ())
    rows = [
        _spread("busy cores", found.cpu_percent, 100.0, 2),
        _spread("memory (GiB)", found.rss, _GIB, 2),
        _spread("processes", found.processes, 1.0, 0),
    ]
    if found.pressure_cpu is not None:
        rows.append(_spread("share of the time waited for a core", found.pressure_cpu, 1.0, 2))
    if found.gpu_utilisation is not None:
        rows.append(_spread("GPU, busy share", found.gpu_utilisation, 1.0, 2))
    if found.gpu_memory is not None:
        rows.append(_spread("GPU memory (GiB)", found.gpu_memory, _GIB, 2))
    rows += [
        ("least memory left (GiB)", "-", "-", number(found.memory_left_low / _GIB, 1)),
        ("least disk space free (GiB)", "-", "-", number(found.disk_free_low / _GIB, 1)),
    ]
    if found.oom_kills:
        rows.append(("processes killed for lack of memory", "-", "-", str(found.oom_kills)))
    return Table(
        f"Resources of the training: {found.samples} samples over {found.seconds:.0f} s",
        ("what", "mean", "95 %", "peak or extreme"),
        tuple(rows),
    )


def _spread(name: str, found: Spread, unit: float, digits: int) -> tuple[str, str, str, str]:
    mean, high, peak = (
        number(value / unit, digits) for value in (found.mean, found.p95, found.peak)
    )
    return name, mean, high, peak
