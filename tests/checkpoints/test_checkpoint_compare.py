"""Differences are named one by one, and only some are harmless."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vtrain.checkpoints.compare import (
    config_changes,
    is_harmless,
    version_changes,
    weight_changes,
)
from vtrain.config.schema import Config


def test_config_changes_are_named_by_key() -> None:
    before = Config().model_dump(mode="json")
    after = Config.model_validate({"ppo": {"gamma": 0.5}, "name": "b"}).model_dump(mode="json")

    changes = config_changes(before, after)

    assert [(c.what, c.after, c.harmless) for c in changes] == [
        ("name", "b", True),
        ("ppo.gamma", 0.5, False),
    ]
    assert config_changes(before, before) == []


@pytest.mark.parametrize(
    ("key", "harmless"),
    [
        ("ppo.total_traces", True),
        ("ppo.learning_rate", False),
        ("checkpoints.keep_last", True),
        ("resources.workers", True),
        ("resources.torch_threads", False),
        ("seed", False),
        ("scoring.taste.fidelity", False),
        ("validation.images", False),
        ("validation.split", True),
        ("dataset", False),
    ],
)
def test_only_what_changes_nothing_is_harmless(key: str, harmless: bool) -> None:  # noqa: FBT001 - a case
    assert is_harmless(key) is harmless


def test_versions_are_compared() -> None:
    changes = version_changes({"torch": "2.1", "numpy": "2"}, {"torch": "2.2", "numpy": "2"})

    assert [(c.what, c.before, c.after) for c in changes] == [("version of torch", "2.1", "2.2")]


def test_weights_are_sorted_by_how_far_they_moved() -> None:
    one: dict[str, dict[str, Any]] = {
        "policy": {"a": np.ones(4), "b": np.ones(4), "c": np.ones(4), "d": np.ones(2)},
        "gone": {"x": np.ones(1)},
    }
    other: dict[str, dict[str, Any]] = {
        "policy": {"a": np.ones(4), "b": np.ones(4) * 1.5, "c": np.ones(4) * 3, "d": np.ones(3)}
    }

    moved = weight_changes(one, other)

    assert [item.name for item in moved] == ["gone/x", "policy/d", "policy/c", "policy/b"]
    assert moved[2].relative == pytest.approx(2.0)
    assert moved[3].largest == pytest.approx(0.5)
    assert moved[0].note == "only in the first"
