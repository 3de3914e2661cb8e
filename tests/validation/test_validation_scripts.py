"""The ready cron line, systemd unit and CI workflow: what they run is run, on a real run."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.validation.unattended import REPOSITORY, judged, make_run, save_policy
from vtrain.rundir import RunDirectory

SCRIPTS = REPOSITORY / "scripts"
Done = subprocess.CompletedProcess[str]
MINIMAL = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Place:
    """A machine: its folder of runs, and a program `vtrain` in a folder of its own."""

    logos: Path
    program: Path

    def run(self, name: str) -> RunDirectory:
        return RunDirectory(self.logos / "runs" / name)


def start(words: list[str], place: Place, variables: dict[str, str]) -> Done:
    """Run a command with no more of an environment than cron and systemd give."""
    return subprocess.run(
        words,
        cwd=place.logos,
        env={"PATH": MINIMAL, "HOME": os.environ.get("HOME", "/"), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def cron(place: Place, **variables: str) -> Done:
    text = (SCRIPTS / "cron.example").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    *settings, (*_when, command) = [
        line.split(maxsplit=5) if line[0].isdigit() else line.split("=", 1) for line in lines
    ]
    assert len(_when) == 5
    given = {name: value for name, value in settings}  # noqa: C416 - checks that each is a pair
    here = {"LOGOS": str(place.logos), "SCRIPTS": str(SCRIPTS), "VTRAIN": str(place.program)}
    assert here.keys() <= given.keys()
    return start([given["SHELL"], "-c", command], place, {**given, **here, **variables})


def systemd(place: Place, **variables: str) -> Done:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(SCRIPTS / "vtrain-validate.service", encoding="utf-8")
    service = unit["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    name, _, _ = service["Environment"].partition("=")
    assert name == "VTRAIN"
    script = SCRIPTS / Path(program).name
    return start([str(script), *arguments], place, {name: str(place.program), **variables})


def workflow(place: Place, **variables: str) -> Done:
    document = yaml.safe_load((SCRIPTS / "ci-validate.yml").read_text(encoding="utf-8"))
    job = document["jobs"]["validate"]
    steps = [step["run"] for step in job["steps"] if "run" in step]
    install, *rest = steps
    assert install.startswith("pip install")
    given = {**job["env"], "PATH": f"{place.program.parent}:{MINIMAL}", **variables}
    for text in rest:
        done = start(["bash", "-e", "-c", text], place, given)
        if done.returncode:
            break
    return done


LAUNCHERS = [
    pytest.param(cron, "nightly", id="cron", marks=pytest.mark.slow),
    pytest.param(systemd, "nightly", id="systemd", marks=pytest.mark.slow),
    pytest.param(workflow, "ci", id="ci", marks=pytest.mark.slow),
]
Launch = Callable[..., Done]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return make_run(tmp_path_factory.mktemp("scripts") / "run")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    program = tmp_path / "bin" / "vtrain"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(REPOSITORY))} "
        f'exec {shlex.quote(sys.executable)} -m vtrain.cli.main "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    (tmp_path / "logos").mkdir()
    return Place(tmp_path / "logos", program)


@pytest.mark.parametrize(("launch", "name"), LAUNCHERS)
def test_a_script_tells_what_happened_by_its_exit_code(
    launch: Launch, name: str, prepared: RunDirectory, place: Place
) -> None:
    run = place.run(name)
    shutil.copytree(prepared.root, run.root)

    save_policy(run, 512, "recipe")
    assert_ends(launch(place), 0)
    assert len(judged(run)) == 1
    assert (place.logos / "validation.xml").is_file()

    assert_ends(launch(place), 0)  # nothing new
    assert len(judged(run)) == 1

    save_policy(run, 1024, "photo")
    with run.lock_validation("validate"):
        assert_ends(launch(place), 5, "in use by process")
    assert_ends(launch(place, TIMEOUT="0.2s"), 1, "time limit")
    assert len(judged(run)) == 1

    assert_ends(launch(place), 3, "the policy is worse than step-000000512")
    assert len(judged(run)) == 2


@pytest.mark.parametrize(("launch", "name"), LAUNCHERS)
def test_a_script_ends_with_3_below_its_threshold(
    launch: Launch, name: str, prepared: RunDirectory, place: Place
) -> None:
    run = place.run(name)
    shutil.copytree(prepared.root, run.root)
    save_policy(run, 512, "default")

    done = launch(place)

    assert_ends(done, 3, "better is 0, must be at least")
    assert "worse than" not in done.stderr


def assert_ends(done: Done, code: int, said: str = "") -> None:
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in done.stderr


def test_the_script_hands_on_the_result_when_it_fails(place: Place, prepared: RunDirectory) -> None:
    run = place.run("nightly")
    shutil.copytree(prepared.root, run.root)

    done = start(
        [str(SCRIPTS / "nightly-validate.sh"), "runs/nightly", "--against", "default"],
        place,
        {"VTRAIN": str(place.program), "ON_FAIL": "cat > failed.json"},
    )

    assert done.returncode == 6  # there is no policy yet
    assert '"exit_code": 6' in (place.logos / "failed.json").read_text(encoding="utf-8")


def test_the_script_without_a_run_tells_its_usage() -> None:
    done = subprocess.run(
        [SCRIPTS / "nightly-validate.sh"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "Usage:" in done.stderr


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("there is no systemd-analyze")
    for kind in ("service", "timer"):
        text = (SCRIPTS / f"vtrain-validate.{kind}").read_text(encoding="utf-8")
        text = text.replace("/opt/vtrain/scripts", str(SCRIPTS))
        (tmp_path / f"vtrain-validate.{kind}").write_text(text, encoding="utf-8")

    done = subprocess.run(
        [verify, "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
