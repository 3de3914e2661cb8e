"""Fetch a real set of logos through the npm client that the user has.

The set is ``@iconify-json/logos`` (SVG logos of known brands, CC0-1.0), one JSON file of SVG
bodies. npm brings the package, states its integrity, and this module checks the archive against
it before anything is read out of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtrain.config.section import CATEGORIES, Category
from vtrain.errors import DataError
from vtrain.rundir import write_bytes

logger = logging.getLogger(__name__)

PACKAGE = "@iconify-json/logos"
LICENCE = "CC0-1.0"
_SOURCE = "source.json"
_ARCHIVE = "package.tgz"
_TOLD = "told.json"
_MEMBER = "package/icons.json"
_MAX_JSON = 200_000_000  # bytes; the set has about 7 MB
_TIME_LIMIT = 180.0  # seconds
_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|(?<==\")(?:rgb\([^)]*\))")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched.

    Args:
        folder: Where the SVG files are, in a folder per category.
        version: The package's version.
        counts: Files per category, in the order of `CATEGORIES`.
        fresh: Whether they were written now; False when they were there.
    """

    folder: Path
    version: str
    counts: tuple[tuple[Category, int], ...]
    fresh: bool = True

    @property
    def total(self) -> int:
        """Files in all."""
        return sum(count for _, count in self.counts)


def fetch_logos(folder: Path, *, version: str = "latest") -> Fetched:
    """Fetch the logo set into `folder`: whole or not at all, going on where a fetch was cut short.

    The checked archive waits beside the goal until every file is written. A folder that holds the
    set already is left as it is.

    Args:
        folder: A new or empty folder, or one that was fetched before.
        version: The package's version, such as ``1.2.19``, or ``latest``.

    Returns:
        Where the files are and how many.

    Raises:
        DataError: `folder` holds something else, npm is missing or fails, or the archive does not
            match the integrity that npm states.
        StorageError: A file cannot be written.
    """
    if not re.fullmatch(r"latest|\d+(\.\d+){0,2}", version):
        raise DataError(f"{version!r} is no version.", hint="Use a number such as 1.2.19.")
    folder = folder.absolute()
    partial = folder.with_name(f".{folder.name}.partial")
    filled = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if filled and not (folder.is_dir() and partial.is_dir()):
        return _fetched_before(folder, version)
    archive, found = _waiting(partial, version) or _download(partial, version)
    try:
        document = _read_icons(archive)
    except DataError:  # it is what npm sent: keeping it would only fail again
        shutil.rmtree(partial)
        raise
    # Written beside the goal and renamed, so that a half-written set is never taken for one.
    fetched = _write(document, partial / "set", folder, found)
    if folder.is_dir():
        # It may be the folder that the user is in: it is filled, not replaced.
        for item in sorted((partial / "set").iterdir(), key=lambda one: one.name == _SOURCE):
            item.rename(folder / item.name)
    else:
        (partial / "set").rename(folder)
    shutil.rmtree(partial)
    return fetched


def _fetched_before(folder: Path, version: str) -> Fetched:
    """What a fetch left in a folder that is not empty."""
    source = folder / _SOURCE
    try:
        told = json.loads(source.read_bytes())
        same = told["package"] == PACKAGE and version in ("latest", told["version"])
    except (OSError, ValueError, LookupError, TypeError):
        same = False
    if not same:
        raise DataError(f"{folder} exists and is not empty.", hint="Name a new folder.")
    counts = tuple(
        (category, sum(1 for _ in (folder / category).glob("*.svg"))) for category in CATEGORIES
    )
    return Fetched(folder, str(told["version"]), counts, fresh=False)


def _waiting(partial: Path, version: str) -> tuple[Path, str] | None:
    """The archive of a fetch that was cut short, when it is whole and of the wanted version."""
    try:
        told = json.loads((partial / _TOLD).read_bytes())
        archive, found = partial / _ARCHIVE, str(told["version"])
        if version not in ("latest", found):
            return None
        _check_integrity(archive, told["integrity"])
    except (OSError, ValueError, LookupError, TypeError, DataError):
        return None
    return archive, found


def _download(partial: Path, version: str) -> tuple[Path, str]:
    """Fetch the archive, and keep it beside the goal once it is checked."""
    with tempfile.TemporaryDirectory(prefix="vtrain-fetch-") as temporary:
        archive, integrity, found = _pack(Path(temporary), version)
        if partial.exists():
            shutil.rmtree(partial)
        write_bytes(partial / _ARCHIVE, archive.read_bytes())
    told = {"version": found, "integrity": integrity}
    write_bytes(partial / _TOLD, json.dumps(told).encode())
    return partial / _ARCHIVE, found


