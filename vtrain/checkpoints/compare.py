"""What differs between two checkpoints, or between a checkpoint and what goes on from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HARMLESS = (
    "name",
    "checkpoints",
    "early_stopping",
    "monitoring",
    "ppo.total_traces",
    "ppo.time_limit",
    "resources.workers",
    "validation.split",
    "validation.traces",
    "validation.against",
    "validation.resamples",
    "validation.confidence",
    "validation.gallery",
    "validation.success",
    "validation.protocol",
    "validation.protocols",
    # The images themselves are compared by their digest.
    "data",
)
"""Keys and sections that may change when training goes on: it learns the same."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs.

    Attributes:
        what: Its name: a config key, ``dataset``, or the version of a library.
        before: What the first has; None when it has none.
        after: What the second has.
        harmless: Whether training that goes on learns the same all the same.
    """

    what: str
    before: Any
    after: Any
    harmless: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """How far the weights of one tensor moved.

    Attributes:
        name: ``GROUP/TENSOR``.
        largest: Largest absolute difference of an entry; None where they do not compare.
        relative: Norm of the difference over the norm of the first; likewise.
        note: Why they do not compare.
    """

    name: str
    largest: float | None
    relative: float | None
    note: str = ""


def config_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Keys of two configurations, as JSON values, that differ."""
    one, other = dict(_flat(before)), dict(_flat(after))
    return [
        Change(key, one.get(key), other.get(key), harmless=is_harmless(key))
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    ]


def version_changes(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> list[Change]:
    """Libraries whose versions differ."""
    return [
        Change(f"version of {name}", before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def weight_changes(
    before: Mapping[str, Mapping[str, NDArray[Any]]],
    after: Mapping[str, Mapping[str, NDArray[Any]]],
) -> list[Moved]:
    """Tensors that differ, those that moved furthest first."""
    moved = []
    for name in sorted(_names(before) | _names(after)):
        group, _, key = name.partition("/")
        one = before.get(group, {}).get(key)
        other = after.get(group, {}).get(key)
        if one is None or other is None:
            where = "first" if other is None else "second"
            moved.append(Moved(name, None, None, f"only in the {where}"))
        elif one.shape != other.shape:
            moved.append(Moved(name, None, None, f"shapes {one.shape} and {other.shape}"))
        elif not np.array_equal(one, other):
            first, second = one.astype(np.float64), other.astype(np.float64)
            norm = float(np.linalg.norm(first)) or 1.0
            gap = second - first
            moved.append(Moved(name, float(np.abs(gap).max()), float(np.linalg.norm(gap)) / norm))
    return sorted(moved, key=lambda item: (item.relative is not None, -(item.relative or 0.0)))


def is_harmless(key: str) -> bool:
    """Whether a config key may change when training goes on."""
    return any(key == allowed or key.startswith(f"{allowed}.") for allowed in HARMLESS)


def _names(tensors: Mapping[str, Mapping[str, NDArray[Any]]]) -> set[str]:
    return {f"{group}/{key}" for group, arrays in tensors.items() for key in arrays}


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item
