"""A run's report as text for a terminal of 80 columns and 24 lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from vtrain.monitoring.efficiency import Efficiency
from vtrain.monitoring.report import Progress, RunReport, age
from vtrain.monitoring.summary import ResourceSummary

_BARS = "▁▂▃▄▅▆▇█"
_MIB = 2**20
_WIDTH = 78
_EVENTS = 6
_ALERTS = 2


def render(report: RunReport) -> RenderableType:
    """Lay out a report: progress, figures, resources, events; at most 24 lines at 80 columns."""
    parts: list[RenderableType] = [Text(f"vtrain  {report.run}", style="bold", no_wrap=True)]
    parts += _progress(report.progress, report.ended)
    parts += _notes(report)
    parts.append(Panel(_resources(report), title="resources", title_align="left"))
    shown = _EVENTS - len(_notes(report))
    parts.append(Panel(_events(report.events[-shown:]), title="events", title_align="left"))
    return Group(*parts)


def _notes(report: RunReport) -> list[RenderableType]:
    """How the time is used, the worst alerts and the best advice: four lines at most."""
    lines: list[RenderableType] = []
    for alert in report.alerts[:_ALERTS]:
        text = f"ALERT  {alert.get('message', alert.get('name'))}"
        lines.append(Text(text, style="bold", no_wrap=True, overflow="ellipsis"))
    if report.efficiency is not None and report.efficiency.rollout is not None:
        lines.append(Text(_time(report.efficiency), no_wrap=True, overflow="ellipsis"))
    if report.advice:
        lines.append(Text(f"advice {report.advice[0]}", no_wrap=True, overflow="ellipsis"))
    return lines


def _time(efficiency: Efficiency) -> str:
    parts = [
        f"{name} {value:.0%}"
        for name, value in (
            ("rollout", efficiency.rollout),
            ("learn", efficiency.learn),
            ("check", efficiency.check),
            ("save", efficiency.save),
        )
        if value is not None
    ]
    if efficiency.cache_hit_rate is not None:
        parts.append(f"cache {efficiency.cache_hit_rate:.0%}")
    if efficiency.worker_utilisation is not None:
        parts.append(f"workers {efficiency.worker_utilisation:.0%} busy")
    return "time   " + ", ".join(parts)


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw the last `width` values as bars between their least and their largest."""
    values = values[-width:]
    if not values:
        return ""
    low, high = min(values), max(values)
    if high == low:
        return _BARS[0] * len(values)
    top = len(_BARS) - 1
    return "".join(_BARS[round((value - low) / (high - low) * top)] for value in values)


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _progress(progress: Progress | None, ended: str | None) -> list[RenderableType]:
    if progress is None:
        return [Text("No update of training is recorded yet.")]
    total = progress.total_traces
    share = f" of {total} ({progress.traces / total:.0%})" if total else ""
    parts: list[RenderableType] = [
        Text(f"{progress.traces} traces{share}, {_state(progress, ended)}"),
    ]
    if total:
        done = min(_WIDTH, _WIDTH * progress.traces // total)
        parts.append(Text("━" * done + "─" * (_WIDTH - done), no_wrap=True))
    grid = Table.grid(padding=(0, 3))
    best = progress.best
    grid.add_row("update", str(progress.update), "stage", progress.stage or "none")
    grid.add_row(
        "utility over default",
        _figure(progress.utility_gain, "+.3f"),
        "best check over baseline",
        f"{best.utility:+.3f} (update {best.update})" if best else "no check yet",
    )
    grid.add_row(
        "at or above baseline",
        _figure(progress.success_share, ".0%"),
        "traces/s",
        _figure(progress.traces_per_second, ".1f"),
    )
    grid.add_row(
        "failed traces", str(progress.failures), "last update", _ago(age(progress.written))
    )
    parts.append(grid)
    parts.append(Text(f"curve  {sparkline(progress.curve, 70)}", no_wrap=True))
    return parts


def _state(progress: Progress, ended: str | None) -> str:
    return f"ended: {ended}" if ended else f"{duration(progress.seconds_left)} left"


def _resources(report: RunReport) -> RenderableType:
    now, summary = report.resources_now, report.resources
    if now is None or summary is None:
        return Text("No sample is recorded.")
    grid = Table.grid(padding=(0, 3))
    grid.add_row("", "now", "mean", "95 %", "peak")
    cpu, rss = summary.cpu_percent, summary.rss
    grid.add_row(
        "CPU (100 = a core)",
        f"{now['cpu_percent']:.0f}",
        f"{cpu.mean:.0f}",
        f"{cpu.p95:.0f}",
        f"{cpu.peak:.0f}",
    )
    grid.add_row(
        "memory (MiB)",
        *(f"{value / _MIB:.0f}" for value in (now["rss"], rss.mean, rss.p95, rss.peak)),
    )
    return Group(grid, Text(_machine(now, summary), no_wrap=True))


def _machine(now: Mapping[str, Any], summary: ResourceSummary) -> str:
    text = (
        f"{now['processes']} processes, {now['threads']} threads; "
        f"memory left {now['memory_left'] / 2**30:.1f} GiB, "
        f"disk free {now['disk_free'] / 2**30:.1f} GiB"
    )
    if summary.gpu_utilisation is not None:
        text += f", GPU {summary.gpu_utilisation.mean:.0%}"
    return text


def _events(events: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not events:
        return Text("No event is recorded.")
    lines = []
    for event in events:
        details = " ".join(
            f"{key}={value}" for key, value in event.items() if key not in ("time", "kind")
        )
        when = str(event.get("time", ""))[:19].replace("T", " ")
        lines.append(f"{when} {event.get('kind', '')} {details}".rstrip())
    # Text, not markup: an event may hold a file name with brackets in it.
    return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")


def _figure(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)


def _ago(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{duration(seconds)} ago"
