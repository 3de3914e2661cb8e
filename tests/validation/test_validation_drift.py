"""Which training images the judged ones are held against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vtrain.config.data import DegradeConfig
from vtrain.config.load import load_config
from vtrain.data.catalog import Catalog
from vtrain.data.prepare import prepare
from vtrain.environment.features import FEATURES
from vtrain.rundir import RunDirectory
from vtrain.validation import beyond
from vtrain.validation.beyond import Judged, drift_of
from vtrain.validation.protocol import find_protocol


@pytest.mark.parametrize("damaged", [False, True])
def test_images_are_held_against_their_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, damaged: bool
) -> None:
    run = RunDirectory.create(tmp_path / "run", name="run")
    options = ("data.input_size=32", "data.sample_count=12", "data.degrade.variants=2")
    config = load_config((), options).config
    prepare([], run=run, config=config.data, workers=0)
    catalog = Catalog.load(run.catalog)
    protocol = find_protocol(None, config, split="test", traces=1)
    protocol = replace(protocol, damage=DegradeConfig(variants=1) if damaged else None)
    looked_at: list[str] = []

    def features_of(_store: Any, images: list[str], **_: Any) -> dict[str, Any]:
        looked_at.extend(images)
        return {image: np.zeros(len(FEATURES), np.float32) for image in images}

    monkeypatch.setattr(beyond, "feature_table", features_of)
    drift_of(
        Judged(
            run,
            config,
            protocol,
            agent=None,  # type: ignore[arg-type]
            entries=catalog.split("test"),
            store=None,  # type: ignore[arg-type]
            features=lambda _: np.zeros(len(FEATURES), np.float32),
        )
    )

    alike = {entry.id for entry in catalog.split("train") if bool(entry.damage) == damaged}
    assert len(alike) > 1
    assert set(looked_at) == alike
