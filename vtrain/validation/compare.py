"""Validations side by side, and each with the first of them, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vtrain.errors import DataError, UsageError
from vtrain.files import write_json, write_text
from vtrain.html import element, image, page, table
from vtrain.rundir import RunDirectory
from vtrain.validation.cells import Table, aligned, interval, ratio, share
from vtrain.validation.compare_plots import PLOT_TEXTS, comparison_plots
from vtrain.validation.fingerprint import Fingerprint, read_fingerprint
from vtrain.validation.judge import Judgement
from vtrain.validation.plots import files_of
from vtrain.validation.rebuild import find_folder, write_plots
from vtrain.validation.regression import Change, paired_changes
from vtrain.validation.results import RESULTS, Record, read_judgement, read_record

PAGE = "comparison.html"
RESULT = "comparison.json"


@dataclass(frozen=True, slots=True)
class Compared:
    """One validation in a comparison.

    Attributes:
        name: What tells it from the others.
        folder: Its folder.
        record: What was judged and the figures.
        judgement: Every row.
        changes: How it does against the first one, a change per taste; empty for the first one,
            and where nothing can be paired.
    """

    name: str
    folder: Path
    record: Record
    judgement: Judgement
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Validations beside the first of them.

    Attributes:
        compared: The first one, then the others.
        notes: What a reader must know, such as why two cannot be paired.
    """

    compared: tuple[Compared, ...]
    notes: tuple[str, ...]


def compare_runs(paths: Sequence[Path]) -> Comparison:
    """Compare the newest validations of runs.

    Args:
        paths: At least two run directories, or folders of validations.

    Raises:
        UsageError: There are less than two, one is neither, or one comes twice.
        DataError: The files of one are damaged.
    """
    if len(paths) < 2:
        raise UsageError(
            "Two or more validations are needed for a comparison.",
            hint="Such as vtrain validate compare runs/one runs/two.",
        )
    folders = [_folder(path) for path in paths]
    doubles = [
        path
        for place, path in enumerate(paths)
        if folders[place].resolve() in [other.resolve() for other in folders[:place]]
    ]
    if doubles:
        raise UsageError(
            f"{doubles[0]} comes twice: it names the same validation as another one.",
            hint="Name other runs, or folders of other validations of the run.",
        )
    names = _names(paths, folders)
    first = _load(names[0], folders[0])
    compared, notes = [first], []
    for name, folder in zip(names[1:], folders[1:], strict=True):
        other = _load(name, folder)
        found, problems = _pair(first, other)
        compared.append(found)
        notes += problems
    return Comparison(tuple(compared), tuple(notes))


def tables(comparison: Comparison) -> list[Table]:
    """The figures of each at each taste, then the differences from the first."""
    first = comparison.compared[0]
    found = [
        Table(
            f"At {taste}: each policy on the logos that it was judged on",
            ("validation", "checkpoint", "logos", *_COLUMNS),
            tuple(
                (item.name, item.record.checkpoint, *_cells(item.record, taste))
                for item in comparison.compared
                if taste in item.record.tastes
            ),
        )
        for taste in _tastes(comparison)
    ]
    rows = [
        (
            item.name,
            change.taste,
            str(change.n),
            interval(change.difference, 3),
            f"{change.adjusted:.2g}",
            change.verdict,
        )
        for item in comparison.compared[1:]
        for change in item.changes
    ]
    if rows:
        found.append(
            Table(
                f"Mean utility minus that of {first.name}, logo by logo",
                ("validation", "taste", "logos", "difference", "p", "it is"),
                tuple(rows),
            )
        )
    return found


