"""The validations of runs in order, and what they show together: ``vtrain validate history``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vtrain.errors import DataError, UsageError, quoted
from vtrain.rundir import RunDirectory
from vtrain.validation.cells import Table, aligned, interval
from vtrain.validation.fingerprint import Fingerprint, read_fingerprint
from vtrain.validation.measures import Finding, Past
from vtrain.validation.results import read_record
from vtrain.validation.trends import history, regression, training_findings

_LEGEND = (
    "gain: mean appearance minus that of VTracer's default, with its interval. utility: appearance "
    "minus lambda times cost. judged: UTC."
)


@dataclass(frozen=True, slots=True)
class Trend:
    """What was found, and where.

    Attributes:
        about: Name of the run, or of both validations that were compared.
        finding: What it is.
    """

    about: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class History:
    """The validations of runs.

    Attributes:
        past: A line for each validation and taste, the oldest first.
        trends: What they show, and the trainings of the runs.
        notes: What a reader must know, such as a run without a validation.
    """

    past: tuple[Past, ...]
    trends: tuple[Trend, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A validation: the name of its run, its folder, and its lines."""

    run: str
    folder: Path
    lines: tuple[Past, ...]

    @property
    def name(self) -> str:
        return f"{self.run}/{self.folder.name}"

    @property
    def kind(self) -> tuple[str, str, int]:
        line = self.lines[0]
        return line.protocol, line.split, line.traces


def history_of(paths: Sequence[Path]) -> History:
    """The history of runs, from their files alone.

    The newest validation of each protocol, split and budget is compared with the one before it
    that it pairs with, whichever run that is of. Drift is told as the newest validation of a run
    found it.

    Args:
        paths: Run directories; one that comes twice counts once.

    Raises:
        UsageError: One is no run directory, or none holds a finished validation.
        DataError: The files of a validation that is compared are damaged.
    """
    unique = {path.resolve(): path for path in paths}
    runs = [RunDirectory.open(path) for path in unique.values()]
    names = _names(runs)
    judged = sorted(
        (item for run, name in zip(runs, names, strict=True) for item in _judged(run, name)),
        key=lambda item: (item.lines[0].created, item.name),
    )
    if not judged:
        raise UsageError(
            f"{', '.join(str(run.root) for run in runs)}: no finished validation.",
            hint=f"Make one: vtrain validate --run {quoted(runs[0].root)}.",
        )
    having = {item.run for item in judged}
    notes = [f"{name} holds no finished validation." for name in names if name not in having]
    compared, problems = _compared(judged)
    trends = [
        *compared,
        *(
            Trend(name, finding)
            for run, name in zip(runs, names, strict=True)
            for finding in (*training_findings(run.metrics), *_drift(judged, name))
        ),
    ]
    lines = tuple(line for item in judged for line in item.lines)
    return History(lines, tuple(trends), (*notes, *problems))


def history_table(found: History) -> Table:
    """All validations, a row for each taste."""
    return Table(
        "Validations, the oldest first",
        ("judged", "run", "checkpoint", "protocol", "logos", "traces", "taste", "gain", "utility"),
        tuple(
            (
                line.created[:16].replace("T", " "),
                line.run,
                line.checkpoint,
                f"{line.protocol}, {line.split}",
                str(line.images),
                str(line.traces),
                line.taste,
                interval(line.gain_interval) if line.gain_interval else f"{line.gain:+.2f}",
                f"{line.utility:.2f}",
            )
            for line in found.past
        ),
    )


def history_text(found: History) -> str:
    """The table, the trends and the notes as plain text."""
    table = history_table(found)
    return "\n".join(
        [
            table.title,
            *aligned(table),
            "",
            *(
                f"{trend.finding.kind.capitalize()} ({trend.about}): {trend.finding.evidence} "
                f"{trend.finding.advice}"
                for trend in found.trends
            ),
            *([] if found.trends else ["No trend is found beyond noise."]),
            *(f"Note: {note}" for note in found.notes),
            _LEGEND,
        ]
    )


def history_json(found: History) -> dict[str, Any]:
    """The history as JSON values."""
    return {
        "validations": [asdict(line) for line in found.past],
        "trends": [{"about": trend.about, **asdict(trend.finding)} for trend in found.trends],
        "notes": found.notes,
    }


def _names(runs: Sequence[RunDirectory]) -> list[str]:
    """The names of the runs' folders; their paths where two have the same."""
    names = [run.root.resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.root) for run in runs]


def _judged(run: RunDirectory, name: str) -> Iterator[_Judged]:
    folders: dict[str, list[Past]] = {}
    for line in history([run]):
        folders.setdefault(line.folder, []).append(replace(line, run=name))
    for folder, lines in folders.items():
        yield _Judged(name, run.validation / folder, tuple(lines))


def _compared(judged: Sequence[_Judged]) -> tuple[list[Trend], list[str]]:
    """The newest of each kind beside the one before it; what cannot be compared is noted."""
    kinds: dict[tuple[str, str, int], list[_Judged]] = {}
    for item in judged:
        kinds.setdefault(item.kind, []).append(item)
    trends, notes = [], []
    for *earlier, newest in kinds.values():
        if not earlier:
            continue
        before = _partner(earlier, newest)
        if before is None:
            notes.append(
                f"{newest.name} is compared with none before it: they were measured or priced in "
                "another way."
            )
            continue
        finding = regression(before.folder, newest.folder)
        if finding is not None:
            trends.append(Trend(f"{newest.name} after {before.name}", finding))
    return trends, notes


def _partner(earlier: Sequence[_Judged], newest: _Judged) -> _Judged | None:
    ours = _fingerprint(newest.folder)
    for item in reversed(earlier):
        theirs = _fingerprint(item.folder)
        if ours is not None and theirs is not None and ours.pairs_with(theirs):
            return item
    return None


def _fingerprint(folder: Path) -> Fingerprint | None:
    try:
        return read_fingerprint(folder)
    except DataError:  # of an earlier version: its figures are shown, but not compared
        return None


def _drift(judged: Sequence[_Judged], run: str) -> list[Finding]:
    """The drift that the run's newest validation found."""
    own = [item for item in judged if item.run == run]
    if not own:
        return []
    found = read_record(own[-1].folder).beyond.findings
    return [finding for finding in found if finding.kind == "drift"]
