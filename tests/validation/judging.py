"""Stand-ins for the tests of judging: entries, measurements and choosers made of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vtrain.data.records import Entry
from vtrain.environment.features import FEATURES
from vtrain.environment.measurement import Measurement, Request
from vtrain.environment.observation import Vector
from vtrain.tracing.parameters import Action
from vtrain.validation.baselines import Measured
from vtrain.validation.table import MeasuredTable

TASTES = {"fidelity": 0.05, "balanced": 0.4, "compact": 1.0}
Measure = Callable[[Request], Measurement]


def entry(number: int, category: str = "simple", name: str = "") -> Entry:
    return Entry(
        id=f"{number:016x}",
        name=name or f"{category}/logo-{number}.svg",
        category=category,  # type: ignore[arg-type]
        brand=f"brand-{number}",
        split="test",
        width=64,
        height=64,
        transparent=True,
        reference_scale=2.0,
    )


def measurement(appearance: float = 10.0, size: int = 1000, **changes: object) -> Measurement:
    fields = {
        "appearance": appearance,
        "precision": 0.9,
        "recall": 0.9,
        "colour_error": 1.0,
        "truth": 0.9,
        "stray": 0.1,
        "facets": 1.0,
        "segments": size // 10,
        "paths": 3,
        "colours": 3,
        "bytes": size,
        "gzip_bytes": size // 2,
        "pixels": 4096,
        "ssim": 0.9,
        "ms_ssim": 0.95,
        "mse": 40.0,
        "psnr": 32.0,
    }
    return Measurement(**{**fields, **changes})  # type: ignore[arg-type]


class Bench:
    """Measures by a function, and remembers what it was asked."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self.calls: list[list[Request]] = []

    def measure(
        self, requests: Sequence[Request], on_progress: Callable[[int, int], None] | None = None
    ) -> list[Measurement]:
        self.calls.append(list(requests))
        if on_progress:
            on_progress(len(requests), len(requests))
        return [self._measure(request) for request in requests]


class Fixed:
    """Chooses the same actions for every image."""

    def __init__(self, name: str, *actions: Action) -> None:
        self.name = name
        self._actions = actions

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002
        return list(self._actions)


def table(
    actions: Sequence[Action], appearance: Sequence[Sequence[float]], cost: object = 0.0
) -> MeasuredTable:
    """A table of images 0, 1, ...: their appearance by image and action; cost likewise, or even."""
    values = np.array(appearance, np.float64)
    costs = np.array(np.broadcast_to(np.array(cost, np.float64), values.shape))
    images = tuple(entry(number).id for number in range(len(values)))
    return MeasuredTable(tuple(actions), images, values, costs, "numbers")


def measured(table: MeasuredTable, categories: Sequence[str] = ()) -> Measured:
    """A table whose images have their number as the first feature, and nothing else."""

    def features(image: str) -> Vector:
        found = np.zeros(len(FEATURES), np.float32)
        found[0] = int(image, 16)
        return found

    named = categories or ["simple"] * len(table.images)
    return Measured(table, dict(zip(table.images, named, strict=True)), features)
