"""Results on disk: one folder per judgement, with the figures as JSON and a row per judged trace.

validation/20260131-120000-step-000012288/
    results.json       what was judged, and the summary
    rows.jsonl         one record per image, taste and chooser
    defaults.jsonl     VTracer's default on each image
    stability.jsonl    one record per image, taste and disturbance, where the protocol asks for it
    consistency.jsonl  one record per image, taste and draw, likewise
    fingerprint.json   what decides the figures, to tell which judgements can be compared
    config.yaml        the resolved configuration
    report.txt         for a terminal
    report.html        one page that needs nothing else
    plots/             the page's plots as PNG and SVG

A folder appears whole: it is filled under another name, and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from vtrain.environment.measurement import Measurement
from vtrain.errors import DataError
from vtrain.rundir import (
    RunDirectory,
    make_folder,
    read_json,
    read_jsonl,
    storage_error,
    sync_folder,
    write_json,
)
from vtrain.rundir import write_jsonl as write_records
from vtrain.tracing.parameters import FORMER_TABLES, PARAMETERS
from vtrain.validation.baselines import DEFAULT
from vtrain.validation.judge import Judgement, Row
from vtrain.validation.measures import Beyond, Consistency, Finding, Past, Stability, Timing
from vtrain.validation.statistics import Interval
from vtrain.validation.summary import Comparison, Figures, Summary

RESULTS = "results.json"
ROWS = "rows.jsonl"
DEFAULTS = "defaults.jsonl"
SCHEMA = 1
_DRAFT = ".draft-"
_AGAIN = "Make it again with 'vtrain validate --run DIR'."

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Record:
    """What was judged and what came of it.

    Attributes:
        created: When (ISO 8601, UTC).
        checkpoint: Name of the checkpoint.
        step: Its step (traces).
        split: Split that was judged.
        images: Images (count).
        traces: Traces that the policy could spend per image (count).
        choosers: Names of the policy and the baselines, in order.
        tastes: Lambda of each taste.
        confidence: Coverage of the intervals, 0 to 1.
        resamples: Bootstrap resamples of an interval (count).
        notes: What a reader must know, such as a baseline that could not be judged.
        summary: The figures.
        protocol: Name of the protocol.
        parts: What the protocol does beyond the standard one, in words.
        beyond: Stability, consistency, times and trends.
    """

    created: str
    checkpoint: str
    step: int
    split: str
    images: int
    traces: int
    choosers: tuple[str, ...]
    tastes: Mapping[str, float]
    confidence: float
    resamples: int
    notes: tuple[str, ...]
    summary: Summary
    protocol: str = "standard"
    parts: tuple[str, ...] = ()
    beyond: Beyond = field(default_factory=Beyond)


@contextlib.contextmanager
def draft(run: RunDirectory) -> Iterator[Path]:
    """A folder to fill and `publish`; what is not published by the end of the block is removed.

    Drafts that a killed process left are removed too.

    Raises:
        StorageError: It cannot be made.
    """
    make_folder(run.validation)
    for path in run.validation.glob(f"{_DRAFT}*"):
        with contextlib.suppress(OSError), _held(path):  # a live one is held by its process
            shutil.rmtree(path)
    path = run.validation / f"{_DRAFT}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        path.mkdir()
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        with _held(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def publish(folder: Path, run: RunDirectory, step: int) -> Path:
    """Give a filled draft its name, which sorts by time; the folder under that name.

    Raises:
        StorageError: It cannot be renamed.
    """
    stem = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-step-{step:09d}"
    attempt = 1
    while True:
        path = run.validation / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            folder.rename(path)
            sync_folder(run.validation)
        except OSError as error:
            # Another judgement was published within the same second.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise storage_error(error, path) from error
            attempt += 1
        else:
            return path


def write_results(folder: Path, record: Record, judgement: Judgement) -> None:
    """Write the rows, then the results.

    Raises:
        StorageError: A file cannot be written.
    """
    write_records(folder / ROWS, (asdict(row) for row in judgement.rows))
    write_records(
        folder / DEFAULTS,
        (
            {"image": image, "measurement": found.as_dict()}
            for image, found in judgement.defaults.items()
        ),
    )
    write_json(folder / RESULTS, asdict(record), schema=SCHEMA)


def read_judgement(folder: Path, record: Record) -> Judgement:
    """Read the rows that `write_results` wrote beside a record.

    Raises:
        DataError: The rows are missing or damaged.
    """
    try:
        rows = tuple(_row(item) for item in read_jsonl(folder / ROWS))
        defaults = {
            item["image"]: Measurement(**item["measurement"])
            for item in read_jsonl(folder / DEFAULTS)
        }
    except (KeyError, TypeError) as error:
        raise DataError(f"The rows in {folder} are damaged: {error!r}.", hint=_AGAIN) from error
    if not rows or len(rows) != record.images * len(record.choosers) * len(record.tastes):
        raise DataError(
            f"{folder / ROWS} is damaged: {len(rows)} rows do not make the judgement of "
            f"{record.images} images that {RESULTS} tells of.",
            hint=_AGAIN,
        )
    if not defaults:  # written before there was such a file
        defaults = {row.image: row.measurement for row in rows if row.chooser == DEFAULT}
    return Judgement(rows, record.choosers, record.tastes, defaults)


def read_record(folder: Path) -> Record:
    """Read what `write_results` wrote.

    Raises:
        DataError: The file is missing or damaged.
    """
    path = folder / RESULTS
    document = read_json(path, schema=SCHEMA)
    try:
        summary = document["summary"]
        return Record(
            created=document["created"],
            checkpoint=document["checkpoint"],
            step=document["step"],
            split=document["split"],
            images=document["images"],
            traces=document["traces"],
            choosers=tuple(document["choosers"]),
            tastes=dict(document["tastes"]),
            confidence=document["confidence"],
            resamples=document["resamples"],
            notes=tuple(document["notes"]),
            summary=Summary(
                figures=tuple(_read(Figures, item) for item in summary["figures"]),
                comparisons=tuple(_read(Comparison, item) for item in summary["comparisons"]),
            ),
            # Absent in results of earlier versions.
            protocol=document.get("protocol", "standard"),
            parts=tuple(document.get("parts", ())),
            beyond=_beyond(document.get("beyond", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} is damaged: {error!r}.", hint=_AGAIN) from error


def folders(run: RunDirectory) -> list[Path]:
    """The folders of the finished judgements of a run, the newest first."""
    found = (path.parent for path in run.validation.glob(f"*/{RESULTS}"))
    return sorted((path for path in found if not path.name.startswith(".")), reverse=True)


def newest_folder(run: RunDirectory) -> Path | None:
    """The folder of the newest finished judgement; None when there is none."""
    return next(iter(folders(run)), None)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder, so that others can tell that its process lives.

    Raises:
        OSError: Another process holds it, or it cannot be opened.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _row(item: Mapping[str, Any]) -> Row:
    measurement = Measurement(**item["measurement"])
    # Rows of earlier versions do not tell the last two.
    unknown = {"over_default": math.nan, "regret": math.nan}
    action = tuple(item["action"])
    if len(action) in FORMER_TABLES.values():  # rows since then are as they were: off
        action += (0,) * (len(PARAMETERS) - len(action))
    return Row(**{**unknown, **item, "action": action, "measurement": measurement})


def _beyond(item: Mapping[str, Any]) -> Beyond:
    kinds = {
        "stability": Stability,
        "consistency": Consistency,
        "timing": Timing,
        "findings": Finding,
        "history": Past,
    }
    return Beyond(
        **{
            name: tuple(_read(kind, one) for one in item.get(name, ()))
            for name, kind in kinds.items()
        }
    )


def _read(kind: Callable[..., Read], item: Mapping[str, Any]) -> Read:
    """A dataclass from its JSON values, with its intervals."""
    return kind(
        **{
            key: read_interval(value) if isinstance(value, Mapping) else value
            for key, value in item.items()
        }
    )


def read_interval(item: Mapping[str, float | None]) -> Interval:
    """An interval from its JSON values."""
    # JSON has no infinity: an end that is not bounded is null there.
    value, low, high = item["value"], item["low"], item["high"]
    return Interval(
        math.nan if value is None else value,
        -math.inf if low is None else low,
        math.inf if high is None else high,
    )
