from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def ring() -> NDArray[np.uint8]:
    """A red ring on a clear page, 64 px, its edges smoothed in four times the size."""
    large = np.zeros((256, 256, 4), np.uint8)
    cv2.circle(large, (128, 128), 112, (220, 30, 30, 255), -1)
    cv2.circle(large, (128, 128), 40, (0, 0, 0, 0), -1)
    alpha = cv2.resize(large[..., 3], (64, 64), interpolation=cv2.INTER_AREA)
    small = np.zeros((64, 64, 4), np.uint8)
    small[..., :3] = (220, 30, 30)
    small[..., 3] = alpha
    return small


@pytest.fixture
def two_colours() -> NDArray[np.uint8]:
    """A blue square on opaque white with smoothed edges, 64 px."""
    large = np.full((256, 256, 3), 255, np.uint8)
    cv2.rectangle(large, (66, 66), (189, 189), (20, 40, 200), -1)
    small = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
    rgba = np.full((64, 64, 4), 255, np.uint8)
    rgba[..., :3] = small
    return rgba
