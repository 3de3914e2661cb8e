"""Compiled functions find a place for their machine code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vtrain import compiled


@pytest.mark.parametrize("writable", [True, False])
def test_the_machine_code_goes_where_it_can_be_written(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    writable: bool,  # noqa: FBT001 - a case
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(os, "access", lambda *_: writable)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    compiled.options()

    # Set by hand above, so that monkeypatch takes back what the function sets.
    chosen = os.environ.pop("NUMBA_CACHE_DIR", None)
    assert chosen == (None if writable else str(tmp_path / f"vtrain-{os.getuid()}"))
