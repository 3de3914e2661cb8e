"""What is traced: the images that inputs name, and where each drawing goes."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
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
        contested: Whether other images would have the same drawing if they were alone.
    """

    name: str
    output: Path | None
    contested: bool = False

    @property
    def title(self) -> str | None:
        """What the drawing shows: its file's stem; None when nothing tells."""
        if self.name != STANDARD:
            return Path(self.name).stem
        return self.output.stem if self.output is not None else None

    @property
    def done(self) -> bool:
        """Whether the drawing is there, newer than the image and surely of it."""
        # Of an image that came since, a contested drawing could be another one's.
        if self.output is None or self.name == STANDARD or self.contested:
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
    found = [item for text in inputs for item in _expand(text, output)]
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
    """A place for each drawing, that no two share.

    Of images whose drawings would have one name, the one with the shortest path has it, or the
    first of those; the others keep their whole name in it, or that of their folder too. So none
    depends on the order in which they are given. Letters that differ in case alone are one name on
    some systems.

    Args:
        wanted: Names of images, and the drawing that each would have if it were alone.
    """
    images: dict[tuple[Path, Path], str] = {}
    for name, target in wanted:
        images.setdefault((Path(name).resolve(), target), name)
    pairs = [(name, target) for (_, target), name in images.items()]
    alike: dict[str, list[int]] = {}
    for number, (_, target) in enumerate(pairs):
        alike.setdefault(str(target).casefold(), []).append(number)
    firsts = {min(some, key=lambda n: _rank(pairs[n][0])): len(some) for some in alike.values()}
    chosen = {number: pairs[number][1] for number in firsts}
    taken = set(alike)
    for named in (_by_name, _by_folder, _by_path):
        places = {n: named(*pair) for n, pair in enumerate(pairs) if n not in chosen}
        keys = {number: str(place).casefold() for number, place in places.items()}
        count = Counter(keys.values())
        chosen |= {n: places[n] for n, key in keys.items() if count[key] == 1 and key not in taken}
        taken.update(keys.values())
    return [
        Job(name, chosen[number], contested=firsts.get(number, 1) > 1)
        for number, (name, _) in enumerate(pairs)
    ]


def _rank(name: str) -> tuple[int, str]:
    path = Path(name).resolve()
    return len(path.parts), str(path)


def _by_name(name: str, target: Path) -> Path:
    return target.with_name(f"{Path(name).name}.svg")


def _by_folder(name: str, target: Path) -> Path:
    path = Path(name).resolve()
    return target.with_name(f"{path.parent.name}-{path.name}.svg")


def _by_path(name: str, target: Path) -> Path:
    path = Path(name).absolute()  # not resolved: links to one image have drawings of their own
    digest = hashlib.sha256(str(path).encode(errors="surrogateescape")).hexdigest()
    return target.with_name(f"{path.name}-{digest[:12]}.svg")


def _expand(text: str, output: Path | None) -> list[tuple[str, Path]]:
    """The images that an input names, each with its path under the output folder.

    Drawings of before are no images, where their folder is in the one that is traced.
    """
    if text == STANDARD:
        return [(STANDARD, Path("stdin"))]
    path = Path(text)
    if path.is_dir():
        if not os.access(path, os.R_OK | os.X_OK):
            raise DataError(f"The folder {path} cannot be read.", hint="Check its permissions.")
        files = sorted(
            item for item in path.rglob("*") if item.suffix.lower() in SUFFIXES and item.is_file()
        )
        drawings = output.resolve() if output is not None else None
        if drawings is not None and path.resolve() in drawings.parents:
            files = [item for item in files if drawings not in item.resolve().parents]
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
    return [item for match in matches for item in _expand(match, output)]
