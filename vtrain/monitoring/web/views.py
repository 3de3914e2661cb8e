"""What the dashboard tells of a run, as JSON values; every figure comes from the run's files."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from vtrain.checkpoints.store import CheckpointStore
from vtrain.errors import CheckpointError, DataError
from vtrain.monitoring.report import active_alerts, ended, progress, total_traces, usage
from vtrain.monitoring.summary import read_samples, summarise
from vtrain.monitoring.web.charts import CHARTS, points
from vtrain.monitoring.web.runs import RunView, is_alert
from vtrain.rundir import RunDirectory, read_json, read_jsonl
from vtrain.tracing.parameters import PARAMETERS
from vtrain.validation.baselines import POLICY
from vtrain.validation.results import RESULTS, folders

_SILENT_S = 120.0
"""Without any record for so long a run whose process is not seen has stopped (s)."""
_ADVICE_S = 60.0
"""Time for which advice holds (s)."""
_EVENTS = 200
ROWS = "rows.jsonl"


def overview(view: RunView) -> dict[str, Any]:
    """How a run is: state, progress, the newest sample, levels of open alerts. Not its history.

    Raises:
        DataError: A file cannot be read.
    """
    with view.lock:
        view.refresh()
        records = _records(view)
        events = [*view.events.marked, *view.events.recent]
        open_ = active_alerts(list(view.events.marked))
        sample = view.samples.recent[-1] if view.samples.recent else None
    identity = _optional(view.run.identity)
    why = ended(events)
    found = progress(records, total_traces(view.run)) if records else None
    return {
        "id": view.id,
        "folder": view.run.root.resolve().name,
        "name": identity.get("name") or "",
        "created": identity.get("created") or "",
        "seed": identity.get("seed"),
        "platform": identity.get("platform") or "",
        **state(view.run, why),
        "progress": asdict(found) if found else None,
        "sample": sample,
        "open_alerts": [str(alert.get("level")) for alert in open_],
    }


def run_page(view: RunView) -> dict[str, Any]:
    """`overview` with events, alerts and the place in the events that it was made at.

    Of the alerts there are the newest ones and all that are open.

    Raises:
        DataError: A file cannot be read.
    """
    with view.lock:
        told = overview(view)
        events = list(view.events.recent)[-_EVENTS:]
        found = [event for event in view.events.marked if is_alert(event)]
        open_ = active_alerts(found)
        older = [event for event in found[:-_EVENTS] if event in open_]
        alerts = older + found[-_EVENTS:]
        place = str(view.events.place)
    return {**told, "events": events, "alerts": alerts, "place": place}


def curves(view: RunView, width: int) -> dict[str, Any]:
    """The points of every chart, and the places in the files that they reach to.

    Args:
        view: The run.
        width: Pixel columns of the screen (count).

    Raises:
        DataError: A file cannot be read.
    """
    with view.lock:
        view.refresh()
        made_from = (width, view.metrics.place, view.samples.place)
        before = view.kept.get("curves")
        if before is None or before[0] != made_from:
            charts = [
                points(chart, view.metrics if chart.file == "metrics" else view.samples, width)
                for chart in CHARTS
            ]
            before = (made_from, charts)
            view.kept["curves"] = before
        return {
            "charts": before[1],
            "checks": _intervals(view.run),
            "metrics": str(view.metrics.place),
            "samples": str(view.samples.place),
        }


def state(run: RunDirectory, why: str | None) -> dict[str, Any]:
    """Whether a run is alive, judged without touching its lock.

    Args:
        run: The run directory.
        why: Why training ended; None while no end is recorded.

    Returns:
        ``state`` (``running``, ``ended``, ``stopped`` or ``not started``), ``why`` in words, and
        ``seen``, the time since the newest record (s); None before the first.
    """
    marks = (run.metrics, run.events, run.resource_monitoring / "samples.jsonl")
    times = []
    for path in marks:
        with suppress(OSError):  # not written yet
            times.append(path.stat().st_mtime)
    seen = max(0.0, time.time() - max(times)) if times else None
    if why is not None:
        return {"state": "ended", "why": why, "seen": seen}
    if seen is None:
        return {"state": "not started", "why": "no record yet", "seen": None}
    process = _process(run)
    if process is False:
        return {"state": "stopped", "why": "its process is gone", "seen": seen}
    if process is None and seen > _SILENT_S:
        return {"state": "stopped", "why": "no record any more", "seen": seen}
    return {"state": "running", "why": "", "seen": seen}


def _process(run: RunDirectory) -> bool | None:
    """Whether the process that held the run's lock last is there; None when one cannot tell."""
    try:
        holder = json.loads((run.root / ".lock").read_bytes()[:4096])
        if holder["host"] != socket.gethostname():
            return None
        return psutil.pid_exists(int(holder["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def checkpoints(view: RunView) -> dict[str, Any]:
    """The checkpoints, each checked against the sizes and digests of its manifest.

    Files that have not changed since the last check are not read again.
    """
    store = CheckpointStore(view.run.checkpoints)
    found = store.checkpoints()
    before = view.kept.get("checkpoints", ({}, None))[0]
    marks = {item.name: _mark(item.path) for item in found}
    problems = {
        item.name: before[item.name]
        if item.name in before and before[item.name][0] == marks[item.name]
        else (marks[item.name], item.problems(), time.time())
        for item in found
    }
    view.kept["checkpoints"] = (problems, None)
    pointers = {name: store.pointer(name) for name in ("best", "latest")}
    try:
        pins = store.pins()
    except CheckpointError:  # damaged: `vtrain checkpoint verify` says so, too
        pins = {}
    return {
        "checkpoints": [
            {
                "name": item.name,
                "step": item.step,
                "created": item.manifest.created,
                "bytes": item.size,
                "utility": item.utility,
                "interval": _interval(item.info),
                "best": pointers["best"] == item.name,
                "latest": pointers["latest"] == item.name,
                "pinned": item.name in pins,
                "problems": [without_path(text, view.run) for text in problems[item.name][1]],
                "checked": problems[item.name][2],
            }
            for item in found
        ],
        "damaged": [
            {"name": path.name, "reason": without_path(reason, view.run)}
            for path, reason in store.damaged()
        ],
    }


def validation(view: RunView) -> dict[str, Any] | None:
    """The newest validation: figures with their intervals, and what the policy chose.

    Returns:
        The figures, ``parameters`` with the count of each level, and ``others``, the validations
        before it; None without a validation.

    Raises:
        DataError: It is damaged.
    """
    found = folders(view.run)
    if not found:
        return None
    kept = view.kept.get("validation")
    if kept is None or kept[0] != found:
        kept = (found, _validation(found))
        view.kept["validation"] = kept
    return dict(kept[1])


def _validation(found: list[Path]) -> dict[str, Any]:
    document = read_json(found[0] / RESULTS, schema=99)
    summary = document.get("summary")
    figures = summary.get("figures") if isinstance(summary, Mapping) else None
    return {
        "folder": found[0].name,
        **{
            name: document.get(name)
            for name in ("created", "checkpoint", "split", "images", "tastes", "confidence")
        },
        "notes": document.get("notes") or [],
        "figures": figures if isinstance(figures, list) else [],
        "parameters": histograms(validation_rows(found[0])),
        "others": [path.name for path in found[1:11]],
    }


def headline(view: RunView) -> list[dict[str, Any]]:
    """The policy's figures over all categories in the newest validation, one for each taste."""
    try:
        found = validation(view) or {}
    except DataError:  # the page of the run tells about it
        return []
    return [
        figure
        for figure in found.get("figures", ())
        if figure.get("category") == "all" and figure.get("chooser") == POLICY
    ]


def validation_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a validation that tell of the policy.

    Raises:
        DataError: They cannot be read.
    """
    return [row for row in read_jsonl(folder / ROWS) if row.get("chooser") == POLICY]


def histograms(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How often each level of each parameter was chosen, by taste.

    A row of another table of parameters is left out.
    """
    tastes = list(dict.fromkeys(str(row.get("taste")) for row in rows))
    counts = {taste: [[0] * len(parameter.levels) for parameter in PARAMETERS] for taste in tastes}
    for row in rows:
        action = row.get("action")
        if not (isinstance(action, list) and len(action) == len(PARAMETERS)):
            continue
        if not all(
            isinstance(index, int) and 0 <= index < len(parameter.levels)
            for index, parameter in zip(action, PARAMETERS, strict=True)
        ):
            continue
        for number, index in enumerate(action):
            counts[str(row.get("taste"))][number][index] += 1
    return [
        {
            "name": parameter.name,
            "unit": parameter.unit,
            "levels": [str(level) for level in parameter.levels],
            "counts": {taste: counts[taste][number] for taste in tastes},
        }
        for number, parameter in enumerate(PARAMETERS)
    ]


def advice(view: RunView) -> list[dict[str, Any]]:
    """What would make the run's training faster, the largest gain first.

    Raises:
        DataError: A file of the run cannot be read.
    """
    kept = view.kept.get("advice")
    if kept is None or time.monotonic() - kept[0] > _ADVICE_S:
        with view.lock:
            view.refresh()
            records = _records(view)
        samples = read_samples(view.run)
        found = usage(view.run, records, samples, summarise(samples))[1]
        kept = (time.monotonic(), [asdict(item) for item in found])
        view.kept["advice"] = kept
    return list(kept[1])


def _records(view: RunView) -> list[dict[str, Any]]:
    """The newest updates, and before them those with a check. The caller holds the lock."""
    recent = list(view.metrics.recent)
    known = {id(record) for record in recent}
    older = [record for record in view.metrics.marked if id(record) not in known]
    return [
        record
        for record in (*older, *recent)
        if isinstance(record.get("traces"), int) and isinstance(record.get("update"), int)
    ]


def without_path(text: str, run: RunDirectory) -> str:
    """A message without the place of the run, which is nobody's business in a browser."""
    return text.replace(f"{run.root}/", "")


def _intervals(run: RunDirectory) -> list[dict[str, Any]]:
    """The checks whose 95 % interval is known: those of the checkpoints."""
    document = _optional(run.checkpoint_info)
    found = document.get("checkpoints")
    checks = []
    for item in found if isinstance(found, list) else ():
        info = item.get("info") if isinstance(item, Mapping) else None
        interval = _interval(info) if isinstance(info, Mapping) else None
        if interval and isinstance(info, Mapping) and isinstance(info.get("update"), int):
            checks.append({"update": info["update"], "low": interval[0], "high": interval[1]})
    return checks


def _interval(info: Mapping[str, Any]) -> list[float] | None:
    check = info.get("check")
    found = check.get("interval") if isinstance(check, Mapping) else None
    if isinstance(found, list) and len(found) == 2:
        low, high = found
        if isinstance(low, (int, float)) and isinstance(high, (int, float)):
            return [float(low), float(high)]
    return None


def _mark(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a file of a folder changes."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        with suppress(OSError):  # pruned while we look
            status = path.stat()
            found.append((path.name, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _optional(path: Path) -> dict[str, Any]:
    """An object in JSON; empty when it is missing or damaged, as a page can do without it."""
    try:
        return read_json(path, schema=99)
    except DataError:
        return {}
