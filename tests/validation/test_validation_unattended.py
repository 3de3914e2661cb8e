"""Validations that nobody watches, as cron and CI run them: real processes on a real run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.validation.unattended import (
    COMMAND,
    environment,
    judged,
    make_run,
    save_policy,
    tiny,
    validate_command,
)
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.load import load_config
from vtrain.errors import TimeLimitReached, UsageError
from vtrain.rundir import RunDirectory, read_jsonl
from vtrain.validation.fingerprint import fingerprint_of, judged_before
from vtrain.validation.interruption import interruptible
from vtrain.validation.job import Job, run_job
from vtrain.validation.protocol import find_protocol
from vtrain.validation.rebuild import rebuild
from vtrain.validation.results import ROWS
from vtrain.validation.validate import TABLE, entries_of, validate

READ_HOOK = "cat > hook.json"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run whose policy always draws with the recipe, judged once."""
    run = make_run(tmp_path_factory.mktemp("unattended") / "run")
    save_policy(run, 512, "recipe")
    done = validate_command(run, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return run


@pytest.fixture
def run(first: RunDirectory, tmp_path: Path) -> RunDirectory:
    shutil.copytree(first.root, tmp_path / "run")
    return RunDirectory(tmp_path / "run")


def cases(path: Path) -> dict[str, str]:
    """Outcome of each test case of a JUnit file."""
    root = ET.parse(path).getroot()  # noqa: S314 - our own file
    return {
        case.attrib["name"]: next((part.tag for part in case if part.tag != "system-out"), "passed")
        for case in root.iter("testcase")
    }


def test_a_worse_policy_is_a_regression_told_to_people_junit_and_the_hook(
    run: RunDirectory, tmp_path: Path
) -> None:
    (base,) = judged(run)
    save_policy(run, 1024, "photo")

    with run.lock("train"):  # a training in the run does not matter
        done = validate_command(
            run, "--fail-on-regression", "--fail-under", "failures=0", "--junit", "junit.xml",
            "--on-fail", READ_HOOK, "--quiet", "--json", cwd=tmp_path,
        )  # fmt: skip

    assert done.returncode == 3
    assert f"At fidelity the policy is worse than step-000000512 ({base}): mean" in done.stderr
    found = json.loads(done.stdout)
    told = json.loads((tmp_path / "hook.json").read_text(encoding="utf-8"))
    assert found["regression"]["worse"] is True
    assert Path(found["regression"]["base"]).name == base
    assert {"exit_code", "error"} == told.keys() - found.keys()
    assert {key: told[key] for key in found} == found
    assert told["exit_code"] == 3
    assert told["error"]["kind"] == "ThresholdNotMet"
    assert cases(tmp_path / "junit.xml") == {
        "validation": "passed",
        "failures=0": "passed",
        "regression at fidelity": "failure",
        "regression at balanced": "failure",
        "regression at compact": "failure",
    }


def test_what_was_judged_before_is_not_judged_again(run: RunDirectory, tmp_path: Path) -> None:
    (before,) = judged(run)

    same = validate_command(run, "--if-new-checkpoint", "--junit", tmp_path / "junit.xml")
    quiet = validate_command(run, "--if-new-checkpoint", "--quiet")
    as_json = validate_command(run, "--if-new-checkpoint", "--json")

    assert (same.returncode, quiet.returncode, as_json.returncode) == (0, 0, 0)
    assert len(same.stderr.splitlines()) == 1
    assert before in same.stderr
    assert (quiet.stdout, quiet.stderr) == ("", "")
    assert json.loads(as_json.stdout)["skipped"] is True
    assert judged(run) == [before]
    assert cases(tmp_path / "junit.xml") == {"validation": "skipped"}


def known(
    run: RunDirectory,
    *overrides: str,
    traces: int | None = None,
    split: str | None = None,
    against: str = "",
    protocol: str | None = None,
) -> Path | None:
    """The judgement that a validation with these would repeat."""
    config = load_config([str(run.config)], overrides).config
    found = find_protocol(protocol, config, split=split, traces=traces)
    fingerprint = fingerprint_of(
        run,
        config,
        CheckpointStore(run.checkpoints).resolve("best"),
        entries_of(run, found),
        found,
        table=run.data_cache / TABLE,
        against=[against] if against else None,
    )
    return judged_before(run, fingerprint)


def test_what_decides_the_figures_makes_a_judgement_new(run: RunDirectory) -> None:
    (before,) = judged(run)

    found = known(run)

    assert found is not None
    assert found.name == before
    assert known(run, "resources.workers=2", "validation.every_updates=7") == found
    assert known(run, traces=2) is None
    assert known(run, split="validation") is None
    assert known(run, against="poster") is None
    assert known(run, "validation.success.text=1") is None
    assert known(run, "scoring.bytes_weight=0.7") is None
    assert known(run, "scoring.taste.compact=4") is None
    assert known(run, "validation.confidence=0.9") is None
    save_policy(run, 1024, "recipe")
    assert known(run) is None


@pytest.mark.slow
def test_another_protocol_is_new_by_name_and_by_content(run: RunDirectory) -> None:
    own = "validation.protocols=[{name: mine, sampling: random, per_category: 1}]"
    for protocol, overrides in (("quick", ()), ("degraded", ()), ("mine", (own,))):
        assert known(run, *overrides, protocol=protocol) is None
        config = load_config([str(run.config)], overrides).config
        made = validate(run, config, protocol=protocol).folder
        assert known(run, *overrides, protocol=protocol) == made
    assert known(run, own, protocol="quick") is not None
    assert known(run, own.replace("1", "1, seed: 1"), protocol="mine") is None
    assert known(run, own.replace("mine", "ours"), protocol="ours") is None
    assert known(run, "data.degrade.jpeg_chance=0.1", protocol="degraded") is None
    assert known(run, "data.degrade.jpeg_chance=0.1", protocol="quick") is not None
    assert known(run, "validation.protocol=quick") == known(run, protocol="quick")


@pytest.mark.slow
def test_the_incumbent_is_a_part_of_what_is_judged(run: RunDirectory) -> None:
    config = tiny(48)
    save_policy(run, 1024, "photo")
    first = validate(run, config, checkpoint="512", against=["incumbent"])
    again = Job(checkpoint="512", against=["incumbent"], only_new=True)

    assert run_job(run, config, again).folder == first.folder
    save_policy(run, 2048, "poster")
    finding = run_job(run, config, again)

    assert not finding.skipped
    assert finding.record.checkpoint == "step-000000512"


@pytest.mark.slow
def test_the_least_evaluated_images_are_taken_in_turn_but_no_news(run: RunDirectory) -> None:
    protocol = "{name: turns, sampling: least-evaluated, per_category: 1}"
    config = load_config([str(run.config)], [f"validation.protocols=[{protocol}]"]).config

    first, second = (run_job(run, config, Job(protocol="turns")) for _ in range(2))
    third = run_job(run, config, Job(protocol="turns", only_new=True))

    images = [{row["image"] for row in read_jsonl(it.folder / ROWS)} for it in (first, second)]
    assert images[0] != images[1]
    assert (third.skipped, third.folder) == (True, second.folder)


@pytest.mark.slow
def test_clean_and_degraded_inputs_are_not_compared(run: RunDirectory) -> None:
    (clean,) = judged(run)

    previous = run_job(run, tiny(48), Job(protocol="degraded", regression="previous"))
    with pytest.raises(UsageError, match="images as they are, here they are damaged"):
        run_job(run, tiny(48), Job(protocol="degraded", regression=clean))
    again = run_job(run, tiny(48), Job(protocol="degraded", regression="previous"))

    assert previous.regression is not None
    assert previous.regression.base is None
    assert again.regression is not None
    assert again.regression.base == previous.folder


def test_with_nothing_to_compare_with_the_check_passes_and_says_so(run: RunDirectory) -> None:
    done = validate_command(run, "--fail-on-regression", "--traces", "2")

    assert done.returncode == 0
    assert "no earlier validation of the same images, traces and tastes" in done.stderr


@pytest.mark.parametrize(
    ("base", "code", "said"),
    [("nonsense", 2, "no validation of the same images"), ("previous", 0, "not distinguishable")],
)
def test_a_base_by_name(run: RunDirectory, base: str, code: int, said: str) -> None:
    done = validate_command(run, "--fail-on-regression", base)

    assert done.returncode == code
    assert said in done.stderr


def test_a_base_that_judged_otherwise_is_refused_with_the_reason(run: RunDirectory) -> None:
    (base,) = judged(run)

    done = validate_command(run, "--fail-on-regression", base, "--traces", "3")

    assert done.returncode == 2
    assert "it allowed 1 traces per image, here 3" in done.stderr
    assert judged(run) == [base]


def test_a_second_validation_ends_at_once_with_5_and_says_who_goes_on(
    run: RunDirectory, tmp_path: Path
) -> None:
    with run.lock_validation("validate"):
        done = validate_command(
            run, "--quiet", "--junit", "junit.xml", "--on-fail", READ_HOOK, cwd=tmp_path
        )

    assert done.returncode == 5
    assert f"process {os.getpid()} on " in done.stderr
    assert "--wait" in done.stderr
    assert cases(tmp_path / "junit.xml") == {"validation": "error"}
    told = json.loads((tmp_path / "hook.json").read_text(encoding="utf-8"))
    assert (told["exit_code"], told["error"]["kind"]) == (5, "RunLocked")


def test_a_timeout_ends_with_1_and_leaves_nothing(run: RunDirectory, tmp_path: Path) -> None:
    before = judged(run)

    done = validate_command(
        run, "--timeout", "0.2s", "--junit", "junit.xml", "--on-fail", READ_HOOK, "--traces", "9",
        cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 1
    assert "time limit of 0.2 s" in done.stderr
    assert "Traceback" not in done.stderr
    assert judged(run) == before
    assert cases(tmp_path / "junit.xml")["validation"] == "error"
    told = json.loads((tmp_path / "hook.json").read_text(encoding="utf-8"))
    assert (told["exit_code"], told["error"]["kind"]) == (1, "TimeLimitReached")


@pytest.mark.slow
def test_a_time_limit_holds_while_measuring_and_keeps_what_was_measured(run: RunDirectory) -> None:
    before, begun = judged(run), measured(run)
    config = tiny(48)

    def out_of_time(_done: int, _wanted: int) -> None:
        signal.raise_signal(signal.SIGALRM)

    with pytest.raises(TimeLimitReached), interruptible(3600) as check:
        validate(run, config, against=["random"], traces=9, on_progress=out_of_time, on_wait=check)

    assert judged(run) == before
    kept = measured(run)
    assert kept > begun
    validate(run, config, against=["random"], traces=9)
    assert measured(run) > kept


def measured(run: RunDirectory) -> int:
    with closing(sqlite3.connect(run.measurements)) as connection:
        return int(connection.execute("SELECT count(*) FROM entry").fetchone()[0])


@pytest.mark.parametrize("all_processes", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_sigterm_while_measuring_ends_with_143_and_leaves_nothing(
    run: RunDirectory, *, all_processes: bool
) -> None:
    before, begun = judged(run), measured(run)
    process = subprocess.Popen(
        [*COMMAND, "--run", run.root, "--against", "random", "--traces", "64"],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while measured(run) == begun:
        assert process.poll() is None
        time.sleep(0.05)

    # systemd sends it to the workers too.
    (os.killpg if all_processes else os.kill)(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 143
    assert said.startswith("Stopped: The validation was stopped by SIGTERM")
    assert len(said.splitlines()) == 2
    assert judged(run) == before


def test_a_hook_that_fails_is_told_and_changes_nothing(run: RunDirectory) -> None:
    with run.lock_validation("validate"):
        done = validate_command(run, "--on-fail", "echo from the hook; exit 9", "--json")

    assert done.returncode == 5
    assert done.stdout == ""
    assert "from the hook" in done.stderr
    assert "--on-fail ended with 9" in done.stderr


def test_no_hook_runs_when_all_is_well(run: RunDirectory, tmp_path: Path) -> None:
    done = validate_command(run, "--if-new-checkpoint", "--on-fail", READ_HOOK, cwd=tmp_path)

    assert done.returncode == 0
    assert not (tmp_path / "hook.json").exists()


def test_junit_that_cannot_be_written_is_told_beside_the_error(
    run: RunDirectory, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")

    with run.lock_validation("validate"):
        done = validate_command(run, "--junit", tmp_path / "file" / "junit.xml")
    folder = validate_command(run, "--junit", tmp_path)

    assert done.returncode == 5
    assert "Cannot write" in done.stderr
    assert "in use by process" in done.stderr
    assert folder.returncode == 2
    assert "is a folder" in folder.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--timeout", "soon"], "--timeout 'soon'"),
        (["--wait", "0"], "--wait '0'"),
        (["--report-only", "nonsense"], "no finished validation nonsense"),
        (["compare", "x", "y"], "--run is no option of vtrain validate compare"),
        (["nonsense"], "No such command"),
    ],
)
def test_a_mistake_is_told_in_words(run: RunDirectory, arguments: list[str], said: str) -> None:
    done = validate_command(run, *arguments)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_reports_are_rebuilt_from_the_files_alone(run: RunDirectory) -> None:
    (name,) = judged(run)
    folder = run.validation / name
    made = {path: path.read_bytes() for path in reports(folder)}
    for path in made:
        path.unlink()
    shutil.rmtree(run.checkpoints)

    done = validate_command(run, "--report-only")

    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in reports(folder)} == made
    assert len(made) == 2 + 2 * 4


@pytest.mark.slow
@pytest.mark.parametrize("more", ["inputs: degraded", "repeats: 2, stability: true, timing: true"])
def test_reports_of_every_protocol_are_rebuilt_from_the_files_alone(
    run: RunDirectory, more: str
) -> None:
    protocol = f"{{name: part, sampling: random, per_category: 1, {more}}}"
    config = load_config([str(run.config)], [f"validation.protocols=[{protocol}]"]).config
    folder = validate(run, config, protocol="part").folder
    made = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in reports(folder):
        path.unlink()

    rebuild(folder, run)

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == made
    assert "The drawings are left out" not in made[folder / "report.html"].decode()


def test_a_page_is_rebuilt_without_the_images_and_says_so(run: RunDirectory) -> None:
    (name,) = judged(run)
    shutil.rmtree(run.images)

    done = validate_command(run, "--report-only", name, "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folder"].endswith(name)
    page = (run.validation / name / "report.html").read_text(encoding="utf-8")
    assert "The drawings are left out: The prepared image" in page
    assert page.count("<img") == 4


def reports(folder: Path) -> list[Path]:
    return [folder / "report.txt", folder / "report.html", *(folder / "plots").glob("*")]
