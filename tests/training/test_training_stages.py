"""What training keeps of its stages, how it begins them, and how it goes on from within them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import tiny
from tests.training.test_training_train import assert_same_state, newest, records
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.dump import dump_yaml
from vtrain.config.schema import Config
from vtrain.errors import ThresholdNotMet
from vtrain.pipeline import run_all
from vtrain.rundir import RunDirectory, read_json, read_jsonl, write_text
from vtrain.training.curriculum import StageResult
from vtrain.training.events import TrainingEvent
from vtrain.training.lineage import Origin
from vtrain.training.replay import replay
from vtrain.training.stage_plot import draw
from vtrain.training.stages import StageResults
from vtrain.training.train import train

NewRun = Callable[[str], RunDirectory]
# No episode gains fifty: the first stage uses its budget up, and is tried again once.
FIRST = (
    "{name: first, categories: [simple], target: 50, success_share: 1, min_updates: 1, "
    "max_updates: 2, retries: 1, begin: best%s}"
)
LAST = "{name: the last, categories: [text], complexity: [0, 0.5], begin: best, review: 0.4}"
STAGES = f"curriculum.stages=[{FIRST % ''}, {LAST}]"
STOPPING = f"curriculum.stages=[{FIRST % ', on_failure: stop'}, {LAST}]"


def staged(*more: str, traces: int = 96) -> Config:
    """Attempts of two updates at the first stage, twice, and then the last one."""
    return tiny(STAGES, "early_stopping.max_drop=0", f"ppo.total_traces={traces}", *more)


def results(run: RunDirectory) -> dict[str, dict[str, Any]]:
    return {path.name: read_json(path) for path in sorted(run.curriculum.glob("*.json"))}


def happened(run: RunDirectory, kind: str) -> list[dict[str, Any]]:
    return [event for event in read_jsonl(run.events) if event["kind"] == kind]


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A training through all attempts; nobody changes it."""
    root = tmp_path_factory.mktemp("undisturbed") / "run"
    shutil.copytree(prepared, root)
    run = RunDirectory.open(root)
    train(staged(), run)
    return run


def stop_at(update: int) -> Callable[[TrainingEvent], None]:
    def stop(event: TrainingEvent) -> None:
        if event.kind == "update" and event.data["update"] == update:
            raise KeyboardInterrupt

    return stop


def test_each_attempt_leaves_its_result_a_check_and_a_checkpoint(new_run: NewRun) -> None:
    run = new_run("run")
    told: list[TrainingEvent] = []

    train(staged("checkpoints.every_updates=100"), run, on_event=told.append)

    found = results(run)
    assert list(found) == [
        "stage-00002-first.json",
        "stage-00004-first.json",
        "stage-00006-the-last.json",
    ]
    kept = list(found.values())
    assert [(item["attempt"], item["reason"], item["then"]) for item in kept] == [
        (1, "max-updates", "retry"),
        (2, "max-updates", "next"),
        (1, "end", "end"),
    ]
    rows = {row["update"]: row for row in records(run)}
    assert [(row["stage"], row["attempt"]) for row in rows.values()] == [
        *(("first", 1), ("first", 1), ("first", 2), ("first", 2)),
        *(("the last", 1), ("the last", 1)),
    ]
    for item in kept:
        row = rows[item["update"]]
        assert item["check"]["utility"] == row["validation_utility"]
        assert item["check"]["by_category"] == row["validation_by_category"]
        assert item["success_share"] == row["success_share"]
        low, high = item["check"]["interval"]
        assert low <= item["check"]["utility"] <= high
    saved = [item.update for item in CheckpointStore(run.checkpoints).checkpoints()]
    assert saved == [0, 2, 4, 6]
    assert [event.data["then"] for event in told if event.kind == "stage"] == [
        "retry",
        "next",
        "end",
    ]


def test_a_check_tells_the_categories_apart(new_run: NewRun) -> None:
    run = new_run("run")
    train(tiny("validation.images=4", "ppo.total_traces=32"), run)

    row = records(run)[1]
    shares = row["validation_by_category"]
    assert len(shares) > 1
    assert np.mean(list(shares.values())) == pytest.approx(row["validation_utility"])


