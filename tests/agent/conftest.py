"""An agent, and images for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from tests.agent.policies import arrays
from vtrain.agent import PolicyNetwork, TraceAgent
from vtrain.images import encode_png

Draw = Callable[[str], Path]


@pytest.fixture
def agent() -> TraceAgent:
    return TraceAgent(PolicyNetwork.from_arrays(arrays(), name="it"))


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.safetensors"
    safetensors.numpy.save_file(arrays(), path)
    return path


@pytest.fixture
def badge() -> NDArray[np.uint8]:
    """A soft blue disc with a yellow one in it, on a clear page, 96 px."""
    large = np.zeros((384, 384, 4), np.uint8)
    cv2.circle(large, (192, 192), 150, (20, 60, 200, 255), -1, cv2.LINE_AA)
    cv2.circle(large, (192, 192), 60, (250, 210, 40, 255), -1, cv2.LINE_AA)
    return np.asarray(cv2.resize(large, (96, 96), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture
def discs() -> NDArray[np.uint8]:
    """Discs of six colours over each other on a clear page, 64 px.

    As it is, VTracer fills its page under one in four cutout settings.
    """
    random = np.random.default_rng(9)
    large = np.zeros((256, 256, 4), np.uint8)
    for _ in range(6):
        x, y = (int(value) for value in random.integers(64, 192, 2))
        radius = int(random.integers(16, 64))
        colour = (*(int(value) for value in random.integers(0, 256, 3)), 255)
        cv2.circle(large, (x, y), radius, colour, -1)
    return np.asarray(cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture
def save(tmp_path: Path, badge: NDArray[np.uint8]) -> Draw:
    """Writes the badge to a file of that name."""

    def write(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(badge))
        return path

    return write