def _pack(folder: Path, version: str) -> tuple[Path, str, str]:
    """Run ``npm pack``; gives the checked archive, its integrity and its version."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(
            "npm is not installed, and the logo set comes through it.",
            hint="Install Node.js with npm, or make sample logos: "
            "'vtrain data sample DIR --count 200'.",
        )
    command = [npm, "pack", f"{PACKAGE}@{version}", "--json", "--ignore-scripts"]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and every argument is checked above
            command, cwd=folder, capture_output=True, text=True, timeout=_TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"npm did not answer within {_TIME_LIMIT:g} s.", hint="Check the network and try again."
        ) from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = "; ".join(lines[:3])[:400] or f"exit code {done.returncode}"
        raise DataError(
            f"npm could not fetch {PACKAGE}: {said}.",
            hint="Check the network and npm's settings ('npm ping'), then try again.",
        )
    try:
        told = json.loads(done.stdout)[0]
        archive, integrity, found = folder / told["filename"], told["integrity"], told["version"]
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(
            "npm's answer is not understood: it names no file and integrity.",
            hint="Update npm to version 7 or later.",
        ) from error
    _check_integrity(archive, integrity)
    return archive, str(integrity), str(found)


def _check_integrity(archive: Path, integrity: str) -> None:
    """Compare the archive with ``sha512-BASE64`` (W3C Subresource Integrity)."""
    kind, _, encoded = integrity.partition("-")
    try:
        expected = base64.b64decode(encoded, validate=True)
        data = archive.read_bytes()
    except (OSError, binascii.Error) as error:
        raise DataError(f"npm's archive cannot be checked: {error}.") from error
    if kind != "sha512" or hashlib.sha512(data).digest() != expected:
        raise DataError(
            "The archive does not match the integrity that npm states; nothing was kept.",
            hint="Clear npm's cache ('npm cache verify') and try again.",
        )


def _read_icons(archive: Path) -> dict[str, Any]:
    """The one JSON file of the archive; nothing is unpacked to disk."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            member = tar.extractfile(_MEMBER)
            if member is None:
                raise DataError(f"The package holds no {_MEMBER}.")
            document = json.loads(member.read(_MAX_JSON))
    except (OSError, tarfile.TarError, KeyError, ValueError, EOFError) as error:
        raise DataError(f"The package cannot be read: {error}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("icons"), dict):
        raise DataError(f"The package's {_MEMBER} holds no icons.")
    return document


def _write(document: dict[str, Any], partial: Path, folder: Path, version: str) -> Fetched:
    counts: dict[Category, int] = dict.fromkeys(CATEGORIES, 0)
    for name, icon in sorted(document["icons"].items()):
        if not _NAME.fullmatch(name) or not isinstance(icon, dict) or icon.get("hidden"):
            continue
        svg = svg_of(icon, document)
        category = category_of_svg(name, svg)
        write_bytes(partial / category / f"logos-{name}.svg", svg.encode(), flush=False)
        counts[category] += 1
    if not sum(counts.values()):
        raise DataError("The package holds no logos that can be used.")
    source = {"package": PACKAGE, "version": version, "licence": LICENCE}
    write_bytes(partial / _SOURCE, (json.dumps(source, indent=2) + "\n").encode())
    return Fetched(folder, version, tuple(counts.items()))


def svg_of(icon: dict[str, Any], document: dict[str, Any]) -> str:
    """The SVG document of one icon of an Iconify JSON set (sizes default to 16 there)."""

    def number(key: str, default: float) -> float:
        value = icon.get(key, document.get(key, default))
        return value if isinstance(value, int | float) else default

    width, height = number("width", 16), number("height", 16)
    box = f"{number('left', 0):g} {number('top', 0):g} {width:g} {height:g}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width:g}" height="{height:g}" viewBox="{box}">{icon.get("body", "")}</svg>\n'
    )


def category_of_svg(name: str, svg: str) -> Category:
    """Sort a logo by its SVG: gradients, then wide wordmarks, then few paths and colours.

    Args:
        name: The icon's name; ``-icon`` at its end says that it is no wordmark.
        svg: The document, with a ``viewBox``.
    """
    if "Gradient" in svg:
        return "gradient"
    box = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg)
    width, height = (float(box[1]), float(box[2])) if box else (1.0, 1.0)
    if not name.endswith("-icon") and height > 0 and width / height > 2:
        return "text"
    shapes = len(re.findall(r"<(?:path|circle|rect|ellipse|polygon|polyline|line)\b", svg))
    colours = {colour.lower() for colour in _COLOUR.findall(svg)}
    return "simple" if shapes <= 3 and len(colours) <= 2 else "complex"
