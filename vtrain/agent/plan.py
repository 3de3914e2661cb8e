"""What is traced: the images that inputs name, and where each drawing goes."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vtrain.errors import DataError, UsageError

STANDARD = "-"
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".svg"))
"""Files of a folder that are taken; files named one by one are judged by content alone."""


@dataclass(frozen=True, slots=True)
class Job:
    """One image to trace.

    Attributes:
        name: The image as the user named it; ``-`` for standard input.
        output: Where its SVG goes; None for standard output.
    """

    name: str
    output: Path | None

    @property
    def title(self) -> str | None:
        """What the drawing shows: its file's stem; None when nothing tells."""
        if self.name != STANDARD:
            return Path(self.name).stem
        return self.output.stem if self.output is not None else None

    @property
    def done(self) -> bool:
        """Whether the drawing is there and newer than the image."""
        if self.output is None or self.name == STANDARD:
            return False
        try:
            return self.output.stat().st_mtime_ns > Path(self.name).stat().st_mtime_ns
        except OSError:  # no drawing yet; what is wrong with an image, reading it will tell
            return False


def plan(inputs: Sequence[str], output: Path | None) -> list[Job]:
    """Each image with where its drawing goes, in the order of the inputs.

    Args:
        inputs: Files, folders, globs, or ``-`` for standard input.
        output: A file for one image, a folder for several or for a folder, ``-`` for standard
            output; None for one image's drawing beside it, or on standard output where the image
            comes from standard input.

    Raises:
        DataError: An input does not exist or names no image.
        UsageError: Several images would go to one file, or to no one knows where, or a drawing
            would replace an image.
    """
    jobs = _jobs(inputs, output)
    _spare_inputs(jobs)
    return jobs


def spare_drawings(jobs: Sequence[Job]) -> None:
    """Refuse to replace files that nobody has named.

    Args:
        jobs: Those to be done, planned without an output.

    Raises:
        UsageError: A drawing's place is taken.
    """
    for job in jobs:
        if job.output is not None and job.output.exists():
            raise UsageError(
                f"{job.output} is there already.",
                hint=f"Name it to replace it, or another: -o {job.output}",
            )


def _jobs(inputs: Sequence[str], output: Path | None) -> list[Job]:
    found = [item for text in inputs for item in _expand(text)]
    several = len(found) > 1 or any(Path(text).is_dir() for text in inputs)
    if output is None:
        if several:
            raise UsageError("Several images need a place to go.", hint="Name a folder: -o DIR")
        name = found[0][0]
        return [Job(name, None if name == STANDARD else Path(name).with_suffix(".svg"))]
    if str(output) == STANDARD:
        if several:
            raise UsageError("Several images cannot go to standard output.", hint="Give a folder.")
        return [Job(name, None) for name, _ in found]
    if several and output.suffix.lower() == ".svg":
        raise UsageError(f"Several images cannot go to {output}.", hint="Give a folder.")
    if not several and (output.suffix.lower() == ".svg" or found[0][0] == STANDARD):
        return [Job(found[0][0], output)]
    return _distinct([(name, output / relative.with_suffix(".svg")) for name, relative in found])


def _spare_inputs(jobs: Sequence[Job]) -> None:
    """Refuse to write a drawing over one of the images, before anything is written."""
    images = {Path(job.name).resolve() for job in jobs if job.name != STANDARD}
    for job in jobs:
        if job.output is not None and job.output.resolve() in images:
            raise UsageError(
                f"The drawing of {job.name} would replace the image {job.output}.",
                hint="Name another folder or file with -o.",
            )


def _distinct(wanted: Sequence[tuple[str, Path]]) -> list[Job]:
    """Two images of one stem keep both drawings: the later one keeps its suffix in the name."""
    taken: set[Path] = set()
    jobs = []
    for name, target in wanted:
        chosen = target
        if chosen in taken:
            chosen = target.with_name(Path(name).name + ".svg")
        number = 2
        while chosen in taken:
            chosen = target.with_name(f"{Path(name).name}-{number}.svg")
            number += 1
        taken.add(chosen)
        jobs.append(Job(name, chosen))
    return jobs


def _expand(text: str) -> list[tuple[str, Path]]:
    """The images that an input names, each with its path under the output folder."""
    if text == STANDARD:
        return [(STANDARD, Path("stdin"))]
    path = Path(text)
    if path.is_dir():
        if not os.access(path, os.R_OK | os.X_OK):
            raise DataError(f"The folder {path} cannot be read.", hint="Check its permissions.")
        files = sorted(
            item for item in path.rglob("*") if item.suffix.lower() in SUFFIXES and item.is_file()
        )
        if not files:
            kinds = " ".join(sorted(SUFFIXES))
            raise DataError(
                f"The folder {path} holds no image ({kinds}).", hint="Name one that does."
            )
        return [(str(item), item.relative_to(path)) for item in files]
    if path.exists() or path.is_symlink():
        return [(text, Path(path.name))]
    matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207  the pattern may be absolute
    if not matches:
        raise DataError(f"{text} does not exist.", hint="Check the path, or quote a pattern.")
    return [item for match in matches for item in _expand(match)]
