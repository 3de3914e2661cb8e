"""Any setting on any file: a drawing, or a failure with a type; never a crash.

`VTRAIN_FAULTS` multiplies the number of settings.
"""

from __future__ import annotations

import os
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vtrain.errors import ImageRefused, TraceError, UsageError
from vtrain.images import read
from vtrain.images.types import Limits
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import score, warm_up
from vtrain.tracing.parameters import PARAMETERS, Settings, check_settings
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.trace import trace_prepared
from vtrain.tracing.workers import Workers

pytestmark = pytest.mark.slow

AT_ONCE = 20
EXAMPLES = 100 * int(os.environ.get("VTRAIN_FAULTS", "1"))
SIDE = 160
LIMIT_S = 10.0
OUTPUT_LIMIT = 2_000_000
"""Noise at three times its size comes close."""


@dataclass(frozen=True)
class Task:
    """A file and how to trace it."""

    path: Path
    settings: Settings


def attempt(task: Task) -> str:
    """Do what a user does; what came of it. Anything but a typed failure breaks the test."""
    try:
        rgba = read(task.path, limits=Limits()).rgba
    except ImageRefused as error:
        return f"refused: {error.reason}"
    height, width = rgba.shape[:2]
    if max(height, width) > SIDE:
        scale = SIDE / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        rgba = np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.uint8)
    try:
        drawn = trace_prepared(Preparation(rgba), task.settings, output_limit=OUTPUT_LIMIT)
    except UsageError:
        return "usage"
    reference = Reference.of(rgba)
    found = score(reference, render(drawn.svg, reference.width, reference.height))
    return "drawn" if np.isfinite(found.appearance) else "no number"


def ready() -> None:
    """Compile the loops before the limits of a trace hold."""
    warm_up()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers[Task, str]]:
    pool = Workers[Task, str](attempt, count=2, memory_limit=1024, setup=ready, setup_arguments=())
    with closing(pool):
        yield pool


@pytest.fixture(scope="module")
def files(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Fifty: odd ones, broken ones, logos, noise, and pictures of hardly anything."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("bad_images", "train_svg"):
        # The archives are the project's own development data.
        with tarfile.open(shared_data / f"{name}.tar.xz") as archive:
            archive.extractall(folder, filter="data")
    odd = sorted((folder / "bad_images" / "odd").iterdir())
    broken = sorted((folder / "bad_images" / "fails").iterdir())
    generator = np.random.default_rng(5)
    drawn: dict[str, NDArray[Any]] = {
        "noise": generator.integers(0, 256, (64, 64, 3)),
        "noise-alpha": generator.integers(0, 256, (48, 80, 4)),
        "noise-two": generator.integers(0, 2, (90, 90, 1)).repeat(3, axis=2) * 255,
        "dot": np.full((1, 1, 4), 200),
        "line": generator.integers(0, 256, (1, 300, 4)),
        "clear": np.zeros((50, 40, 4)),
        "ramp": np.linspace(0, 255, 120 * 3).reshape(1, 120, 3).repeat(90, axis=0),
        "checks": (np.indices((64, 64)).sum(axis=0) % 2 * 255)[..., None].repeat(3, axis=2),
    }
    for name, pixels in drawn.items():
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}.png")
    # Drawn here: a worker has no room for the process that draws an SVG.
    for number, path in enumerate(sorted((folder / "train_svg").rglob("*.svg"))[::200][:10]):
        Image.fromarray(read(path, svg_side=SIDE).rgba).save(folder / f"logo-{number}.png")
        drawn[f"logo-{number}"] = np.zeros(0)
    own = [folder / f"{name}.png" for name in drawn]
    chosen = [*odd[:: len(odd) // 20][:20], *broken[:: len(broken) // 12][:12], *own]
    assert len(chosen) == 50
    return chosen


WILD: st.SearchStrategy[Any] = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-3, 300),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([None, "", "none", "0", True, b"x", [1], (), {}]),
)


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    """Half of them levels of the table, the rest with up to three values from anywhere."""
    values: dict[str, Any] = {row.name: draw(st.sampled_from(row.levels)) for row in PARAMETERS}
    if draw(st.booleans()):
        names = st.sampled_from([field.name for field in fields(Settings)])
        for name in draw(st.lists(names, min_size=1, max_size=3)):
            values[name] = draw(WILD)
    return Settings(**values)


def test_every_setting_on_every_file_ends_in_a_drawing_or_a_typed_failure(
    workers: Workers[Task, str], files: list[Path]
) -> None:
    outcomes: Counter[str] = Counter()
    used: set[Path] = set()
    tasks = st.lists(
        st.builds(Task, st.sampled_from(files), any_settings()),
        min_size=AT_ONCE,
        max_size=AT_ONCE,
    )

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(tasks)
    def try_all(work: list[Task]) -> None:
        for outcome in workers.run(work, time_limits=[LIMIT_S] * len(work)):
            task = work[outcome.index]
            used.add(task.path)
            if outcome.error is None:
                assert outcome.result is not None
                outcomes[outcome.result] += 1
                if outcome.result == "usage":
                    with pytest.raises(UsageError, match=r" = .* is not "):
                        check_settings(task.settings)
            else:
                assert isinstance(outcome.error, TraceError), (task, outcome.error)
                outcomes[outcome.error.reason] += 1

    try_all()

    sys.stdout.write(f"{dict(outcomes)}\n")
    assert sum(outcomes.values()) >= AT_ONCE * EXAMPLES
    assert used == set(files)
    assert outcomes["drawn"] > 0.3 * sum(outcomes.values())
    assert outcomes["usage"] > 0.1 * sum(outcomes.values())
    known = {"drawn", "usage", "output-limit", "time-limit", "memory-limit"}
    assert {name for name in outcomes if not name.startswith("refused: ")} <= known
