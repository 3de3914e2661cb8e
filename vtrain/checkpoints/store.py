"""Saving and loading checkpoints so that a crash at any moment costs at most the newest one.

A checkpoint is written to a temporary sibling, every file flushed, the manifest last; then the
folder is renamed to its final, new name, and only then do the pointers move and old ones go.
A pointer is a hint: the truth is the newest checkpoint that verifies. Loading checks size and
SHA-256 before it parses anything; what fails is set aside as ``NAME.bad``, never deleted.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vtrain.checkpoints.checkpoint import Checkpoint, Loaded, pack
from vtrain.checkpoints.folders import pass_over, remove, write_folder
from vtrain.checkpoints.manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    is_file_name,
)
from vtrain.checkpoints.names import parse_name
from vtrain.checkpoints.pins import change_pins, read_pins, set_pins_aside
from vtrain.checkpoints.pointers import POINTERS, read_pointer, write_pointer
from vtrain.checkpoints.retention import Candidate, Removal, Rules, surplus
from vtrain.checkpoints.sealed import NewerSchema
from vtrain.checkpoints.summary import summary
from vtrain.errors import CheckpointError
from vtrain.rundir import (
    RunDirectory,
    json_file,
    library_versions,
    now,
    storage_error,
    to_json,
    write_together,
)

__all__ = ["Checkpoint", "CheckpointStore", "Loaded"]

logger = logging.getLogger(__name__)

_TRAIN = "Make one with 'vtrain train'."


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair did.

    Attributes:
        pointers: What `latest` and `best` name now; None where nothing is left to name.
        set_aside: Names of what was damaged and is out of the way now.
        newer: Names of checkpoints of a later version, left as they are.
    """

    pointers: dict[str, str | None]
    set_aside: list[str]
    newer: list[str]