def comparison_text(comparison: Comparison) -> str:
    """The tables and notes as plain text, at most about 120 columns wide."""
    lines = []
    for found in tables(comparison):
        lines += [found.title, *aligned(found), ""]
    lines += [f"Note: {note}" for note in comparison.notes]
    return "\n".join([*lines, *_LEGEND])


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON values."""
    return {
        "compared": [
            {
                "name": item.name,
                "folder": item.folder,
                "checkpoint": item.record.checkpoint,
                "split": item.record.split,
                "images": item.record.images,
                "traces": item.record.traces,
                "figures": [asdict(item.record.summary.of(taste)) for taste in item.record.tastes],
                "changes": [asdict(change) for change in item.changes],
            }
            for item in comparison.compared
        ],
        "notes": comparison.notes,
    }


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write the comparison as JSON, plots and a page.

    Raises:
        StorageError: A file cannot be written.
    """
    write_json(folder / RESULT, comparison_json(comparison))
    figures = comparison_plots(
        [(item.name, item.record, item.changes) for item in comparison.compared]
    )
    plots = {name: files_of(figure) for name, figure in figures.items()}
    write_plots(folder / "plots", plots)
    title = f"Comparison of {len(comparison.compared)} validations"
    text = page(
        title,
        element("h1", title),
        *(element("p", note, kind="note") for note in comparison.notes),
        *(
            element("p", image(files[0], "image/png", PLOT_TEXTS[name], kind="plot"))
            for name, files in plots.items()
        ),
        *(
            part
            for found in tables(comparison)
            for part in (element("h2", found.title), table(found.columns, found.rows))
        ),
        *(element("p", text, kind="quiet") for text in _LEGEND),
    )
    write_text(folder / PAGE, text)


_COLUMNS = ("gain", "better", "bytes", "segments", "utility", "failed")
_LEGEND = (
    (
        "gain: appearance minus that of VTracer's default. better: share of logos with a gain "
        "above 0."
    ),
    "bytes, segments: over the default's. utility: appearance minus lambda times cost.",
    "p: of the difference, adjusted for the number of tastes (Holm); its interval is not adjusted.",
)


def _cells(record: Record, taste: str) -> tuple[str, ...]:
    figures = record.summary.of(taste)
    return (
        str(figures.n),
        interval(figures.gain),
        share(figures.better),
        ratio(figures.bytes_ratio),
        ratio(figures.segments_ratio),
        f"{figures.utility:.2f}",
        str(figures.failures),
    )


def _tastes(comparison: Comparison) -> list[str]:
    return list(
        dict.fromkeys(taste for item in comparison.compared for taste in item.record.tastes)
    )


def _folder(path: Path) -> Path:
    if (path / RESULTS).is_file():
        return path
    return find_folder(RunDirectory.open(path), None)


def _names(paths: Sequence[Path], folders: Sequence[Path]) -> list[str]:
    """The runs' names; the validations' names where all are of one run; else the paths."""
    runs = [folder.resolve().parent.parent for folder in folders]
    for names in ([run.name for run in runs], [folder.resolve().name for folder in folders]):
        if len(set(names)) == len(names) and (names[0] == runs[0].name or len(set(runs)) == 1):
            return names
    return [str(path) for path in paths]


def _load(name: str, folder: Path) -> Compared:
    record = read_record(folder)
    return Compared(name, folder, record, read_judgement(folder, record))


def _pair(first: Compared, other: Compared) -> tuple[Compared, list[str]]:
    """The other one with its changes, and what a reader must know of them."""
    ours, theirs = _fingerprint(first), _fingerprint(other)
    if ours is None or theirs is None:
        name = (first if ours is None else other).name
        why = f"{name} does not tell how it was judged, as an earlier version wrote it"
        return other, [f"{other.name} is not paired with {first.name}: {why}."]
    if not ours.pairs_with(theirs):
        reason = ours.differs(theirs)
        return other, [f"{other.name} is not paired with {first.name}: {reason}."]
    changes = paired_changes(
        other.judgement,
        first.judgement,
        resamples=first.record.resamples,
        confidence=first.record.confidence,
    )
    found = Compared(other.name, other.folder, other.record, other.judgement, tuple(changes))
    if not changes:
        return found, [
            f"{other.name} is not paired with {first.name}: they have no logo and taste in common."
        ]
    reason = ours.differs(theirs)
    return found, [f"{other.name} beside {first.name}: {reason}."] if reason else []


def _fingerprint(item: Compared) -> Fingerprint | None:
    try:
        return read_fingerprint(item.folder)
    except DataError:  # of an earlier version: its figures are shown, but not paired
        return None
