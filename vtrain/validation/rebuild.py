"""The files of a judgement for people, made when it is written and, from its files, again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vtrain.config.dump import dump_yaml
from vtrain.config.schema import Config
from vtrain.data.store import ImageStore
from vtrain.errors import DataError, UsageError, quoted
from vtrain.rundir import RunDirectory, write_bytes, write_text
from vtrain.validation.fingerprint import Fingerprint, read_fingerprint, write_fingerprint
from vtrain.validation.gallery import Exhibit, exhibits, pick
from vtrain.validation.judge import Judgement
from vtrain.validation.page import html_report
from vtrain.validation.plots import all_plots, files_of
from vtrain.validation.report import text_report
from vtrain.validation.results import (
    RESULTS,
    Record,
    newest_folder,
    read_judgement,
    read_record,
    write_results,
)

REPORT = "report.txt"
PAGE = "report.html"
CONFIG = "config.yaml"
PLOTS = "plots"
_START = "Make one: vtrain validate --run DIR."


def write_all(
    folder: Path,
    record: Record,
    judgement: Judgement,
    *,
    fingerprint: Fingerprint,
    store: ImageStore,
    config: Config,
) -> None:
    """Write every file of a judgement.

    Args:
        folder: An empty folder.
        record: What was judged and the figures.
        judgement: Every row.
        fingerprint: What decided them.
        store: Where the pixels are, for the gallery.
        config: The configuration.

    Raises:
        DataError: A prepared image is missing.
        StorageError: A file cannot be written.
    """
    write_results(folder, record, judgement)
    write_fingerprint(folder, fingerprint)
    text = dump_yaml(config, comments=False)
    write_text(folder / CONFIG, text)
    gallery = _gallery(judgement, store, config.validation.gallery)
    _write_reports(folder, record, judgement, gallery, text)


def rebuild(folder: Path, run: RunDirectory, *, pictures: int = 12) -> Record:
    """Make the reports and plots of a judgement again, from its files alone.

    Args:
        folder: Of the judgement.
        run: Where the pixels are. When they are gone, the page has no gallery and says so.
        pictures: Most logos that the page shows pictures of, at least 3 (count).

    Returns:
        What was judged.

    Raises:
        DataError: Its results are missing or damaged.
        StorageError: A file cannot be written.
    """
    record = read_record(folder)
    judgement = read_judgement(folder, record)
    missing = ""
    gallery: Mapping[str, Sequence[Exhibit]] = {}
    try:
        # Folders of earlier versions may not tell how VTracer's default did.
        if judgement.defaults:
            gallery = _gallery(judgement, _store(folder, run), pictures)
    except DataError as error:
        missing = error.message
    if not gallery:
        missing = missing or "how VTracer's default did is not in its files."
    _write_reports(folder, record, judgement, gallery, _config(folder), missing=missing)
    return record


def find_folder(run: RunDirectory, name: str | None) -> Path:
    """The folder of a judgement of a run.

    Args:
        run: The run directory.
        name: Its name in `validation/`, or a path; None for the newest.

    Raises:
        UsageError: There is no such judgement.
    """
    if name is None:
        found = newest_folder(run)
        if found is None:
            raise UsageError(f"{run.root} holds no finished validation.", hint=_START)
        return found
    for folder in (run.validation / name, Path(name)):
        if (folder / RESULTS).is_file():
            return folder
    raise UsageError(
        f"There is no finished validation {name} in {run.validation}.",
        hint=f"List them: ls {quoted(run.validation)}.",
    )


def write_plots(folder: Path, plots: Mapping[str, tuple[bytes, bytes]]) -> None:
    """Write plots as PNG and SVG files.

    Args:
        folder: Where to.
        plots: The two files of each, by stem.

    Raises:
        StorageError: A file cannot be written.
    """
    for name, (pixels, drawing) in plots.items():
        write_bytes(folder / f"{name}.png", pixels)
        write_bytes(folder / f"{name}.svg", drawing)


def _write_reports(
    folder: Path,
    record: Record,
    judgement: Judgement,
    gallery: Mapping[str, Sequence[Exhibit]],
    config: str,
    *,
    missing: str = "",
) -> None:
    write_text(folder / REPORT, text_report(record))
    figures = all_plots(judgement, record.summary)
    plots = {name: files_of(figure) for name, figure in figures.items()}
    write_plots(folder / PLOTS, plots)
    pixels = {name: files[0] for name, files in plots.items()}
    page = html_report(record, pixels, gallery, config, without_gallery=missing)
    write_text(folder / PAGE, page)


def _gallery(judgement: Judgement, store: ImageStore, count: int) -> dict[str, list[Exhibit]]:
    picked = pick(judgement, next(iter(judgement.tastes)), count=count)
    return {heading: exhibits(images, judgement, store) for heading, images in picked.items()}


def _store(folder: Path, run: RunDirectory) -> ImageStore:
    """Where the pixels are as they were judged."""
    try:
        damaged = read_fingerprint(folder).damage is not None
    except DataError:  # of an earlier version, which judged images as they are
        damaged = False
    return ImageStore(run.variants if damaged else run.images)


def _config(folder: Path) -> str:
    path = folder / CONFIG
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:  # written before there was such a file
        return "It was not kept with this validation.\n"
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.", hint=_START) from error
