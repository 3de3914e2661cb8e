"""The environment by name.

    gymnasium.make("vtrain.environment.registration:vtrain/Trace-v0")

imports this module and makes it; once it is imported, plain ``vtrain/Trace-v0`` will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from vtrain.config.load import read_config
from vtrain.config.schema import Config
from vtrain.config.section import CATEGORIES, Category
from vtrain.data.catalog import Catalog
from vtrain.data.samples import sample_svg
from vtrain.data.store import ImageStore
from vtrain.environment.engine import Engine, LocalBackend
from vtrain.environment.env import ENV_ID, TraceEnv
from vtrain.environment.episode import Rules
from vtrain.environment.features import features
from vtrain.environment.measurement import Bench, ImageSource
from vtrain.environment.observation import Normaliser
from vtrain.environment.sampler import EpisodeSampler
from vtrain.images import reduce, render_svg
from vtrain.rundir import RunDirectory
from vtrain.tracing.cache import MeasurementCache

gymnasium.register(ENV_ID, entry_point=f"{__name__}:make_trace_env")

_SAMPLES = 8
_SAMPLE_SIDE = 64


def make_trace_env(
    *, run: Path | str | None = None, config: Config | None = None, split: str = "train"
) -> TraceEnv:
    """The environment over a run's images, or over a few procedural logos.

    Args:
        run: A run directory with prepared data; None for procedural logos in memory.
        config: The configuration; None for the run's own, or the defaults.
        split: Which of the run's images.

    Raises:
        UsageError: There is no such run.
        DataError: The run has no prepared data.
    """
    if run is None:
        chosen = config or Config()
        pictures = _sample_pictures(chosen.data.sample_seed)
        source: ImageSource = pictures
        categories: Mapping[Category, list[str]] = pictures.categories
        cache = None
    else:
        directory = RunDirectory.open(Path(run))
        chosen = config or read_config(directory.config)
        source = ImageStore(directory.images)
        entries = Catalog.load(directory.catalog).split(split)
        categories = {
            category: [entry.id for entry in entries if entry.category == category]
            for category in CATEGORIES
        }
        cache = MeasurementCache(directory.measurements)
    ids = [image for images in categories.values() for image in images]
    table = {image: features(source.input(image)) for image in ids}
    rules = Rules(chosen.environment, chosen.scoring, Normaliser.fit(list(table.values())), table)
    sampler = EpisodeSampler(
        categories,
        tastes=chosen.environment.tastes,
        seed=chosen.seed,
        repeats=chosen.environment.repeats,
    )
    bench = Bench(source, output_limit=chosen.tracing.output_limit)
    return TraceEnv(rules, sampler, Engine(LocalBackend(bench), cache))


@dataclass(frozen=True, slots=True)
class _Pictures:
    """Images in memory."""

    inputs: Mapping[str, NDArray[np.uint8]]
    references: Mapping[str, NDArray[np.uint8]]
    categories: Mapping[Category, list[str]]

    def input(self, image: str) -> NDArray[np.uint8]:
        return self.inputs[image]

    def reference(self, image: str) -> NDArray[np.uint8]:
        return self.references[image]


def _sample_pictures(seed: int) -> _Pictures:
    inputs: dict[str, Any] = {}
    references: dict[str, Any] = {}
    categories: dict[Category, list[str]] = {category: [] for category in CATEGORIES}
    for number in range(_SAMPLES):
        category = CATEGORIES[number % len(CATEGORIES)]
        _, svg = sample_svg(category, number // len(CATEGORIES), seed)
        name = f"{category}-{number}"
        large = render_svg(svg, 2 * _SAMPLE_SIDE)
        references[name], inputs[name] = large, reduce(large, _SAMPLE_SIDE)
        categories[category].append(name)
    return _Pictures(inputs, references, categories)
