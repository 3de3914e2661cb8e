"""Running the real command, as a user would, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from vtrain.agent.network import policy_arrays
from vtrain.environment.features import FEATURES
from vtrain.environment.observation import OBSERVATION_SIZE, Normaliser
from vtrain.images import encode_png
from vtrain.tracing.parameters import ACTION_LEVELS

REPOSITORY = Path(__file__).parents[2]
HIDDEN = 8
CAPABILITIES = "-dac_override,-dac_read_search"
"""What lets the administrator pass over the permissions of files."""

Vtrain = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def vtrain(tmp_path: Path) -> Vtrain:
    """Runs ``vtrain ARGUMENT...`` in an empty folder, by way of another command if one is given."""

    def run(
        *arguments: str | Path, stdin: bytes = b"", through: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*through, sys.executable, "-m", "vtrain", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "100"},
            capture_output=True,
            check=False,
            timeout=120,
            input=stdin,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run


@pytest.fixture
def ordinary() -> tuple[str, ...]:
    """What to run a command through so that permissions count for the administrator too."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("permissions do not bind the administrator, and setpriv is not installed")
    through = (setpriv, f"--bounding-set={CAPABILITIES}", f"--inh-caps={CAPABILITIES}")
    if subprocess.run([*through, "true"], check=False, capture_output=True).returncode:
        pytest.skip("permissions do not bind the administrator, and setpriv is not allowed here")
    return through


@pytest.fixture
def weights() -> dict[str, NDArray[np.generic]]:
    """A small policy, as it is saved; its choices are those of chance."""
    generator = np.random.default_rng(0)

    def normal(*shape: int) -> NDArray[np.float32]:
        return generator.normal(0, 0.3, shape).astype(np.float32)

    layers = {
        "mlp_extractor.policy_net.0.weight": normal(HIDDEN, OBSERVATION_SIZE),
        "mlp_extractor.policy_net.0.bias": normal(HIDDEN),
        "action_net.weight": normal(sum(ACTION_LEVELS), HIDDEN),
        "action_net.bias": normal(sum(ACTION_LEVELS)),
    }
    blank = np.zeros(len(FEATURES), np.float32)
    return dict(policy_arrays(layers, Normaliser(blank, blank + 1), input_size=64))


@pytest.fixture
def policy(tmp_path: Path, weights: dict[str, NDArray[np.generic]]) -> Path:
    """A policy's file, named as the user in the empty folder names it."""
    safetensors.numpy.save_file(weights, tmp_path / "policy.safetensors")
    return Path("policy.safetensors")


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    """A transparent logo's file, named as the user in the empty folder names it."""
    picture = np.zeros((40, 48, 4), np.uint8)
    picture[8:32, 8:40] = (200, 0, 0, 255)
    picture[16:24, 20:28] = 0
    (tmp_path / "logo.png").write_bytes(encode_png(picture))
    return Path("logo.png")
