"""Which images are left to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vtrain.agent.plan import Job


@pytest.fixture
def job(tmp_path: Path) -> Job:
    image, drawing = tmp_path / "a.logo.png", tmp_path / "a.svg"
    image.write_bytes(b"image")
    drawing.write_bytes(b"drawing")
    os.utime(image, (1000, 1000))
    os.utime(drawing, (2000, 2000))
    return Job(str(image), drawing)


def test_a_newer_drawing_is_done(job: Job) -> None:
    assert job.done


@pytest.mark.parametrize("image_time", [2000, 3000])
def test_an_image_that_changed_is_drawn_anew(job: Job, image_time: int) -> None:
    os.utime(job.name, (image_time, image_time))

    assert not job.done


def test_what_is_missing_is_not_done(job: Job) -> None:
    assert job.output is not None
    job.output.unlink()

    assert not job.done
    assert not Job(str(job.output) + ".png", job.output).done
    assert not Job("-", job.output).done
    assert not Job(job.name, None).done


def test_titles_are_stems(job: Job) -> None:
    assert job.title == "a.logo"
    assert Job("-", job.output).title == "a"
    assert Job("-", None).title is None
