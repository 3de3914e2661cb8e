"""The samples of a run on disk: the newest as they are, older ones put together, never too many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from vtrain.rundir import JsonlWriter, read_jsonl, write_jsonl

MOST = 2400
"""Records that the file may hold before it is made smaller (count)."""
_FULL = 600
"""Newest samples that are kept as they are (count)."""
_OLD = 1200
"""Most records of older ones (count)."""
PEAKS = ("cpu_percent", "rss", "pss", "threads", "processes", "open_files")
"""Figures whose largest value a record of several samples keeps."""
LOWS = ("memory_left", "disk_free")
"""Figures whose least value it keeps."""
_LATEST = frozenset(("time", "pid", "oom_kills", "energy", "memory_limit", "index", "memory_total"))
"""Figures that are counted up or stay: the newest value says it."""


class SampleWriter:
    """Appends samples to a file that stays bounded, for however long a run goes on.

    Once it holds more than `MOST` records, those but the newest are put together by twos, fours
    and so on (`merged`), so that all older ones stand for about the same time.

    Args:
        path: The file; one that is there is gone on with.

    Raises:
        StorageError: The file cannot be opened.
        DataError: The one that is there cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = len(read_jsonl(path))
        self._writer = JsonlWriter(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._writer.close()

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a sample.

        Raises:
            StorageError: There is no space.
            DataError: The file cannot be read again to make it smaller.
        """
        self._writer.write(record)
        self._count += 1
        if self._count > MOST:
            records = thinned(read_jsonl(self.path))
            write_jsonl(self.path, records)
            self._count = len(records)
            self._writer.close()
            self._writer = JsonlWriter(self.path)


def thinned(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest records as they are, and older ones put together until they are few enough."""
    old, new = list(records[:-_FULL]), list(records[-_FULL:])
    together = max((count(record) for record in old), default=1)
    # Those that have become old since the last time are brought to the size of the others first.
    while len(old) > _OLD and len(old := _by_twos(old, together)) > _OLD:
        together *= 2
    return [*old, *new]


def _by_twos(records: Iterable[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Neighbours put together while they stand for `most` samples at most."""
    found: list[Mapping[str, Any]] = []
    for record in records:
        if found and count(found[-1]) + count(record) <= most:
            found[-1] = merged(found[-1], record)
        else:
            found.append(record)
    return found


def count(record: Mapping[str, Any]) -> int:
    """How many samples a record stands for."""
    return int(record.get("samples", 1))


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """One record for two neighbours.

    Its figures are their means, but for those that are counted up or stay, which are the second's.
    `samples` tells how many it stands for, `began` the time of the first of them. `peak` and `low`
    keep the extremes, so that no summary loses one.
    """
    weights = count(first), count(second)
    record = _mean(first, second, weights)
    record["samples"] = sum(weights)
    record["began"] = first.get("began", first["time"])
    record["peak"] = _extremes(first, second, PEAKS, "peak", max)
    record["low"] = _extremes(first, second, LOWS, "low", min)
    others = {gpu.get("index"): gpu for gpu in first.get("gpus") or ()}
    record["gpus"] = [
        _mean(others[gpu.get("index")], gpu, weights) if gpu.get("index") in others else dict(gpu)
        for gpu in second.get("gpus") or ()
    ]
    record.pop("by_process", None)
    return record


def extreme(record: Mapping[str, Any], key: str) -> Any:
    """The largest (or, for what runs out, least) value of a figure in a record's time."""
    for kind in ("peak", "low"):
        kept = record.get(kind)
        if isinstance(kept, Mapping) and key in kept:
            return kept[key]
    return record.get(key)


def _extremes(
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    keys: Sequence[str],
    kind: str,
    choose: Any,
) -> dict[str, Any]:
    found = {}
    for key in keys:
        values = [record.get(kind, {}).get(key, record.get(key)) for record in (first, second)]
        known = [value for value in values if value is not None]
        if known:
            found[key] = choose(known)
    return found


def _mean(
    first: Mapping[str, Any], second: Mapping[str, Any], weights: tuple[int, int]
) -> dict[str, Any]:
    record = dict(second)
    for key, value in second.items():
        other = first.get(key)
        if key in _LATEST or isinstance(value, bool) or not isinstance(other, (int, float)):
            continue
        if isinstance(value, (int, float)):
            mean = (other * weights[0] + value * weights[1]) / sum(weights)
            record[key] = round(mean, 4)
    for key, other in first.items():
        # Measured now and then only: the last one known stands.
        if record.get(key) is None and other is not None and key not in ("peak", "low"):
            record[key] = other
    return record
