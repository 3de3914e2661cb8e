"""Mistakes of a user, made with the real command.

Each ends with the documented code and one paragraph on standard error, whose last line says what
to do next; standard output stays empty.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from vtrain.rundir import RunDirectory

Done = subprocess.CompletedProcess[str]
Vtrain = Callable[..., Done]
Through = tuple[str, ...]


def assert_refused(done: Done, code: int, *names: str, then: str) -> None:
    """The paragraph names things, and its last line holds the words of the next step."""
    assert done.returncode == code, done.stderr
    assert not done.stdout
    assert "Traceback" not in done.stderr
    assert "Internal error" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert all(line.strip() for line in lines), "more than one paragraph"
    for name in names:
        assert name in done.stderr
    assert then in lines[-1], done.stderr


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run that has only begun."""
    run = RunDirectory.create(tmp_path / "r", name="r")
    run.data_cache.mkdir()
    return run


@pytest.mark.parametrize("command", [("run",), ("data", "prepare")])
def test_a_missing_folder(vtrain: Vtrain, command: tuple[str, ...]) -> None:
    done = vtrain(*command, "nowhere", "--run", "r")

    assert_refused(done, 4, "nowhere does not exist", then="Name a folder of images")


def test_a_missing_folder_to_trace(vtrain: Vtrain, policy: Path) -> None:
    done = vtrain("trace", "nowhere", "-o", "out", "--policy", policy)

    assert_refused(done, 4, "nowhere does not exist", then="Check the path")


@pytest.mark.parametrize("command", [("run",), ("data", "prepare")])
def test_an_empty_folder(vtrain: Vtrain, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "empty").mkdir()

    done = vtrain(*command, "empty", "--run", "r")

    assert_refused(done, 4, "There is no file in empty", then="Name a folder that holds images")


def test_a_folder_of_text_files(vtrain: Vtrain, tmp_path: Path, policy: Path) -> None:
    (tmp_path / "texts").mkdir()
    for name in ("a.txt", "b.md", "c.png"):
        (tmp_path / "texts" / name).write_text("no picture")

    done = vtrain("run", "texts", "--run", "r")

    assert_refused(done, 4, "No image in texts can be used", "a.txt", then="which can be read")
    (tmp_path / "texts" / "c.png").unlink()
    done = vtrain("trace", "texts", "-o", "out", "--policy", policy)
    assert_refused(done, 4, "texts holds no image (.bmp", then="Name one that does")


def test_an_unreadable_image(vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path) -> None:
    (tmp_path / "dangling.png").symlink_to("gone.png")
    (tmp_path / "folder.png").mkdir()

    done = vtrain("trace", "dangling.png", "-o", "out.svg", "--policy", policy)
    assert_refused(done, 4, "dangling.png: there is no such file", then="replace them")

    done = vtrain("trace", logo, "folder.png", "-o", "out", "--policy", policy)
    assert_refused(done, 4, "folder.png holds no image (.bmp", then="Name one that does")
    assert not list(tmp_path.glob("out*"))


def test_files_without_permission_to_read(
    vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path, ordinary: Through
) -> None:
    (tmp_path / logo).chmod(0)

    done = vtrain("trace", logo, "-o", "out.svg", "--policy", policy, through=ordinary)
    assert_refused(done, 4, "logo.png", "Permission denied", then="replace them")

    done = vtrain("data", "prepare", logo, "--run", "r", through=ordinary)
    assert_refused(done, 4, "logo.png", "Permission denied", then="")

    (tmp_path / policy).chmod(0)
    done = vtrain("trace", logo, "-o", "out.svg", "--policy", policy, through=ordinary)
    assert_refused(done, 6, "policy.safetensors", "Permission denied", then="checkpoint list")

    (tmp_path / "mine.yaml").touch(mode=0)
    done = vtrain("run", "-c", "mine.yaml", "--run", "r", through=ordinary)
    assert_refused(done, 2, "mine.yaml", "Permission denied", then="permissions")


