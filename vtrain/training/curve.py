"""The curve of a run that is gone on from: each update's record once, without gaps."""

from __future__ import annotations

from vtrain.checkpoints.store import CheckpointStore
from vtrain.rundir import RunDirectory, read_jsonl, write_jsonl


def continue_curve(run: RunDirectory, update: int) -> list[int]:
    """Keep each update's record once, up to the one that is gone on from.

    A line that was torn or lost comes back from its checkpoint.

    Args:
        run: The run directory.
        update: The update that is gone on from.

    Returns:
        The updates whose records are lost.
    """
    records = {
        int(row["update"]): row
        for row in read_jsonl(run.metrics)
        if isinstance(row.get("update"), int)
    }
    for checkpoint in CheckpointStore(run.checkpoints).checkpoints():
        figures = checkpoint.info.get("figures")
        if checkpoint.update and figures:
            records.setdefault(checkpoint.update, {**figures, "wall": {}})
    wanted = range(1, update + 1)
    write_jsonl(run.metrics, [records[number] for number in wanted if number in records])
    return [number for number in wanted if number not in records]
