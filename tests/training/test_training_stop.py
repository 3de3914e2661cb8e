import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import tiny
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import dump_yaml
from vtrain.rundir import RunDirectory, read_jsonl, write_text
from vtrain.training.check import Check, check_policy
from vtrain.training.result import result_json
from vtrain.training.stop import Interrupted, StopRequest, stop_requests
from vtrain.training.train import _stopped, train


def test_a_signal_is_noticed_and_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_requests(0, signals=True, cancelled=lambda: False) as request:
        wanted = [request.wanted]
        signal.raise_signal(signal.SIGTERM)
        wanted.append(request.wanted)

        assert wanted == [False, True]
        with pytest.raises(Interrupted):
            request.interrupt(by_time=False)

    assert signal.getsignal(signal.SIGTERM) == before


def test_a_time_limit_breaks_off_only_where_asked() -> None:
    request = StopRequest(1e-9)

    request.interrupt(by_time=False)
    with pytest.raises(Interrupted):
        request.interrupt(by_time=True)


def test_a_stop_before_there_is_a_policy_promises_none(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "r", name="r")
    request = StopRequest(0)
    request.notice(signal.SIGTERM, None)

    error = _stopped(request, run)

    assert error.exit_code == 143
    assert "before there was a policy" in error.message
    assert "--resume" not in str(error)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        (signal.SIGINT, 130),
    ],
)
def test_a_stopped_training_prints_its_result_and_what_goes_on(
    new_run: Callable[[str], RunDirectory], number: signal.Signals, code: int
) -> None:
    run = new_run("my run")
    write_text(run.config, dump_yaml(tiny("ppo.total_traces=1000000", "monitoring.enabled=false")))
    command = [sys.executable, "-m", "vtrain", "train", "--run", str(run.root), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as training:
        while training.poll() is None and not (run.metrics.exists() and read_jsonl(run.metrics)):
            time.sleep(0.05)
        training.send_signal(number)
        told, _ = training.communicate(timeout=120)

    assert training.returncode == code
    result = json.loads(told)
    newest = CheckpointStore(run.checkpoints).resolve("latest")
    assert (result["stopped"], result["run"]) == (number.name, str(run.root))
    assert result["step"] == result["traces"] == newest.step > 0
    program, *words = shlex.split(result["next"])
    assert (program, words) == ("vtrain", ["train", "--run", str(run.root), "--resume"])

    again = subprocess.run(
        [sys.executable, "-m", "vtrain", *words, "--time-limit", "1s", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    ended = json.loads(again.stdout)
    assert (ended["stopped"], ended["next"]) == ("time-limit", result["next"])
    assert ended["updates"] >= result["updates"]


def test_what_comes_next_depends_on_the_end(new_run: Callable[[str], RunDirectory]) -> None:
    run = new_run("run")
    before = result_json(run, {"stopped": "SIGTERM"}, fork="old@64")

    done = result_json(run, asdict(train(tiny(), run)))

    assert (before["step"], before["next"]) == (
        None,
        f"vtrain train --run {run.root} --fork old@64",
    )
    assert (done["step"], done["next"]) == (64, f"vtrain validate --run {run.root}")
    assert done["stopped"] == "done"
    failed = result_json(run, {"stopped": "stage-failed"})
    assert failed["next"] == f"vtrain train --run {run.root} --resume --accept-changes"


def test_less_time_than_the_next_step_takes_is_none() -> None:
    stop = StopRequest(3600.0)

    assert not stop.ends_within(0.0)
    assert not stop.ends_within(60.0)
    assert not stop.wanted
    assert stop.ends_within(7200.0)
    assert stop.out_of_time
    assert not StopRequest(0.0).ends_within(1e9)


def test_an_update_that_is_broken_off_in_its_check_is_not_counted(
    new_run: Callable[[str], RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run("run")
    checks = 0

    def check(*arguments: Any) -> Check:
        nonlocal checks
        checks += 1
        return check_policy(*arguments)

    monkeypatch.setattr("vtrain.training.session.check_policy", check)

    # The first check comes before anything is learned, the second after update 2.
    result = train(tiny(), run, cancelled=lambda: checks == 2)

    newest = CheckpointStore(run.checkpoints).resolve("latest")
    assert (result.stopped, result.updates, result.traces) == ("cancelled", 1, 16)
    assert (newest.update, newest.step) == (1, 16)
    assert [row["update"] for row in read_jsonl(run.metrics)] == [1]
