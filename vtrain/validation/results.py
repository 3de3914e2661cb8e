"""Results on disk: one folder per judgement, with the figures as JSON and a row per judged trace.

validation/20260131-120000-step-000012288/
    results.json   what was judged, and the summary
    rows.jsonl     one record per image, taste and chooser
    stability.jsonl    one per image, taste and disturbance, where the protocol asks for it
    consistency.jsonl  one per image, taste and draw, likewise
    report.txt     for a terminal
    report.html    one page that needs nothing else
    plots/         the page's plots as PNG
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from vtrain.errors import DataError
from vtrain.rundir import (
    RunDirectory,
    make_folder,
    read_json,
    read_jsonl,
    storage_error,
    write_json,
)
from vtrain.rundir import write_jsonl as write_records
from vtrain.validation.baselines import POLICY
from vtrain.validation.judge import Judgement
from vtrain.validation.measures import Beyond, Consistency, Finding, Past, Stability, Timing
from vtrain.validation.statistics import Interval
from vtrain.validation.summary import Comparison, Figures, Summary

RESULTS = "results.json"
ROWS = "rows.jsonl"
SCHEMA = 1

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


def new_folder(run: RunDirectory, step: int) -> Path:
    """Make the folder of a judgement that starts now; its name sorts by time.

    Raises:
        StorageError: It cannot be made.
    """
    make_folder(run.validation)
    stem = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-step-{step:09d}"
    attempt = 1
    while True:
        path = run.validation / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            path.mkdir()
        except FileExistsError:  # another judgement started within the same second
            attempt += 1
        except OSError as error:
            raise storage_error(error, path) from error
        else:
            return path


def write_results(folder: Path, record: Record, judgement: Judgement) -> None:
    """Write the rows, then the results.

    Raises:
        StorageError: A file cannot be written.
    """
    write_records(folder / ROWS, (asdict(row) for row in judgement.rows))
    write_json(folder / RESULTS, asdict(record), schema=SCHEMA)


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
        raise DataError(
            f"{path} is damaged: {error!r}.", hint="Make it again with 'vtrain validate --run DIR'."
        ) from error


def newest_folder(run: RunDirectory) -> Path | None:
    """The folder of the newest finished judgement; None when there is none."""
    found = finished_folders(run)
    return found[-1] if found else None


def finished_folders(run: RunDirectory) -> list[Path]:
    """The folders of all finished judgements of a run, the oldest first."""
    return sorted(path.parent for path in run.validation.glob(f"*/{RESULTS}"))


def policy_rows(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The policy's rows of a judgement, by image id and taste.

    Raises:
        DataError: There are none.
    """
    found = {
        (row["image"], row["taste"]): row
        for row in read_jsonl(folder / ROWS)
        if row.get("chooser") == POLICY
    }
    if not found:
        raise DataError(
            f"{folder / ROWS} holds no row of a policy.",
            hint="Make it again with 'vtrain validate --run DIR'.",
        )
    return found


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
            key: _interval(value) if isinstance(value, Mapping) else value
            for key, value in item.items()
        }
    )


def _interval(item: Mapping[str, float | None]) -> Interval:
    # JSON has no infinity: an end that is not bounded is null there.
    value, low, high = item["value"], item["low"], item["high"]
    return Interval(
        math.nan if value is None else value,
        -math.inf if low is None else low,
        math.inf if high is None else high,
    )
