"""A user's mistakes: one paragraph on standard error, the documented exit code, no traceback."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from vtrain.agent.network import policy_arrays
from vtrain.environment.features import FEATURES
from vtrain.environment.observation import OBSERVATION_SIZE, Normaliser
from vtrain.images import encode_png
from vtrain.rundir import RunDirectory
from vtrain.tracing.parameters import ACTION_LEVELS

Done = subprocess.CompletedProcess[str]
Vtrain = Callable[..., Done]


def assert_refused(done: Done, code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert not done.stdout
    assert "Traceback" not in done.stderr
    assert "\n\n" not in done.stderr.strip()
    for word in words:
        assert word in " ".join(done.stderr.split()), done.stderr


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    picture = np.zeros((32, 32, 4), np.uint8)
    picture[8:24, 8:24] = (200, 0, 0, 255)
    path = tmp_path / "logo.png"
    path.write_bytes(encode_png(picture))
    return path


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.safetensors"
    path.write_bytes(safetensors.numpy.save(_weights()))
    return path


def _weights() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    total = sum(ACTION_LEVELS)
    weights = {
        "mlp_extractor.policy_net.0.weight": generator.normal(0, 0.1, (8, OBSERVATION_SIZE)),
        "mlp_extractor.policy_net.0.bias": np.zeros(8),
        "action_net.weight": generator.normal(0, 0.1, (total, 8)),
        "action_net.bias": np.zeros(total),
    }
    blank = np.zeros(len(FEATURES), np.float32)
    arrays = {name: array.astype(np.float32) for name, array in weights.items()}
    return policy_arrays(arrays, Normaliser(blank, blank + 1), input_size=64)


def test_a_missing_folder(vtrain: Vtrain) -> None:
    assert_refused(vtrain("run", "nowhere", "--run", "r"), 4, "nowhere")


def test_an_empty_folder(vtrain: Vtrain, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert_refused(vtrain("run", "empty", "--run", "r"), 4, "empty")


def test_a_folder_of_text_files(vtrain: Vtrain, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for number in range(3):
        (tmp_path / "texts" / f"{number}.txt").write_text("no picture")
        (tmp_path / "texts" / f"{number}.png").write_text("no picture either")

    assert_refused(vtrain("run", "texts", "--run", "r"), 4, "texts")
    assert_refused(vtrain("data", "prepare", "texts", "--run", "r"), 4, "texts")


def test_an_unreadable_file(vtrain: Vtrain, tmp_path: Path, policy: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")

    done = vtrain("trace", "link.png", "-o", "out.svg", "--policy", policy)

    assert_refused(done, 4, "link.png")
    assert not (tmp_path / "out.svg").exists()


@pytest.mark.parametrize("verb", ["run", "config"])
def test_an_unknown_key(vtrain: Vtrain, verb: str) -> None:
    arguments = ("run", "--run", "r") if verb == "run" else ("config", "show")

    done = vtrain(*arguments, "--set", "ppo.learning_rat=1")

    assert_refused(done, 2, "ppo.learning_rat", "learning_rate")


def test_a_bad_value_in_a_file(vtrain: Vtrain, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("ppo:\n  n_envs: many\n")

    assert_refused(vtrain("run", "-c", "mine.yaml", "--run", "r"), 2, "mine.yaml:2:", "ppo.n_envs")


@pytest.mark.parametrize(
    "setting", ["environment.baseline=nonsense", "validation.against=[nonsense]"]
)
def test_an_unknown_preset(vtrain: Vtrain, tmp_path: Path, setting: str) -> None:
    assert_refused(vtrain("run", "--run", "r", "--set", setting), 2, "nonsense", "default")
    assert not (tmp_path / "r" / "data_cache" / "images").exists()


def test_a_run_directory_without_a_run(vtrain: Vtrain, tmp_path: Path, logo: Path) -> None:
    (tmp_path / "plain").mkdir()

    for arguments in (
        ("train", "--run", "plain"),
        ("validate", "--run", "plain"),
        ("monitor", "report", "--run", "plain"),
        ("checkpoint", "list", "--run", "plain"),
        ("trace", logo, "-o", "out.svg", "--run", "plain"),
    ):
        assert_refused(vtrain(*arguments), 2, "plain")


def test_a_locked_run(vtrain: Vtrain, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "r", name="r")

    with run.lock("train"):
        assert_refused(vtrain("run", "--run", "r", "-c", "smoke"), 5, "in use by process")


def test_no_write_permission(vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path) -> None:
    # The administrator may write anywhere but below a file.
    (tmp_path / "file").write_text("not a folder")

    done = vtrain("trace", logo, "-o", "file/out.svg", "--policy", policy)

    assert done.returncode != 0
    assert_refused(done, done.returncode, "file")
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 16 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if sys.platform != "linux" or mount is None:
        pytest.skip("a small disk needs Linux's mount")
    if subprocess.run([mount, *options], check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_nothing_half_written(
    vtrain: Vtrain, logo: Path, policy: Path, small_disk: Path
) -> None:
    (small_disk / "filler").write_bytes(b"x" * 12_288)
    old = small_disk / "out.svg"
    old.write_text("an old drawing")
    filler = small_disk / "more"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 1024):
            pass

    done = vtrain("trace", logo, "-o", old, "--policy", policy)

    assert_refused(done, 1, "out.svg", "space")
    assert old.read_text() == "an old drawing"
    assert sorted(item.name for item in small_disk.iterdir()) == ["filler", "more", "out.svg"]


def test_no_traces(vtrain: Vtrain, logo: Path, policy: Path) -> None:
    done = vtrain("trace", logo, "-o", "out.svg", "--policy", policy, "--traces", "0")

    assert_refused(done, 2, "--traces")


def test_a_policy_of_another_parameter_table(vtrain: Vtrain, tmp_path: Path, logo: Path) -> None:
    other = {**_weights(), "meta.table_digest": np.frombuffer(b"0123456789abcdef", np.uint8)}
    path = tmp_path / "other.safetensors"
    path.write_bytes(safetensors.numpy.save(other))

    done = vtrain("trace", logo, "-o", "out.svg", "--policy", path)

    assert_refused(done, 6, "other.safetensors", "another parameter table")


def test_one_bad_image_does_not_stop_the_others(
    vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path
) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    shutil.copy(logo, tmp_path / "in" / "deep" / "good.png")
    (tmp_path / "in" / "bad.png").write_text("no picture")

    done = vtrain("trace", "in", "-o", "out", "--policy", policy)

    assert done.returncode == 4
    assert "bad.png" in done.stderr
    assert (tmp_path / "out" / "deep" / "good.svg").read_text().startswith("<svg")
    assert not (tmp_path / "out" / "bad.svg").exists()


def test_standard_input_and_output(tmp_path: Path, logo: Path, policy: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vtrain.cli.main", "trace", "-", "-o", "-", "--policy", policy],
        input=logo.read_bytes(),
        capture_output=True,
        check=True,
        cwd=tmp_path,
    )

    assert done.stdout.startswith(b"<svg ")
    assert done.stdout.rstrip().endswith(b"</svg>")
