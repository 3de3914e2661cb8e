"""Tracing of files and folders: what is read, where each drawing goes."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtrain.agent.agent import TraceAgent, TraceResult
from vtrain.errors import DataError, ImageRefused, TraceError, UsageError, VtrainError
from vtrain.images import decode
from vtrain.rundir import write_text
from vtrain.scoring.utility import lambda_of
from vtrain.tracing.parameters import settings_dict

STANDARD = "-"
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".svg"))
"""Files of a folder that are taken; files named one by one are judged by content alone."""


@dataclass(frozen=True, slots=True)
class Traced:
    """One image of a batch.

    Attributes:
        name: The image as the user named it.
        output: Where its SVG went; None for standard output.
        result: The drawing; None when it failed.
        error: Why it failed; None when it did not.
    """

    name: str
    output: Path | None
    result: TraceResult | None
    error: VtrainError | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON values, without the drawing itself."""
        row: dict[str, Any] = {"input": self.name}
        row["output"] = str(self.output) if self.output else None
        if self.result is not None:
            row["bytes"] = len(self.result.svg.encode())
            row["traces"] = self.result.traces
            row["score"] = self.result.score
            row["settings"] = settings_dict(self.result.settings)
        if self.error is not None:
            row["error"] = str(self.error)
        return row


def trace_files(
    agent: TraceAgent, inputs: Sequence[str], output: Path, *, prefer: str, traces: int
) -> Iterator[Traced]:
    """Trace images one after another; one that fails is reported and the rest go on.

    Args:
        agent: The policy.
        inputs: Files, folders, globs, or ``-`` for standard input.
        output: A file for one image, a folder for several or for a folder, ``-`` for standard
            output.
        prefer: Taste, as `TraceAgent.trace`.
        traces: Traces per image.

    Raises:
        DataError: An input does not exist or names no image.
        UsageError: The taste is unknown, several images would go to one file, or a drawing would
            replace an image.
        StorageError: A drawing cannot be written.
    """
    lambda_of(prefer, agent.scoring)
    plan = _plan(inputs, output)
    _spare_inputs(plan)
    for name, target in plan:
        try:
            result = _trace_one(agent, name, prefer=prefer, traces=traces)
        except (ImageRefused, TraceError) as error:
            yield Traced(name, target, None, error)
            continue
        if target is not None:
            write_text(target, result.svg)
        yield Traced(name, target, result, None)


def _spare_inputs(plan: list[tuple[str, Path | None]]) -> None:
    """Refuse to write a drawing over one of the images, before anything is written."""
    images = {Path(name).resolve() for name, _ in plan if name != STANDARD}
    for name, target in plan:
        if target is not None and target.resolve() in images:
            raise UsageError(
                f"The drawing of {name} would replace the image {target}.",
                hint="Give another folder or file with -o.",
            )


def _trace_one(agent: TraceAgent, name: str, *, prefer: str, traces: int) -> TraceResult:
    if name != STANDARD:
        return agent.trace(Path(name), prefer=prefer, traces=traces)
    side = 4 * agent.network.input_size
    picture = decode(sys.stdin.buffer.read(), name="standard input", svg_side=side)
    return agent.trace(picture.rgba, prefer=prefer, traces=traces)


def _plan(inputs: Sequence[str], output: Path) -> list[tuple[str, Path | None]]:
    """Each image with where its drawing goes."""
    found = [item for text in inputs for item in _expand(text)]
    several = len(found) > 1 or any(Path(text).is_dir() for text in inputs)
    if str(output) == STANDARD:
        if several:
            raise UsageError("Several images cannot go to standard output.", hint="Give a folder.")
        return [(name, None) for name, _ in found]
    if several and output.suffix.lower() == ".svg":
        raise UsageError(f"Several images cannot go to {output}.", hint="Give a folder.")
    if not several and (output.suffix.lower() == ".svg" or found[0][0] == STANDARD):
        return [(found[0][0], output)]
    return _distinct([(name, output / relative.with_suffix(".svg")) for name, relative in found])


def _distinct(plan: list[tuple[str, Path]]) -> list[tuple[str, Path | None]]:
    """Two images of one stem keep both drawings: the later one keeps its suffix in the name."""
    taken: set[Path] = set()
    result: list[tuple[str, Path | None]] = []
    for name, target in plan:
        chosen = target
        if chosen in taken:
            chosen = target.with_name(Path(name).name + ".svg")
        number = 2
        while chosen in taken:
            chosen = target.with_name(f"{Path(name).name}-{number}.svg")
            number += 1
        taken.add(chosen)
        result.append((name, chosen))
    return result


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
