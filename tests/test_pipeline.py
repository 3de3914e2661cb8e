"""The stages in order: skipped when up to date, made again when not, reported in every case."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.data.records import Entry, Rejected
from vtrain.data.samples import write_samples
from vtrain.environment.features import FEATURES
from vtrain.errors import DataError, RunLocked
from vtrain.monitoring.advice import Advice
from vtrain.monitoring.report import RunReport
from vtrain.pipeline import PipelineEvent, run_all
from vtrain.pipeline.advice import Facts, suggestions
from vtrain.pipeline.fingerprints import Entry as LedgerEntry
from vtrain.pipeline.fingerprints import (
    Ledger,
    data_fingerprint,
    train_fingerprint,
    train_length,
)
from vtrain.pipeline.stages import PREVIOUS, Stages
from vtrain.pipeline.state import CheckpointState, RunState
from vtrain.rundir import RunDirectory, read_json, write_jsonl
from vtrain.tracing.parameters import TABLE_DIGEST
from vtrain.validation.measures import Beyond, Finding
from vtrain.validation.results import Record
from vtrain.validation.statistics import Interval
from vtrain.validation.summary import Comparison, Figures, Summary

REPOSITORY = Path(__file__).parents[1]


def changed(config: Config, section: str, **values: object) -> Config:
    data = config.model_dump()
    data[section] |= values
    return Config.model_validate(data)


def nothing(_done: int, _total: int) -> None:
    """Ignore progress."""


@pytest.fixture(scope="module")
def tiny() -> Config:
    """A whole run in as few traces as there can be."""
    data: dict[str, Any] = Config().model_dump()
    data["data"] |= {"sample_count": 16, "input_size": 48}
    data["ppo"] |= {"total_traces": 16, "n_envs": 8, "n_steps": 1, "batch_size": 8}
    data["ppo"]["warm_start"] |= {"settings": 6, "images": 4, "epochs": 2}
    data["curriculum"] |= {"enabled": False}
    data["validation"] |= {"images": 4, "resamples": 200}
    data["monitoring"] |= {"enabled": False}
    data["resources"] |= {"workers": 1}
    return Config.model_validate(data)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", name="test")


def test_data_is_prepared_once_and_again_when_a_file_changes(
    run: RunDirectory, tiny: Config, tmp_path: Path
) -> None:
    write_samples(tmp_path / "logos", 16, 0)
    stages = Stages(run, tiny)

    first = stages.data([str(tmp_path / "logos")], nothing)
    second = stages.data([str(tmp_path / "logos")], nothing)
    without_sources = stages.data([], nothing)
    next((tmp_path / "logos").rglob("*.svg")).unlink()
    after_change = stages.data([], nothing)

    assert [first.skipped, second.skipped, without_sources.skipped] == [False, True, True]
    assert not after_change.skipped
    assert after_change.figures["images"] == first.figures["images"] - 1


def test_data_is_prepared_again_when_its_settings_change_or_when_forced(
    run: RunDirectory, tiny: Config
) -> None:
    assert not Stages(run, tiny).data([], nothing).skipped
    assert Stages(run, tiny).data([], nothing).skipped
    assert Stages(run, changed(tiny, "ppo", gamma=0.5)).data([], nothing).skipped
    assert not Stages(run, changed(tiny, "data", split_seed=3)).data([], nothing).skipped
    assert not Stages(run, tiny, force=True).data([], nothing).skipped


def test_data_that_was_prepared_otherwise_is_used_as_it_is(run: RunDirectory, tiny: Config) -> None:
    Catalog.of([logo(1)]).save(run.catalog)

    done = Stages(run, tiny).data([], nothing)

    assert done.skipped
    assert "prepared before" in done.detail


def test_data_is_prepared_again_when_its_catalog_was_replaced(
    run: RunDirectory, tiny: Config
) -> None:
    Stages(run, tiny).data([], nothing)
    Catalog.of([logo(1)]).save(run.catalog)

    assert not Stages(run, tiny).data([], nothing).skipped


def test_a_source_means_the_same_by_any_path(
    tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_samples(tmp_path / "logos", 4, 0)
    monkeypatch.chdir(tmp_path)

    run = tmp_path / "run"

    by_name = data_fingerprint(["logos"], tiny, run)
    assert by_name == data_fingerprint([str(tmp_path / "logos")], tiny, run)


def test_training_depends_on_what_it_learns_and_not_on_who_works(tiny: Config) -> None:
    base = train_fingerprint("digest", tiny)

    assert train_fingerprint("other", tiny) != base
    assert train_fingerprint("digest", changed(tiny, "ppo", gamma=0.5)) != base
    assert train_fingerprint("digest", changed(tiny, "scoring", bytes_weight=2.0)) != base
    assert train_fingerprint("digest", changed(tiny, "resources", workers=7)) == base
    assert train_fingerprint("digest", changed(tiny, "monitoring", interval=9.0)) == base


def test_a_longer_training_is_the_same_training(tiny: Config) -> None:
    longer = changed(tiny, "ppo", total_traces=9999)
    more_patient = changed(tiny, "early_stopping", patience=9)

    for other in (longer, more_patient):
        assert train_fingerprint("digest", other) == train_fingerprint("digest", tiny)
        assert train_length(other) != train_length(tiny)


@pytest.mark.parametrize("damage", ["", "{", '{"schema": 1, "stages": []}'])
def test_a_damaged_ledger_means_that_nothing_is_known(run: RunDirectory, damage: str) -> None:
    ledger = Ledger.of(run)
    ledger.path.parent.mkdir()
    ledger.path.write_text(damage, encoding="utf-8")

    assert ledger.entry("data") is None
    ledger.put("data", LedgerEntry("f", finished=True, figures={"images": 1}))
    assert ledger.entry("data") == LedgerEntry("f", finished=True, figures={"images": 1})


def test_a_failed_stage_is_reported_and_its_error_raised(
    run: RunDirectory, tiny: Config, tmp_path: Path
) -> None:
    events: list[PipelineEvent] = []

    with pytest.raises(DataError):
        run_all([tmp_path / "missing"], run, tiny, on_event=events.append)

    (results,) = run.root.glob("execution_results_*.json")
    (report,) = run.root.glob("execution_report_*.txt")
    found = read_json(results)
    assert found["status"] == "failed"
    statuses = [(stage["name"], stage["status"]) for stage in found["stages"]]
    assert statuses == [("data", "failed"), ("train", "not reached"), ("validate", "not reached")]
    assert "missing" in found["suggestions"][0]["evidence"]
    assert "missing" in report.read_text(encoding="utf-8")
    assert report.with_suffix(".html").is_file()
    assert events[-1].message == str(report)


def test_a_locked_run_is_left_alone(run: RunDirectory, tiny: Config) -> None:
    with run.lock("train"), pytest.raises(RunLocked):
        run_all([], run, tiny)

    assert not run.config.exists()
    assert not list(run.root.glob("execution_*"))


def logo(number: int, category: str = "simple", split: str = "train") -> Entry:
    return Entry(
        id=f"{number:016x}",
        name=f"{category}/{number}.svg",
        category=category,  # type: ignore[arg-type]
        brand=f"brand-{number}",
        split=split,  # type: ignore[arg-type]
        width=48,
        height=48,
        transparent=True,
        reference_scale=2.0,
    )


def figures(
    category: str = "all", *, better: float = 0.9, n: int = 200, failed: int = 0
) -> Figures:
    return Figures(
        category=category,
        taste="fidelity",
        chooser="policy",
        n=n,
        traces=1,
        gain=Interval(3.0, 2.8, 3.2),
        gain_middle=3.0,
        gain_worst=-1.0,
        better=Interval(better, better - 0.04, min(1.0, better + 0.04)),
        bytes_ratio=1.2,
        segments_ratio=1.5,
        utility=9.0,
        failures=failed,
        ssim=0.9,
        ms_ssim=0.9,
        mse=50.0,
        psnr=30.0,
    )


def record(*parts: Figures, difference: Interval = Interval(0.3, 0.2, 0.4)) -> Record:  # noqa: B008  frozen
    verdict = "better" if difference.low > 0 else "worse"
    comparison = Comparison("all", "balanced", "best-fixed", 200, difference, 0.6, verdict)  # type: ignore[arg-type]
    return Record(
        created="2026-01-31T12:00:00+00:00",
        checkpoint="step-000000512",
        step=512,
        split="test",
        images=parts[0].n,
        traces=1,
        choosers=("policy", "best-fixed"),
        tastes={"fidelity": 0.05},
        confidence=0.95,
        resamples=200,
        notes=(),
        summary=Summary(parts, (comparison,)),
    )


def advice(
    *,
    catalog: Catalog | None = None,
    training: Mapping[str, Any] | None = None,
    judged: Record | None = None,
    state: RunState | None = None,
) -> str:
    facts = Facts("runs/x", Config(), catalog, training, judged, state=state)
    found = suggestions(facts)
    assert [item.weight for item in found] == sorted((item.weight for item in found), reverse=True)
    return "\n".join(f"{item.action} {item.evidence}" for item in found)


def state_of(*checkpoints: CheckpointState, **report: Any) -> RunState:
    nothing = RunReport("runs/x", None, None, None, None, ())
    return RunState(checkpoints, replace(nothing, **report))


def checkpoint(step: int, *problems: str) -> CheckpointState:
    return CheckpointState(f"step-{step:09d}", step, 0.5, 2**20, (), problems)


def found(kind: str) -> Record:
    finding = Finding(kind, "It is so.", "Do this.")  # type: ignore[arg-type]
    return replace(record(figures()), beyond=Beyond(findings=(finding,)))


ALERT = {
    "name": "memory",
    "level": "critical",
    "message": "memory: 97 % in use",
    "hint": "Use less.",
}


def test_a_good_policy_is_only_to_be_used() -> None:
    found = suggestions(Facts("runs/x", Config(), record=record(figures())))

    assert ["Use the policy" in item.action for item in found] == [True]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"judged": record(figures(failed=3))}, "3 of the policy's judged traces failed"),
        ({"judged": record(figures(), difference=Interval(-0.3, -0.4, -0.2))}, "(worse)"),
        ({"judged": record(figures(n=12))}, "Only 12 logos"),
        (
            {"judged": record(figures(), figures("text", better=0.5), figures("simple"))},
            "Add text logos",
        ),
        (
            {"training": {"stopped": "time-limit", "traces": 100}},
            f"after 100 of {Config().ppo.total_traces:,} traces",
        ),
        (
            {"training": {"stopped": "diverged", "traces": 100}},
            "early_stopping.max_drop (4) or more below the best one",
        ),
        (
            {"training": {"stopped": "done", "traces": 512, "best_step": 512}},
            "was the best one",
        ),
        ({"catalog": Catalog.of([logo(1)])}, "no text and no gradient and no complex logo"),
        (
            {"catalog": Catalog.of([logo(1)], [Rejected("a.png", "truncated", "It ends.")])},
            "1 truncated",
        ),
        ({"judged": found("regression")}, "Do this. It is so."),
        (
            {"state": state_of(checkpoint(1), checkpoint(2, "policy.safetensors is missing"))},
            "1 of 2 checkpoints cannot be used: step-000000002: policy.safetensors is missing",
        ),
        ({"state": state_of(checkpoint(1, "set aside"))}, "1 of 1 were found damaged and renamed"),
        (
            {"state": state_of(alerts=(ALERT,))},
            "Use less. This alert was open when training ended: memory: 97 % in use.",
        ),
        (
            {
                "state": state_of(
                    advice=(Advice("cores are idle", "--set resources.workers=2", 1.8),)
                )
            },
            "1.8x as fast next time: add --set resources.workers=2 Cores are idle.",
        ),
    ],
)
def test_each_suggestion_names_its_evidence(facts: dict[str, Any], said: str) -> None:
    assert said in advice(**facts)


def test_suggestions_of_all_areas_are_ranked_together() -> None:
    facts = Facts(
        "runs/x",
        Config(),
        catalog=Catalog.of([logo(1)]),
        training={"stopped": "diverged", "traces": 100},
        record=found("drift"),
        state=state_of(
            checkpoint(1, "policy.safetensors is missing"),
            alerts=(ALERT,),
            advice=(Advice("cores are idle", "--set resources.workers=2", 1.8),),
        ),
    )

    assert [item.area for item in suggestions(facts)] == [
        *("checkpoints", "training", "resources", "validation"),
        *("data", "resources", "validation"),
    ]


def test_the_report_holds_what_the_files_of_the_run_say(run: RunDirectory, tiny: Config) -> None:
    """A stage fails, and there are traces of a training before: all is told, as text."""
    harm = "<img src=x onerror=alert(1)>"
    updates = [{"update": n, "traces": 16 * n, "gain_mean": 0.1} for n in range(1, 4)]
    write_jsonl(run.metrics, updates)
    write_jsonl(run.events, [{"kind": "alert", **ALERT, "message": harm}])
    CheckpointStore(run.checkpoints).save(
        16, tensors={"policy": {"w": np.zeros(3, np.float32)}}, documents={}, info={"update": 1}
    )
    (run.checkpoints / "step-000000016" / "policy.safetensors").write_bytes(b"damaged")

    with pytest.raises(DataError):
        run_all([run.root / "missing"], run, tiny)

    (page,), (text,), (results,) = (
        list(run.root.glob(f"execution_{name}")) for name in ("*.html", "*.txt", "results_*.json")
    )
    html = page.read_text(encoding="utf-8")
    assert html.count("<img ") == 1  # the curves
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    for told in (html, text.read_text(encoding="utf-8")):
        assert "1 of 1 checkpoints cannot be used" in told
        assert "Alerts that were open when training ended" in told
    document = read_json(results, schema=1)
    assert document["checkpoints"][0]["problems"]
    assert [item["area"] for item in document["suggestions"]][:2] == ["data", "checkpoints"]


def vtrain(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vtrain.cli.main", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing"], 4, "missing"),
        (["empty"], 4, "empty"),
        (["notes"], 4, "notes"),
        (["-c", "nonsense"], 2, "nonsense"),
        (["--set", "ppo.n_env=3"], 2, "n_envs"),
    ],
)
def test_a_users_mistake_is_told_in_words(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("buy milk", encoding="utf-8")

    done = vtrain(tmp_path, "run", *arguments)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("info", "goes_on"),
    [
        ({"features": len(FEATURES), "table": TABLE_DIGEST}, True),
        ({"features": 7, "table": TABLE_DIGEST}, False),
        ({"features": len(FEATURES), "table": "another"}, False),
        ({}, False),
    ],
)
def test_a_training_of_other_features_or_settings_is_not_gone_on_with(
    tiny: Config, info: dict[str, object], *, goes_on: bool
) -> None:
    latest = SimpleNamespace(step=8, info={**info, "dataset": "same"})
    catalog = SimpleNamespace(digest="same")
    stages = SimpleNamespace(config=tiny)

    found = Stages._resumes(
        cast("Any", stages), None, cast("Any", latest), cast("Any", catalog), same=True
    )

    assert found is goes_on


@pytest.mark.slow
def test_a_run_does_every_stage_then_none_then_those_that_changed(
    run: RunDirectory, tiny: Config
) -> None:
    first = run_all([], run, tiny)
    second = run_all([], run, tiny)
    longer = run_all([], run, changed(tiny, "ppo", total_traces=32))
    judged = run_all(
        [], run, changed(changed(tiny, "ppo", total_traces=32), "validation", traces=2)
    )
    other = run_all([], run, changed(tiny, "ppo", gamma=0.9))

    def statuses(execution: Any) -> list[str]:
        return [outcome.status for outcome in execution.outcomes]

    assert statuses(first) == ["done", "done", "done"]
    assert first.record is not None
    assert first.record.choosers == ("policy", "default", "best-fixed")
    assert statuses(second) == ["skipped", "skipped", "skipped"]
    assert second.record == first.record
    assert second.results != first.results
    assert statuses(longer)[:2] == ["skipped", "done"]
    assert "resumed" in longer.outcomes[1].detail
    assert longer.outcomes[1].figures["traces"] == 32
    assert statuses(judged) == ["skipped", "skipped", "done"]
    assert statuses(other)[:2] == ["skipped", "done"]
    assert "resumed" not in other.outcomes[1].detail
    assert other.outcomes[1].figures["traces"] == 16
    assert (run.root / PREVIOUS).is_dir()


@pytest.mark.slow
def test_the_command_names_the_report_and_prints_json_alone(tmp_path: Path) -> None:
    done = vtrain(tmp_path, "run", "-c", "smoke", "--json", "--set", "ppo.total_traces=128")

    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert found["status"] == "done"
    assert (tmp_path / found["report"]).is_file()
    assert (tmp_path / found["page"]).is_file()
    assert found["report"] in done.stderr
    assert Path(found["run"]).parent.name == "runs"


@pytest.mark.slow
def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    arguments = ("run", "-c", "smoke", "--run", "r", "--set", "ppo.total_traces=1000000")
    process = subprocess.Popen(
        [sys.executable, "-m", "vtrain.cli.main", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "Learning" in line:
            process.send_signal(signal.SIGTERM)
            break
    process.communicate(timeout=120)
    (results,) = (tmp_path / "r").glob("execution_results_*.json")
    again = vtrain(tmp_path, *arguments[:-1], "ppo.total_traces=512")

    assert process.returncode == 143
    assert read_json(results)["stages"][1]["status"] == "failed"
    assert again.returncode == 0, again.stderr
    assert "resumed" in again.stderr


def test_a_source_that_failed_is_not_forgotten(tmp_path: Path, tiny: Config) -> None:
    run = RunDirectory.create(tmp_path / "r", name="r")
    gone = tmp_path / "gone"

    for sources in ([str(gone)], []):
        with pytest.raises(DataError, match="gone"):
            run_all(sources, run, tiny)

    assert not run.catalog.exists()
