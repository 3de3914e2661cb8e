"""What is installed is enough: the shipped policy, the judge's weights and the configurations."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.unwatched import unwatched

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip makes it, unpacked as pip does."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    done = subprocess.run([*command, str(REPOSITORY)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("vtrain-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.slow
def test_a_wheel_holds_what_the_program_reads(installed: Path) -> None:
    own = {path: path.relative_to(REPOSITORY) for path in files(REPOSITORY / "vtrain")}
    named = {path: Path("vtrain") / path.relative_to(REPOSITORY) for path in files(Path("configs"))}
    assert len(own) > 9
    assert len(named) > 3

    for path, place in {**own, **named}.items():
        assert (installed / place).read_bytes() == path.read_bytes(), place


def files(folder: Path) -> list[Path]:
    """What a folder of the repository holds beside programs and what they leave behind."""
    found = (REPOSITORY / folder).rglob("*")
    others = [path for path in found if path.is_file() and path.suffix != ".py"]
    return [path for path in others if path.parent.name != "__pycache__"]


@pytest.mark.slow
def test_a_logo_is_traced_by_what_is_installed_alone(installed: Path, tmp_path: Path) -> None:
    logo = np.zeros((48, 48, 4), np.uint8)
    logo[10:38, 10:38] = (30, 80, 220, 255)
    assert cv2.imwrite(str(tmp_path / "logo.png"), logo)
    program = "from vtrain.cli.start import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", program, "trace", "logo.png"],
        cwd=tmp_path,
        env={**unwatched(), "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Using the policy that comes with vtrain." in done.stderr
    assert (tmp_path / "logo.svg").read_text().startswith("<svg")
