"""``vtrain trace`` with the real command: what goes in, and where the drawings come out."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from tests.unwatched import unwatched
from vtrain.scoring.score import Scores

Done = subprocess.CompletedProcess[str]
Vtrain = Callable[..., Done]
SVG = "{http://www.w3.org/2000/svg}svg"
HEAVY = (
    "torch",
    "numba",
    "scipy",
    "skimage",
    "matplotlib",
    "gymnasium",
    "yaml",
    "rich",
    "typer",
    "pydantic",
    "multiprocessing",
    "pebble",
    "psutil",
    "numpy.ma",
    "PIL.ImageCms",
    "PIL.JpegImagePlugin",
    "resvg_py",
    "subprocess",
    "importlib.metadata",
)
"""What a single trace of a PNG does without, whatever its settings."""


def assert_drawing(svg: str, width: int = 48, height: int = 40) -> None:
    root = ET.fromstring(svg)  # noqa: S314 - the program's own output
    assert root.tag == SVG
    assert (root.get("width"), root.get("height")) == (str(width), str(height))
    across, down = map(float, root.attrib["viewBox"].split()[2:])
    assert across / down == pytest.approx(width / height)
    assert len(root) >= 1


@pytest.fixture
def folder(tmp_path: Path, logo: Path) -> Path:
    """Three images, two of them of one name, and a text, on three levels."""
    for name in ("in/one.png", "in/deep/two.png", "in/deep/er/two.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / logo, tmp_path / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    return Path("in")


def drawings(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_a_file_becomes_the_file_asked_for(
    vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path
) -> None:
    done = vtrain("trace", logo, "-o", "new/out.svg", "--policy", policy)

    assert done.returncode == 0, done.stderr
    assert not done.stdout
    assert "logo.png -> new/out.svg" in done.stderr
    assert_drawing((tmp_path / "new" / "out.svg").read_text())


def test_without_a_place_a_drawing_goes_beside_its_image_and_replaces_nothing(
    vtrain: Vtrain, tmp_path: Path, folder: Path, policy: Path
) -> None:
    drawing = tmp_path / "in" / "one.svg"

    done = vtrain("trace", "in/one.png", "--policy", policy)
    assert done.returncode == 0, done.stderr
    assert "in/one.png -> in/one.svg" in done.stderr
    assert_drawing(drawing.read_text())

    drawing.write_text("mine")
    refused = vtrain("trace", "in/one.png", "--policy", policy)
    assert refused.returncode == 2
    assert "in/one.svg is there already." in refused.stderr
    assert "-o in/one.svg" in refused.stderr
    assert drawing.read_text() == "mine"
    resumed = vtrain("trace", "in/one.png", "--policy", policy, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert drawing.read_text() == "mine"

    # An SVG has no place beside itself, several images have none, and standard input has no side.
    own = vtrain("trace", drawing, "--policy", policy)
    assert own.returncode == 2
    assert "would replace the image" in own.stderr
    several = vtrain("trace", folder, "--policy", policy)
    assert several.returncode == 2
    assert "Name a folder: -o DIR" in several.stderr
    piped = vtrain("trace", "-", "--policy", policy, stdin=(tmp_path / "in/one.png").read_bytes())
    assert piped.returncode == 0, piped.stderr
    assert_drawing(piped.stdout)


def test_a_folder_is_mirrored(vtrain: Vtrain, tmp_path: Path, folder: Path, policy: Path) -> None:
    done = vtrain("trace", folder, "-o", "out", "--policy", policy)

    assert done.returncode == 0, done.stderr
    assert drawings(tmp_path / "out") == ["deep/er/two.svg", "deep/two.svg", "one.svg"]
    assert_drawing((tmp_path / "out" / "deep" / "er" / "two.svg").read_text())


def test_a_glob_keeps_every_image_it_matches(
    vtrain: Vtrain, tmp_path: Path, folder: Path, policy: Path
) -> None:
    done = vtrain("trace", f"{folder}/**/*.png", "-o", "out", "--policy", policy)

    assert done.returncode == 0, done.stderr
    assert len(drawings(tmp_path / "out")) == 3, "one drawing was written over another"
    assert {"one.svg", "two.svg"} <= set(drawings(tmp_path / "out"))


def test_standard_input_to_standard_output(
    vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path
) -> None:
    data = (tmp_path / logo).read_bytes()

    done = vtrain("trace", "-", "-o", "-", "--policy", policy, stdin=data)

    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert_drawing(done.stdout)


def test_a_file_and_standard_input_give_the_same_drawing(
    vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path
) -> None:
    data = (tmp_path / logo).read_bytes()

    by_name = vtrain("trace", logo, "-o", "-", "--policy", policy)
    by_pipe = vtrain("trace", "-", "-o", "out.svg", "--policy", policy, stdin=data)

    assert by_pipe.returncode == 0, by_pipe.stderr
    assert (tmp_path / "out.svg").read_text() == by_name.stdout


def test_json_is_alone_on_standard_output(
    vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path
) -> None:
    arguments = ("--policy", policy, "--prefer", "compact", "--traces", "3", "--json")

    done = vtrain("trace", logo, "-o", "out.svg", *arguments)

    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["schema"] == 1
    assert printed["failed"] == []
    [row] = printed["traced"]
    assert (row["input"], row["output"]) == ("logo.png", "out.svg")
    assert row["bytes"] == (tmp_path / "out.svg").stat().st_size
    assert row["traces"] == 3
    assert isinstance(row["score"], float)


@pytest.mark.parametrize("taste", ["nice", "-1", "nan", "1e9"])
def test_a_bad_taste(vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path, taste: str) -> None:
    done = vtrain("trace", logo, "-o", "out.svg", "--policy", policy, "--prefer", taste)

    assert done.returncode == 2, done.stderr
    assert not done.stdout
    assert taste in done.stderr
    assert "fidelity, balanced, compact" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out.svg").exists()


def test_one_bad_image_among_good_ones(
    vtrain: Vtrain, tmp_path: Path, folder: Path, policy: Path
) -> None:
    (tmp_path / folder / "a-bad-one.png").write_text("no picture")

    done = vtrain("trace", folder, "-o", "out", "--policy", policy, "--json")

    assert done.returncode == 4
    assert drawings(tmp_path / "out") == ["deep/er/two.svg", "deep/two.svg", "one.svg"]
    printed = json.loads(done.stdout)
    assert len(printed["traced"]) == 3
    [failed] = printed["failed"]
    assert failed["input"] == "in/a-bad-one.png"
    assert "a-bad-one.png" in failed["error"]
    assert "Traceback" not in done.stderr
    assert "1 of 4 images were not traced: in/a-bad-one.png." in done.stderr


@pytest.mark.parametrize("output", ["-", "out.svg"])
def test_several_images_do_not_go_to_one_file(
    vtrain: Vtrain, tmp_path: Path, folder: Path, policy: Path, output: str
) -> None:
    done = vtrain("trace", folder, "-o", output, "--policy", policy)

    assert done.returncode == 2, done.stderr
    assert not done.stdout
    assert "Give a folder." in done.stderr
    assert not (tmp_path / "out.svg").exists()


@pytest.mark.parametrize("whole_folder", [False, True])
def test_an_image_is_never_drawn_over(
    vtrain: Vtrain, tmp_path: Path, policy: Path, *, whole_folder: bool
) -> None:
    folder = tmp_path / "logos"
    folder.mkdir()
    source = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M1 1h7v7z"/></svg>'
    (folder / "logo.svg").write_text(source)
    places = (
        ("logos", "-o", "logos") if whole_folder else ("logos/logo.svg", "-o", "logos/logo.svg")
    )

    done = vtrain("trace", *places, "--policy", policy)

    assert done.returncode == 2
    assert "would replace the image" in done.stderr
    assert (folder / "logo.svg").read_text() == source


def test_a_title_names_the_drawing_after_its_file(
    vtrain: Vtrain, tmp_path: Path, logo: Path, policy: Path
) -> None:
    name = "<img onerror=x> & co.png"
    (tmp_path / logo).rename(tmp_path / name)

    done = vtrain("trace", name, "-o", "out.svg", "--policy", policy, "--title")

    assert done.returncode == 0, done.stderr
    root = ET.fromstring((tmp_path / "out.svg").read_text())  # noqa: S314 - own output
    assert root[0].text == "<img onerror=x> & co"
    assert root.get("role") == "img"


def test_resuming_draws_only_what_is_missing_or_changed(
    vtrain: Vtrain, tmp_path: Path, folder: Path, policy: Path
) -> None:
    arguments = ("trace", folder, "-o", "out", "--policy", policy, "--resume")
    assert vtrain(*arguments).returncode == 0
    for path in (tmp_path / "out").rglob("*.svg"):
        path.write_text("kept")
    (tmp_path / "out" / "one.svg").unlink()
    later = (tmp_path / "out" / "deep" / "two.svg").stat().st_mtime + 10
    os.utime(tmp_path / folder / "deep" / "two.png", (later, later))

    done = vtrain(*arguments, "--json")

    assert done.returncode == 0, done.stderr
    assert "Skipped 1 of 3 images" in done.stderr
    printed = json.loads(done.stdout)
    assert [row["input"] for row in printed["traced"]] == ["in/deep/two.png", "in/one.png"]
    assert printed["skipped"] == ["in/deep/er/two.png"]
    assert (tmp_path / "out" / "deep" / "er" / "two.svg").read_text() == "kept"
    assert_drawing((tmp_path / "out" / "one.svg").read_text())


def test_workers_print_the_same_lines(
    vtrain: Vtrain, tmp_path: Path, folder: Path, policy: Path
) -> None:
    (tmp_path / folder / "a-bad-one.png").write_text("no picture")

    apart = vtrain("trace", folder, "-o", "out", "--policy", policy, "--workers", "2")
    drawn = {name: (tmp_path / "out" / name).read_bytes() for name in drawings(tmp_path / "out")}
    here = vtrain("trace", folder, "-o", "out", "--policy", policy)

    assert apart.returncode == here.returncode == 4
    assert apart.stderr == here.stderr
    assert drawn == {name: (tmp_path / "out" / name).read_bytes() for name in drawn}


def test_an_explanation_holds_the_terms_of_both(vtrain: Vtrain, logo: Path, policy: Path) -> None:
    terms = {field.name for field in fields(Scores)}
    terms |= {"parts", "bytes", "segments", "cost", "utility"}

    done = vtrain("trace", logo, "-o", "out.svg", "--policy", policy, "--explain", "--json")

    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)["traced"]
    assert set(row["comparison"]["chosen"]) == set(row["comparison"]["default"]) == terms
    assert row["comparison"]["chosen"]["bytes"] == row["bytes"]
    # What each fault takes off stands below the appearance, which is all of them together.
    for judged in row["comparison"].values():
        assert sum(judged["parts"].values()) == pytest.approx(judged["appearance"])
    words = [line.rsplit(maxsplit=2)[0].strip() for line in done.stderr.splitlines()[2:]]
    expected = [name.replace("_", " ") for name in row["comparison"]["chosen"]]
    place = expected.index("parts")
    assert expected[place - 1] == "appearance"
    expected[place : place + 1] = [f"for {name}" for name in row["comparison"]["chosen"]["parts"]]
    assert words == expected


def test_a_gallery_is_a_page(vtrain: Vtrain, tmp_path: Path, folder: Path, policy: Path) -> None:
    arguments = ("trace", folder, "-o", "out", "--policy", policy, "--gallery")

    refused = vtrain(*arguments, "in/one.png")
    done = vtrain(*arguments, "page.html")

    assert refused.returncode == 2
    assert "Name it FILE.html." in refused.stderr
    assert done.returncode == 0, done.stderr
    assert "in/deep/er/two.png" in (tmp_path / "page.html").read_text()


def test_a_gallery_shows_what_was_drawn_before_too(
    vtrain: Vtrain, tmp_path: Path, folder: Path, policy: Path
) -> None:
    arguments = (
        "trace",
        folder,
        "-o",
        "out",
        "--policy",
        policy,
        "--resume",
        "--gallery",
        "g.html",
    )
    assert vtrain(*arguments).returncode == 0
    (tmp_path / "out" / "one.svg").unlink()

    again = vtrain(*arguments)

    assert again.returncode == 0, again.stderr
    assert "Skipped 2 of 3 images" in again.stderr
    page = (tmp_path / "g.html").read_text()
    assert "3 drawings" in page
    assert page.count("it was there already") == 2
    assert page.index("two.png") < page.index("in/one.png"), "in the order of the images"
    before = base64.b64encode((tmp_path / "out" / "deep" / "two.svg").read_bytes()).decode()
    assert before in page
    assert "may be of another policy and taste" in page

    # One that cannot be shown is left out, and all the rest is as it would be.
    broken = tmp_path / "out" / "deep" / "two.svg"
    broken.write_bytes(b"\xff\xfe no drawing")
    os.utime(broken, (4e9, 4e9))
    (tmp_path / "out" / "one.svg").unlink()
    third = vtrain(*arguments, "--json")
    assert third.returncode == 0, third.stderr
    assert "Not in the gallery: The drawing out/deep/two.svg cannot be read" in third.stderr
    assert "2 drawings" in (tmp_path / "g.html").read_text()
    assert len(json.loads(third.stdout)["skipped"]) == 2


def test_without_any_policy_one_is_asked_for(vtrain: Vtrain, logo: Path) -> None:
    done = vtrain("trace", logo, "-o", "out.svg", "--checkpoint", "latest")

    assert done.returncode == 2
    assert "There is no run under runs/" in done.stderr


def test_a_trace_loads_what_one_trace_needs(tmp_path: Path, logo: Path, policy: Path) -> None:
    program = (
        "import sys\n"
        "from vtrain.cli.start import main\n"
        f"sys.argv = ['vtrain', 'trace', {str(logo)!r}, '-o', 'out.svg', "
        f"'--policy', {str(policy)!r}]\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**unwatched(), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
    assert (tmp_path / "out.svg").exists()