@pytest.mark.parametrize(
    "update", [pytest.param(update, marks=pytest.mark.slow) for update in (2, 3, 4, 5)]
)
def test_a_run_resumed_within_its_stages_equals_an_undisturbed_one(
    new_run: NewRun, undisturbed: RunDirectory, update: int
) -> None:
    """Broken off before a retry begins with the best policy, after it, and in the last stage."""
    parts = new_run("parts")
    with pytest.raises(KeyboardInterrupt):
        train(staged(), parts, on_event=stop_at(update))
    train(staged(), parts, resume=True)

    assert records(parts) == records(undisturbed)
    assert results(parts) == results(undisturbed)
    assert_same_state(newest(parts), newest(undisturbed))


def test_a_stage_begins_with_the_policy_of_the_best_check(
    new_run: NewRun, undisturbed: RunDirectory
) -> None:
    carried, kept = undisturbed, new_run("kept")

    train(tiny(*(STAGES.replace("best", "last"), "ppo.total_traces=96")), kept)

    stages = [(event["stage"], event["attempt"]) for event in happened(carried, "carry-over")]
    assert stages == [("first", 2), ("the last", 1)]
    assert happened(kept, "carry-over") == []
    # Alike up to the first end, and not from then on.
    one, other = records(carried), records(kept)
    assert one[:2] == other[:2]
    assert one[2]["loss"] != other[2]["loss"]


def test_the_optimiser_begins_anew_with_the_best_policy(undisturbed: RunDirectory) -> None:
    store = CheckpointStore(undisturbed.checkpoints)
    steps = {
        item.update: float(store.load(item).tensors["optimizer"]["0.step"])
        for item in store.checkpoints()
        if item.update
    }
    # Gradient steps of the attempt, not of the run.
    most = 4  # sixteen samples in batches of eight, twice
    assert steps[3] <= most
    assert steps[5] <= most
    assert steps[6] > steps[5]


@pytest.mark.slow
def test_without_the_best_checkpoint_the_last_policy_is_kept(new_run: NewRun) -> None:
    run = new_run("run")
    with pytest.raises(KeyboardInterrupt):
        train(staged(), run, on_event=stop_at(3))
    store = CheckpointStore(run.checkpoints)
    best = newest(run).documents["state"]["best"]["step"]
    latest = store.resolve("latest")
    assert best != latest.step  # else there would be nothing left to go on from
    shutil.rmtree(store.resolve(str(best)).path)
    told: list[TrainingEvent] = []

    result = train(staged(), run, resume=True, on_event=told.append)

    assert result.updates == 6
    assert len(happened(run, "carry-over-lost")) >= 1
    assert any(event.kind == "warning" and "best check is gone" in event.message for event in told)


def test_a_replay_begins_a_stage_as_training_does(undisturbed: RunDirectory) -> None:
    checkpoint = CheckpointStore(undisturbed.checkpoints).resolve("32")

    proof = replay(undisturbed, staged(), checkpoint)

    assert proof.exact


@pytest.mark.slow
def test_the_end_of_a_training_that_goes_on_is_forgotten(new_run: NewRun) -> None:
    run = new_run("run")

    train(staged(traces=80), run)
    assert list(results(run))[-1] == "stage-00005-the-last.json"
    train(staged(), run, resume=True)

    assert list(results(run))[2:] == ["stage-00006-the-last.json"]


def test_a_finished_run_that_is_resumed_adds_no_result(new_run: NewRun) -> None:
    run = new_run("run")
    train(staged(), run)
    before, count = results(run), len(happened(run, "stage"))

    train(staged(), run, resume=True)

    assert results(run) == before
    assert len(happened(run, "stage")) == count


def test_the_plot_is_redrawn_and_always_the_same(new_run: NewRun) -> None:
    run = new_run("run")
    seen: list[bytes] = []

    def look(event: TrainingEvent) -> None:
        if event.kind == "stage":
            seen.append((run.curriculum / "curriculum.png").read_bytes())

    train(staged(), run, on_event=look)
    svg = (run.curriculum / "curriculum.svg").read_bytes()
    StageResults(run).draw()

    assert len(set(seen)) == 3
    assert (run.curriculum / "curriculum.png").read_bytes() == seen[-1]
    assert (run.curriculum / "curriculum.svg").read_bytes() == svg
    assert svg.startswith(b"<?xml")


