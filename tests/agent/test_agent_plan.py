"""Which images are left to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vtrain.agent.plan import Job, plan


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


def images(folder: Path, *names: str) -> None:
    """Files that are called images: a plan looks at names alone."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def places(inputs: list[Path], output: Path) -> dict[str, str]:
    """Where the drawing of each image goes, both named from the folder that the inputs are in."""
    root = output.parent
    return {
        str(Path(job.name).relative_to(root)): str(job.output.relative_to(output))
        for job in plan([str(path) for path in inputs], output)
        if job.output is not None
    }


def test_an_output_within_the_input_is_not_traced_again(tmp_path: Path) -> None:
    images(tmp_path, "a.png", "deep/b.jpg", "svg/a.svg", "svg/deep/b.svg", "svgs/c.svg")
    output = tmp_path / "svg"

    jobs = plan([str(tmp_path)], output)

    drawn = {str(job.output.relative_to(output)) for job in jobs if job.output is not None}
    assert drawn == {"a.svg", "deep/b.svg", "svgs/c.svg"}


@pytest.mark.parametrize("output", [".", "in", "elsewhere"])
def test_an_output_around_or_beside_the_input_leaves_nothing_out(
    tmp_path: Path, output: str
) -> None:
    images(tmp_path, "in/a.png", "in/deep/b.png")

    jobs = plan([str(tmp_path / "in")], tmp_path / output)

    assert [Path(job.name).name for job in jobs] == ["a.png", "b.png"]


def test_images_of_one_stem_keep_their_names(tmp_path: Path) -> None:
    images(tmp_path, "in/a.png", "in/A.jpg", "in/b.png", "in/a.png.webp")

    found = places([tmp_path / "in"], tmp_path / "out")

    assert found == {
        "in/A.jpg": "A.svg",
        "in/a.png": "in-a.png.svg",
        "in/a.png.webp": "a.png.svg",
        "in/b.png": "b.svg",
    }


def test_a_drawing_is_of_the_same_image_whatever_comes_beside_it(tmp_path: Path) -> None:
    images(tmp_path, "brands/a/logo.png", "brands/b/logo.png", "brands/b/logo.webp")
    folders = [tmp_path / "brands" / name for name in ("b", "a")]
    output = tmp_path / "out"
    before = places(folders, output)

    images(tmp_path, "brands/0/logo.png", "brands/a/mark.png")
    after = places([*folders, tmp_path / "brands" / "0"], output)

    assert before == {
        "brands/a/logo.png": "logo.svg",
        "brands/b/logo.png": "logo.png.svg",
        "brands/b/logo.webp": "logo.webp.svg",
    }
    assert after == {
        "brands/0/logo.png": "logo.svg",
        "brands/a/logo.png": "a-logo.png.svg",
        "brands/a/mark.png": "mark.svg",
        "brands/b/logo.png": "b-logo.png.svg",
        "brands/b/logo.webp": "logo.webp.svg",
    }


def test_a_drawing_that_could_be_of_another_image_is_not_done(tmp_path: Path) -> None:
    images(tmp_path, "in/a.jpg", "in/a.png", "in/b.png", "out/a.svg", "out/a.png.svg", "out/b.svg")
    for image in (tmp_path / "in").iterdir():
        os.utime(image, (1000, 1000))

    jobs = plan([str(tmp_path / "in")], tmp_path / "out")

    assert {Path(job.name).name: job.done for job in jobs} == {
        "a.jpg": False,
        "a.png": True,
        "b.png": True,
    }


def test_an_image_that_is_named_twice_is_drawn_once(tmp_path: Path) -> None:
    images(tmp_path, "in/a.png", "in/b.png")

    found = plan([str(tmp_path / "in"), str(tmp_path / "in" / "a.png")], tmp_path / "out")

    assert [Path(job.name).name for job in found] == ["a.png", "b.png"]


def test_links_to_one_image_whose_names_differ_in_case_alone_have_places(tmp_path: Path) -> None:
    images(tmp_path, "real/logo.png")
    (tmp_path / "in").mkdir()
    for name in ("LOGO.png", "Logo.png", "logo.png"):
        (tmp_path / "in" / name).symlink_to(tmp_path / "real" / "logo.png")

    jobs = plan([str(tmp_path / "in")], tmp_path / "out")

    assert len({str(job.output).casefold() for job in jobs}) == 3