@pytest.mark.parametrize("command", [("run", "--run", "r"), ("config", "show")])
def test_an_unknown_key(vtrain: Vtrain, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "mine.yaml").write_text("ppo:\n  n_envz: 8\n")

    done = vtrain(*command, "--config", "mine.yaml")
    assert_refused(done, 2, "mine.yaml:2:3", "ppo.n_envz", "ppo.n_envs?", then="config show")

    done = vtrain(*command, "--set", "ppo.n_envz=8")
    assert_refused(done, 2, "--set ppo.n_envz=8", "ppo.n_envs?", then="config show")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("command", [("run", "--run", "r"), ("config", "show")])
def test_a_bad_value(vtrain: Vtrain, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "mine.yaml").write_text("ppo:\n  n_envs: many\n")

    done = vtrain(*command, "--config", "mine.yaml")
    assert_refused(done, 2, "mine.yaml:2:11", "ppo.n_envs", "'many'", then="config show")

    done = vtrain(*command, "--set", "ppo.n_envs=0")
    assert_refused(done, 2, "--set ppo.n_envs=0", "at least 1", then="config show")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "setting", ["environment.baseline=nonsense", "validation.against=[nonsense]"]
)
def test_an_unknown_preset_for_a_run(vtrain: Vtrain, tmp_path: Path, setting: str) -> None:
    done = vtrain("run", "--run", "r", "--set", setting)

    assert_refused(done, 2, "'nonsense'", then="Known: default, flattened, poster, photo, recipe")
    assert not (tmp_path / "r" / "data_cache").exists(), "it was found only after some work"


def test_an_unknown_preset_for_training(vtrain: Vtrain, run: RunDirectory) -> None:
    run.catalog.write_text("{}")  # never read: the name is wrong at once

    done = vtrain("train", "--run", "r", "--set", "environment.baseline=nonsense")

    assert_refused(done, 2, "'nonsense'", then="Known: default, flattened, poster, photo, recipe")


@pytest.mark.usefixtures("run")
def test_an_unknown_preset_for_a_comparison(vtrain: Vtrain) -> None:
    done = vtrain("validate", "--run", "r", "--against", "default,nonsense")

    assert_refused(done, 2, "'nonsense'", then="Known: default, flattened, poster, photo, recipe")


@pytest.mark.parametrize(
    "command",
    [
        ("train",),
        ("validate",),
        ("trace", "logo.png", "-o", "out.svg"),
        ("checkpoint", "list"),
        ("data", "stats"),
        ("monitor", "report"),
    ],
    ids=" ".join,
)
def test_a_run_directory_without_a_run(
    vtrain: Vtrain, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "plain").mkdir()

    done = vtrain(*command, "--run", "plain")

    assert_refused(done, 2, "plain is not a run directory", then="vtrain run SOURCE --run DIR")


def test_a_run_directory_that_is_missing(vtrain: Vtrain) -> None:
    done = vtrain("train", "--run", "nowhere")

    assert_refused(done, 2, "nowhere does not exist", then="vtrain run SOURCE --run DIR")


def test_no_run_at_all(vtrain: Vtrain) -> None:
    assert_refused(vtrain("validate"), 2, "no run under runs/", then="Name one")


@pytest.mark.usefixtures("run", "logo")
def test_a_run_without_a_policy(vtrain: Vtrain) -> None:
    done = vtrain("trace", "logo.png", "-o", "out.svg", "--run", "r")

    assert_refused(done, 6, "r/checkpoints", then="vtrain train")


def test_a_locked_run(vtrain: Vtrain, run: RunDirectory, logo: Path) -> None:
    run.catalog.write_text("{}")  # never read: the lock comes first
    with run.lock("train"):
        for command in (("run",), ("train",), ("data", "prepare", logo)):
            done = vtrain(*command, "--run", "r")
            assert_refused(done, 5, "r is in use by process", "train", then="--run")

        assert vtrain("monitor", "report", "--run", "r").returncode == 0, "readers need no lock"


