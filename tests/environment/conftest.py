from __future__ import annotations

from collections.abc import Iterator

import cv2
import pytest

from vtrain.environment.env import TraceEnv
from vtrain.environment.registration import make_trace_env


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


@pytest.fixture(scope="session")
def shared_env() -> TraceEnv:
    """One environment over eight small logos in memory; its engine remembers measurements."""
    return make_trace_env()
