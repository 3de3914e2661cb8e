"""``checkpoint_info.json``: what checkpoints a run has, for those who only read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from vtrain.checkpoints.checkpoint import Checkpoint


def summary(
    found: Sequence[Checkpoint],
    *,
    pointers: Mapping[str, str | None],
    pinned: Collection[str],
    damaged: Sequence[str],
) -> dict[str, Any]:
    """The contents of the file, as JSON values.

    Args:
        found: All checkpoints, oldest first.
        pointers: The names that ``latest`` and ``best`` point at.
        pinned: Names of those that stay in any case.
        damaged: Names of folders that should be checkpoints and are not.
    """
    best = pointers["best"]
    return {
        "count": len(found),
        "bytes": sum(item.size for item in found),
        **pointers,
        "best_utility": next((item.utility for item in found if item.name == best), None),
        "verified": next((item.name for item in found[::-1] if not item.problems()), None),
        "pinned": sorted(pinned),
        "damaged": list(damaged),
        "checkpoints": [
            {
                "name": item.name,
                "step": item.step,
                "created": item.manifest.created,
                "bytes": item.size,
                "pinned": item.name in pinned,
                "info": item.info,
            }
            for item in found
        ],
    }
