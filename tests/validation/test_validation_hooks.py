from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vtrain.validation.hooks import run_on_fail


def test_the_command_gets_the_object_on_its_standard_input(tmp_path: Path) -> None:
    document = {"exit_code": 3, "error": {"message": "a 'quote' \u00e9"}, "value": float("nan")}

    said = run_on_fail(f"cat > '{tmp_path}/hook.json'", document)

    assert said == ""
    found = json.loads((tmp_path / "hook.json").read_text(encoding="utf-8"))
    assert found == {**document, "value": None}


def test_a_command_that_does_not_read_is_fine() -> None:
    assert run_on_fail("true", {"text": "x" * 1_000_000}) == ""


def test_what_it_prints_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    run_on_fail("echo words", {})

    out, err = capfd.readouterr()
    assert (out, err) == ("", "words\n")


def test_a_command_that_fails_is_told() -> None:
    assert run_on_fail("exit 9", {}) == "--on-fail ended with 9: exit 9"
    assert "127" in run_on_fail("no-such-command-here", {})


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    said = run_on_fail(f"sleep 1000 & echo $! > '{pid}'; wait", {}, time_limit=0.5)

    assert "took longer than 0.5 s" in said
    child = int(pid.read_text(encoding="utf-8"))
    with suppress(ProcessLookupError):
        while Path(f"/proc/{child}/stat").read_text(encoding="ascii").split()[2] != "Z":
            os.kill(child, 0)
            time.sleep(0.01)
