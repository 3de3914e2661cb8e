"""TensorBoard, when it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from stable_baselines3.common.logger import KVWriter, TensorBoardOutputFormat


def tensorboard_writers(folder: Path) -> list[KVWriter]:
    """An output for stable-baselines3's logger; none without the extra ``tensorboard``.

    Args:
        folder: Where event files go.
    """
    if importlib.util.find_spec("tensorboard") is None:
        return []
    return [TensorBoardOutputFormat(str(folder))]