class CheckpointStore:
    """The checkpoints of one run.

    Args:
        folder: The run's `checkpoints` folder; need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(
        self,
        step: int,
        *,
        tensors: Mapping[str, Mapping[str, NDArray[Any]]],
        documents: Mapping[str, Any],
        info: Mapping[str, Any],
    ) -> Checkpoint:
        """Write a checkpoint and point `latest` at it.

        Args:
            step: Traces (environment steps) behind it.
            tensors: Named groups of arrays; each becomes ``KEY.safetensors``.
            documents: Values of JSON's types; each becomes ``KEY.json``. Infinities and NaN come
                back as they were.
            info: What to know without loading: ``utility``, hashes, the table's digest.

        Raises:
            StorageError: It cannot be written; nothing of it is left.
        """
        content = {f"{key}.safetensors": pack(group) for key, group in tensors.items()}
        content |= {f"{key}.json": json.dumps(item).encode() for key, item in documents.items()}
        for name in content:
            if not is_file_name(name):
                msg = f"{name!r} is not a name for a checkpoint's file"
                raise ValueError(msg)
        records = {
            name: FileRecord(len(data), hashlib.sha256(data).hexdigest())
            for name, data in content.items()
        }
        said = json.loads(to_json(info))
        manifest = Manifest(step, now(), records, library_versions(), said)
        path = write_folder(self.folder, step, {**content, MANIFEST: manifest.to_bytes()})
        checkpoint = Checkpoint(step, path, manifest)
        self._point("latest", checkpoint)
        return checkpoint

    def checkpoints(self) -> list[Checkpoint]:
        """All whose manifest can be read, by step and then by age."""
        return [item for item in self._found() if isinstance(item, Checkpoint)]

    def damaged(self) -> list[tuple[Path, str]]:
        """Folders that should be checkpoints and are not, with the reason; set-aside ones too."""
        found = [(path, "set aside") for path in sorted(self.folder.glob("step-*.bad*"))]
        found += [(item[0], item[1].message) for item in self._found() if isinstance(item, tuple)]
        return found

    def verify(self, checkpoint: Checkpoint) -> list[str]:
        """What is wrong with a checkpoint; empty when it is as it was written, and loads."""
        problems = checkpoint.problems()
        if not problems:
            try:
                checkpoint.load()
            except CheckpointError as error:
                problems = [error.message]
        return problems

    def occupied(self) -> bool:
        """Whether anything is there that is a checkpoint, or was one, or will be readable later."""
        return bool(self._found()) or any(self.folder.glob("step-*.bad*"))

    def resolve(self, which: str, *, set_aside: bool = False) -> Checkpoint:
        """The checkpoint that ``best``, ``latest`` or a step names, verified.

        For ``best`` and ``latest`` a damaged one is passed over and the next one taken, with a
        warning in the log; a step is that step or an error.

        Args:
            which: ``best``, ``latest``, a step or a name.
            set_aside: Whether damaged ones are renamed, so that nobody meets them again; for who
                holds the lock of the run.

        Raises:
            CheckpointError: There is none that verifies.
        """
        found = self._found()
        candidates = [item for item in found if isinstance(item, Checkpoint)][::-1]
        if which == "best":
            candidates.sort(key=self._merit(candidates), reverse=True)
        elif which != "latest":
            return self._at_step(which, candidates)
        newer = self._unreadable(found, rename=set_aside)
        for checkpoint in candidates:
            problems = self.verify(checkpoint)
            if problems:
                pass_over(checkpoint.path, problems[0], rename=set_aside)
                continue
            for error in newer:
                logger.warning("%s", error.message)
            if newer or checkpoint is not candidates[0]:
                logger.warning("%s is used instead.", checkpoint.name)
            return checkpoint
        raise self._none_usable(newer, len(candidates))

    def _unreadable(
        self, found: Iterable[Checkpoint | tuple[Path, CheckpointError]], *, rename: bool
    ) -> list[CheckpointError]:
        """Pass over those whose manifest is damaged; what is said of those of a later version."""
        newer: list[CheckpointError] = []
        for item in found:
            if isinstance(item, Checkpoint):
                continue
            path, error = item
            if isinstance(error, NewerSchema):
                newer.append(error)
            else:
                pass_over(path, error.message, rename=rename)
        return newer

    def _none_usable(self, newer: Sequence[CheckpointError], tried: int) -> CheckpointError:
        if newer:
            return newer[-1]
        where = f"No checkpoint can be used from {self.folder}"
        bad = max(tried, len(self.damaged()))
        if bad:
            return CheckpointError(
                f"{where}: {bad} are damaged and none is whole.",
                hint="Look with 'vtrain checkpoint verify', or train in another run directory.",
            )
        return CheckpointError(f"{where}: there is none yet.", hint=_TRAIN)

    def load(self, checkpoint: Checkpoint) -> Loaded:
        """Read a checkpoint, checking each file before it is parsed.

        Raises:
            CheckpointError: A file is missing or damaged.
        """
        return checkpoint.load()

    def mark_best(self, checkpoint: Checkpoint) -> None:
        """Point `best` at a checkpoint.

        Raises:
            StorageError: The pointer cannot be written.
        """
        self._point("best", checkpoint)

    def pointer(self, name: str) -> str | None:
        """The name of the checkpoint that `latest` or `best` points at; None when it is gone."""
        return read_pointer(self.folder, name)

    def prune(self, rules: Rules, *, dry_run: bool = False) -> list[Removal]:
        """Remove checkpoints by rules, never pinned ones, the newest that verifies, or the best.

        Args:
            rules: What stays.
            dry_run: Only say what would be removed.

        Returns:
            Those removed, with the reason.

        Raises:
            CheckpointError: The list of pins is damaged; nothing is removed.
            StorageError: One cannot be removed.
        """
        found = self.checkpoints()
        protected = {self.pointer("best") or "", *self.pins()}
        # Found anew each time: a checkpoint may have gone bad since it was written.
        protected.update(next(([it.name] for it in found[::-1] if not it.problems()), []))
        removed = surplus(
            [_candidate(item) for item in found], rules, now=time.time(), protected=protected
        )
        if not dry_run:
            # Left by a crash; only one process writes here.
            remove(self.folder.glob(".*.tmp"))
            remove(self.folder / item.name for item in removed)
            self._describe()
        return removed

    def pins(self) -> dict[str, str]:
        """Names of pinned checkpoints, with the note of each.

        Raises:
            CheckpointError: The list is damaged.
        """
        return read_pins(self.folder)

    def pin(self, checkpoint: Checkpoint, note: str = "") -> None:
        """Keep a checkpoint whatever the rules say.

        Raises:
            CheckpointError: The list of pins is damaged.
            StorageError: It cannot be written; then nothing has changed.
        """
        with change_pins(self.folder, self._description) as pinned:
            pinned[checkpoint.name] = note

    def unpin(self, checkpoint: Checkpoint) -> bool:
        """Let the rules decide again; whether it was pinned.

        Raises:
            CheckpointError: The list of pins is damaged.
            StorageError: It cannot be written; then nothing has changed.
        """
        with change_pins(self.folder, self._description) as pinned:
            return pinned.pop(checkpoint.name, None) is not None

    def repair(self) -> Repair:
        """Set damaged checkpoints aside and point `latest` and `best` at what verifies.

        A damaged list of pins is set aside too, so that a new one can begin.

        Raises:
            StorageError: A pointer cannot be written.
        """
        whole: list[Checkpoint] = []
        aside, newer = [], []
        for item in self._found():
            path, problems = (
                (item.path, self.verify(item))
                if isinstance(item, Checkpoint)
                else (item[0], [item[1].message])
            )
            if isinstance(item, tuple) and isinstance(item[1], NewerSchema):
                newer.append(path.name)
            elif problems:
                pass_over(path, problems[0], rename=True)
                aside.append(path.name)
            elif isinstance(item, Checkpoint):
                whole.append(item)
        judged = [item for item in whole if item.utility is not None]
        chosen = max(judged, key=self._merit(whole[::-1]), default=None)
        for name, target in (("latest", whole[-1] if whole else None), ("best", chosen)):
            if target is not None:
                self._point(name, target)
            else:
                (self.folder / f"{name}.json").unlink(missing_ok=True)
        pins = self._repair_pins()
        self._describe()
        pointers = {name: self.pointer(name) for name in POINTERS}
        return Repair(pointers, [*aside, *([pins] if pins else [])], newer)

    def _repair_pins(self) -> str | None:
        """Set a damaged list of pins aside; its name when it was."""
        try:
            self.pins()
        except NewerSchema:
            raise
        except CheckpointError as error:
            try:
                target = set_pins_aside(self.folder)
            except OSError as failure:
                raise storage_error(failure, self.folder) from failure
            logger.warning("%s It is kept as %s.", error.message, target)
            return "pins.json"
        return None

    def _found(self) -> list[Checkpoint | tuple[Path, CheckpointError]]:
        """What the folders named like checkpoints hold, by step and then by age."""
        if not self.folder.is_dir():
            return []
        named = [(parse_name(path.name), path) for path in self.folder.iterdir()]
        keyed = [(key, path) for key, path in named if key and path.is_dir()]
        found: list[Checkpoint | tuple[Path, CheckpointError]] = []
        for _, path in sorted(keyed):
            try:
                found.append(Checkpoint.read(path))
            except CheckpointError as error:
                found.append((path, error))
        return found

    def _at_step(self, which: str, candidates: Iterable[Checkpoint]) -> Checkpoint:
        candidates = list(candidates)
        same = [item for item in candidates if which in (str(item.step), item.name)]
        for checkpoint in same:
            problems = self.verify(checkpoint)
            if not problems:
                return checkpoint
            logger.warning("%s is damaged: %s", checkpoint.path, problems[0])
        steps = ", ".join(str(item.step) for item in candidates[::-1]) or "none"
        what = "is damaged" if same else "does not exist"
        raise CheckpointError(
            f"The checkpoint {which} in {self.folder} {what}. The steps there are: {steps}.",
            hint="Give one of these, 'best' or 'latest'.",
        )

    def _merit(
        self, newest_first: Sequence[Checkpoint]
    ) -> Callable[[Checkpoint], tuple[bool, bool, float, int]]:
        """Orders checkpoints by how good they are.

        First comes the one that is pointed at, then the one that the newest whole one takes for the
        best (which is not the one with the highest utility, but the last that was better beyond
        noise), then by utility, of equal ones the earlier; then those that were not judged.
        """
        pointed = self.pointer("best")
        recorded = None
        if pointed is None:
            whole = next((item for item in newest_first if not item.problems()), None)
            recorded = whole.best_step if whole else None

        def merit(item: Checkpoint) -> tuple[bool, bool, float, int]:
            if item.utility is None:
                return (item.name == pointed, item.step == recorded, -math.inf, item.step)
            return (item.name == pointed, item.step == recorded, item.utility, -item.step)

        return merit

    def _point(self, name: str, checkpoint: Checkpoint) -> None:
        write_pointer(self.folder, name, checkpoint)
        self._describe()

    def _describe(self) -> None:
        try:
            pinned = self.pins()
        except CheckpointError as error:
            logger.warning("%s", error)
            pinned = {}
        write_together(self._description(pinned))

    def _description(self, pinned: Mapping[str, str]) -> Mapping[Path, bytes]:
        """The file that tells of all checkpoints, for those who only read."""
        told = summary(
            self.checkpoints(),
            pointers={name: self.pointer(name) for name in POINTERS},
            pinned=pinned,
            damaged=[path.name for path, _ in self.damaged()],
        )
        return {RunDirectory(self.folder.parent).checkpoint_info: json_file(told)}


def _candidate(item: Checkpoint) -> Candidate:
    return Candidate(
        item.name,
        item.step,
        update=item.update,
        created=item.written,
        size=item.size,
        metrics=item.metrics,
    )
