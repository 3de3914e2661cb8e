"""Memory stays flat however much is measured. `VTRAIN_FAULTS` multiplies the count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from vtrain.config.data import DataConfig
from vtrain.config.schema import TracingConfig
from vtrain.data.catalog import Catalog
from vtrain.data.prepare import prepare
from vtrain.environment.engine import open_engine
from vtrain.environment.measurement import Request
from vtrain.rundir import RunDirectory
from vtrain.tracing.parameters import ACTION_LEVELS, PARAMETERS, canonical

COUNT = 10_000 * int(os.environ.get("VTRAIN_FAULTS", "1"))
AT_ONCE = 500
GROWTH = 0.10
"""Largest growth from the first fifth to the end, and then 16 MiB of room for the allocator."""
ROOM = 16 * 2**20


def batches(images: list[str]) -> Iterator[list[Request]]:
    """Requests that were not made before."""
    generator = np.random.default_rng(3)
    seen: set[int] = set()
    upscale = next(i for i, row in enumerate(PARAMETERS) if row.name == "upscale")
    while len(seen) < COUNT:
        batch: list[Request] = []
        while len(batch) < AT_ONCE:
            levels = [int(level) for level in generator.integers(ACTION_LEVELS)]
            levels[upscale] = 0
            image = images[int(generator.integers(len(images)))]
            request = Request(image, canonical(levels))
            if hash(request) not in seen:
                seen.add(hash(request))
                batch.append(request)
        yield batch


def own_memory(processes: list[psutil.Process]) -> int:
    """What processes have to themselves (bytes)."""
    return sum(process.memory_full_info().uss for process in processes)


@pytest.mark.slow
def test_memory_is_flat_over_many_measurements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As small as it is after many more.
    monkeypatch.setattr("vtrain.environment.engine._MOST_KNOWN", 1000)
    run = RunDirectory.create(tmp_path / "run", name="memory")
    # More images than a worker keeps.
    prepare([], run=run, config=DataConfig(sample_count=60, input_size=32), workers=0)
    images = [entry.id for entry in Catalog.load(run.catalog).entries]
    main = psutil.Process()
    with open_engine(
        run.images, workers=2, tracing=TracingConfig(), cache=tmp_path / "cache.sqlite"
    ) as engine:
        early = 0
        for number, batch in enumerate(batches(images), start=1):
            engine.measure(batch)
            workers = [one for one in main.children() if "spawn_main" in " ".join(one.cmdline())]
            if number * AT_ONCE == COUNT // 5:
                early = own_memory(workers)
                main_early = own_memory([main])
        late, main_late = own_memory(workers), own_memory([main])

    assert len(workers) == 2
    assert engine.traces == COUNT
    assert engine.hits == 0
    assert late < early * (1 + GROWTH) + ROOM
    # The test itself remembers what it has asked for.
    assert main_late < main_early * (1 + GROWTH) + ROOM + 100 * COUNT