@pytest.mark.parametrize(
    "command",
    [
        ("run", "logo.png", "--run", "{}/r"),
        ("data", "prepare", "logo.png", "--run", "{}/r"),
        ("data", "sample", "{}/logos"),
        ("config", "init", "{}/mine.yaml"),
        ("trace", "logo.png", "-o", "{}/out.svg", "--policy", "policy.safetensors"),
        ("trace", "logo.png", "-o", "{}/deep/out.svg", "--policy", "policy.safetensors"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("logo", "policy")
def test_no_permission_to_write(
    vtrain: Vtrain, tmp_path: Path, ordinary: Through, command: tuple[str, ...]
) -> None:
    (tmp_path / "mine").mkdir(mode=0o555)

    done = vtrain(*(word.format("mine") for word in command), through=ordinary)
    assert_refused(done, 1, "mine/", "ermission", then="permissions")
    assert not list((tmp_path / "mine").iterdir())


@pytest.mark.usefixtures("logo", "policy")
def test_a_file_where_a_folder_is_needed(vtrain: Vtrain, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")

    done = vtrain("run", "logo.png", "--run", "file/r")
    assert_refused(done, 1, "file/r cannot be made", then="Choose another place")

    done = vtrain("trace", "logo.png", "-o", "file/o.svg", "--policy", "policy.safetensors")
    assert_refused(done, 1, "file", then="Ch")  # check the path, or choose another place
    assert (tmp_path / "file").read_text() == "kept"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with a file of 4 KiB on it and no byte left."""
    folder = tmp_path / "full"
    folder.mkdir()
    mount = shutil.which("mount")
    if sys.platform != "linux" or mount is None:
        pytest.skip("a small disk needs Linux's mount")
    options = ["-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)]
    if subprocess.run([mount, *options], check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        (folder / "filler").write_bytes(b"x" * 4096)
        (folder / "old").write_bytes(b"an old file".ljust(4096))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.faults
@pytest.mark.usefixtures("logo", "policy")
@pytest.mark.parametrize(
    "command",
    [
        ("run", "logo.png", "--run", "full/r"),
        ("data", "prepare", "logo.png", "--run", "full/r"),
        ("data", "sample", "full/logos", "--count", "4"),
        ("config", "init", "full/old", "--force"),
        ("trace", "logo.png", "-o", "full/out.svg", "--policy", "policy.safetensors"),
    ],
    ids=" ".join,
)
def test_a_full_disk(vtrain: Vtrain, full_disk: Path, command: tuple[str, ...]) -> None:
    done = vtrain(*command)

    assert_refused(done, 1, "No space is left for full/", then="Free some space")
    files = {path.name: path for path in full_disk.rglob("*") if path.is_file()}
    assert files.keys() - {".lock"} == {"filler", "old"}, "something half-written was left"
    assert files["old"].read_bytes() == b"an old file".ljust(4096)


@pytest.mark.parametrize(
    "command",
    [
        ("config", "show"),
        ("trace", "logo.png", "-o", "-", "--policy", "policy.safetensors"),
        ("trace", "logo.png", "-o", "o.svg", "--policy", "policy.safetensors", "--json"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("logo", "policy")
def test_standard_output_on_a_full_disk(vtrain: Vtrain, command: tuple[str, ...]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    shell = shutil.which("sh")
    assert shell is not None

    done = vtrain(*command, through=(shell, "-c", 'exec "$@" >/dev/full', "sh"))

    assert_refused(done, 1, "No space is left", then="Free some space")


@pytest.mark.parametrize("traces", ["0", "-3"])
def test_no_traces(vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path, traces: str) -> None:
    done = vtrain("trace", logo, "-o", "out.svg", "--policy", policy, "--traces", traces)

    assert_refused(done, 2, f"--traces {traces}", then="Give 1 or more")
    assert not (tmp_path / "out.svg").exists()


def test_a_policy_from_another_parameter_table(
    vtrain: Vtrain, tmp_path: Path, logo: Path, weights: dict[str, NDArray[np.generic]]
) -> None:
    weights["meta.table_digest"] = np.frombuffer(b"0123456789abcdef", np.uint8)
    safetensors.numpy.save_file(weights, tmp_path / "other.safetensors")

    done = vtrain("trace", logo, "-o", "out.svg", "--policy", "other.safetensors")

    assert_refused(done, 6, "other.safetensors", "another parameter table", then="rain")
    assert not (tmp_path / "out.svg").exists()


def test_a_file_that_is_no_policy(vtrain: Vtrain, tmp_path: Path, logo: Path) -> None:
    (tmp_path / "some.safetensors").write_text("no policy")

    done = vtrain("trace", logo, "-o", "out.svg", "--policy", "some.safetensors")

    assert_refused(done, 6, "some.safetensors is no policy file", then="")
