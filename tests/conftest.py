"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from vtrain.resources import ControlGroups

REPOSITORY = Path(__file__).parents[1]

# How fast a machine is says nothing of what is tested.
settings.register_profile("vtrain", deadline=None)
settings.load_profile("vtrain")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data kept beside the checkout."""
    folder = Path(os.environ.get("VTRAIN_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the development data (../shared/data) is not beside this checkout")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive() -> None:
    """Let Ctrl-C reach the commands under test.

    A shell starts background jobs with SIGINT ignored, and children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def limited_group() -> Iterator[Path]:
    """A new memory group of this machine, with a limit of 256 MiB."""
    groups = ControlGroups.of()
    if not groups.memory:
        pytest.skip("this machine has no memory controller")
    name = "memory.max" if groups.memory_version == 2 else "memory.limit_in_bytes"
    folder = groups.memory[-1] / f"vtrain-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        try:
            (folder / name).write_text(str(2**28), encoding="ascii")
        except OSError as error:
            pytest.skip(f"no limit can be set here: {error}")
        yield folder
    finally:
        folder.rmdir()