def test_the_plot_names_the_attempt_that_is_under_way() -> None:
    figures = {"stage": "hard", "success_share": 0.2, "validation_utility": 0.1}
    rows = [{**figures, "update": n, "attempt": 1 + (n > 2)} for n in range(1, 5)]
    first = {"stage": "hard", "attempt": 1, "update": 2, "then": "retry", "wanted_share": 0.6}

    figure = draw(rows, [first])

    told = [" ".join(text.get_text().split()) for text in figure.axes[0].texts]
    assert told == ["hard retried", "hard attempt 2 under way"]


def result_of(stage: str, then: str) -> StageResult:
    return StageResult(stage, 1, 2, 0.5, 0.5, 0.0, 0.1, "success", then)  # type: ignore[arg-type]


def test_results_newer_than_what_is_gone_on_from_are_dropped(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", name="r")
    kept = StageResults(run)
    kept.keep(2, result_of("a", "next"))
    kept.keep(5, result_of("b/../c", "next"))

    assert sorted(results(run)) == ["stage-00002-a.json", "stage-00005-b-..-c.json"]
    StageResults(run).begin(4)
    assert list(results(run)) == ["stage-00002-a.json"]
    StageResults(run).begin(0)
    assert results(run) == {}


def test_a_damaged_result_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = RunDirectory.create(tmp_path / "run", name="r")
    StageResults(run).keep(2, result_of("a", "next"))
    (run.curriculum / "stage-00003-b.json").write_text("{")

    assert [number for number, _ in StageResults(run).read()] == [2]
    assert "stage-00003-b.json is damaged" in caplog.text


@pytest.mark.slow
def test_a_stage_that_may_not_fail_ends_the_command_with_3(new_run: NewRun) -> None:
    run = new_run("run")
    config = tiny(STOPPING, "early_stopping.max_drop=0", "monitoring.enabled=false")
    write_text(run.config, dump_yaml(config))
    command = [sys.executable, "-m", "vtrain.cli.main", "train", "--run", str(run.root)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    again = subprocess.run(
        [*command, "--resume"], capture_output=True, text=True, check=False, timeout=120
    )

    assert (done.returncode, again.returncode) == (3, 3), done.stderr + again.stderr
    for words in (
        "Stage first of the curriculum has not succeeded within 2 updates in attempt 2",
        "gained at least 50 in utility",
        "100.0% were wanted",
        "--resume --accept-changes",
    ):
        assert words in " ".join(done.stderr.split())
    assert newest(run).documents["state"]["update"] == 4
    assert [event["stopped"] for event in happened(run, "end")] == ["stage-failed"] * 2
    assert [item["then"] for item in results(run).values()] == ["retry", "stop"]


def test_a_stage_that_may_not_fail_ends_the_whole_run(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", name="tiny")
    config = tiny(STOPPING, "early_stopping.max_drop=0", "monitoring.enabled=false")

    with pytest.raises(ThresholdNotMet, match="Stage first") as caught:
        run_all([], run, config)

    assert caught.value.exit_code == 3
    (report,) = run.root.glob("execution_results_*.json")
    statuses = {stage["name"]: stage["status"] for stage in read_json(report)["stages"]}
    assert statuses == {"data": "done", "train": "failed", "validate": "not reached"}


@pytest.mark.slow
def test_a_failed_stage_goes_on_once_it_is_given_more(new_run: NewRun) -> None:
    run = new_run("run")
    with pytest.raises(ThresholdNotMet):
        train(tiny(STOPPING, "early_stopping.max_drop=0", "ppo.total_traces=96"), run)

    result = train(staged(), run, resume=True, accept_changes=True)

    assert (result.stopped, result.updates) == ("done", 6)


def test_a_checkpoint_from_before_a_setting_existed_counts_as_its_default(new_run: NewRun) -> None:
    run = new_run("run")
    config = tiny("ppo.total_traces=16")
    train(config, run)
    checkpoint = CheckpointStore(run.checkpoints).resolve("latest")
    loaded = checkpoint.load()
    saved = loaded.documents["config"]
    for stage in saved["curriculum"]["stages"]:
        for key in ("complexity", "target", "retries", "on_failure", "begin", "review"):
            del stage[key]
    origin = Origin(checkpoint, replace(loaded), resumed=True, run=run.root)

    assert origin.changes(config, checkpoint.info["dataset"]) == []
    assert origin.changes(staged(traces=16), checkpoint.info["dataset"]) != []
