"""Which checkpoints stay."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkpoint as far as retention is concerned.

    Args:
        name: Its folder's name.
        step: Traces behind it.
        utility: Its mean utility in validation; None when it was not judged.
    """

    name: str
    step: int
    utility: float | None = None


def surplus(
    candidates: Sequence[Candidate],
    *,
    keep_last: int,
    keep_best: int,
    protected: Collection[str] = (),
) -> list[str]:
    """Names of the checkpoints that may go, oldest first.

    Args:
        candidates: All checkpoints, in the order they were made.
        keep_last: How many of the newest stay (1 or more).
        keep_best: How many of the best stay; of equal ones the newer.
        protected: Names that stay in any case.

    Raises:
        ValueError: `keep_last` is below 1.
    """
    if keep_last < 1:
        msg = "keep_last must be at least 1"
        raise ValueError(msg)
    judged = [
        (candidate.utility, number, candidate.name)
        for number, candidate in enumerate(candidates)
        if candidate.utility is not None and math.isfinite(candidate.utility)
    ]
    stay = set(protected)
    stay.update(candidate.name for candidate in candidates[-keep_last:])
    stay.update(name for _, _, name in sorted(judged, reverse=True)[:keep_best])
    return [candidate.name for candidate in candidates if candidate.name not in stay]
