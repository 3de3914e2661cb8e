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
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vtrain.checkpoints.checkpoint import Checkpoint, Loaded, pack
from vtrain.checkpoints.manifest import (
    MANIFEST,
    FileRecord,
    Manifest,
    is_file_name,
)
from vtrain.checkpoints.names import checkpoint_name, parse_name
from vtrain.checkpoints.pins import read_pins, set_pins_aside, write_pins
from vtrain.checkpoints.pointers import POINTERS, read_pointer, write_pointer
from vtrain.checkpoints.retention import Candidate, Removal, Rules, surplus
from vtrain.checkpoints.sealed import NewerSchema
from vtrain.checkpoints.summary import summary
from vtrain.errors import CheckpointError
from vtrain.rundir import (
    RunDirectory,
    library_versions,
    make_folder,
    now,
    storage_error,
    sync_folder,
    to_json,
    write_json,
    write_new,
)

__all__ = ["Checkpoint", "CheckpointStore", "Loaded"]

logger = logging.getLogger(__name__)

_TRAIN = "Make one with 'vtrain train'."


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
        path = self._write(step, {**content, MANIFEST: manifest.to_bytes()})
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
        """What is wrong with a checkpoint's files; empty when all are as they were written."""
        return checkpoint.problems()

    def resolve(self, which: str) -> Checkpoint:
        """The checkpoint that ``best``, ``latest`` or a step names, verified.

        For ``best`` and ``latest`` a damaged one is set aside and the next one taken, with a
        warning in the log; a step is that step or an error.

        Raises:
            CheckpointError: There is none that verifies.
        """
        found = self._found()
        candidates = [item for item in found if isinstance(item, Checkpoint)][::-1]
        if which == "best":
            candidates.sort(key=self._merit(), reverse=True)
        elif which != "latest":
            return self._at_step(which, candidates)
        newer: list[CheckpointError] = []
        for item in found:
            if isinstance(item, Checkpoint):
                continue
            path, error = item
            if isinstance(error, NewerSchema):
                newer.append(error)
            else:
                self._set_aside(path, error.message)
        for checkpoint in candidates:
            problems = checkpoint.problems()
            if not problems:
                if checkpoint is not candidates[0]:
                    logger.warning("%s is used instead.", checkpoint.name)
                return checkpoint
            self._set_aside(checkpoint.path, problems[0])
        if newer:
            raise newer[-1]
        bad = len(self.damaged())
        what = f"{bad} are damaged and none is whole" if bad else "there is none yet"
        raise CheckpointError(f"No checkpoint can be used from {self.folder}: {what}.", hint=_TRAIN)

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
            self._remove(self.folder.glob(".*.tmp"))
            self._remove(self.folder / item.name for item in removed)
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
            StorageError: It cannot be written.
        """
        write_pins(self.folder, {**self.pins(), checkpoint.name: note})
        self._describe()

    def unpin(self, checkpoint: Checkpoint) -> bool:
        """Let the rules decide again; whether it was pinned.

        Raises:
            CheckpointError: The list of pins is damaged.
            StorageError: It cannot be written.
        """
        pinned = self.pins()
        if checkpoint.name not in pinned:
            return False
        del pinned[checkpoint.name]
        write_pins(self.folder, pinned)
        self._describe()
        return True

    def repair(self) -> dict[str, str | None]:
        """Set damaged checkpoints aside and point `latest` and `best` at what verifies.

        A damaged list of pins is set aside too, so that a new one can begin.

        Returns:
            What each pointer names now; None where nothing is left to name.

        Raises:
            StorageError: A pointer cannot be written.
        """
        whole: list[Checkpoint] = []
        for item in self._found():
            if isinstance(item, Checkpoint):
                problems = item.problems()
                if problems:
                    self._set_aside(item.path, problems[0])
                else:
                    whole.append(item)
            elif not isinstance(item[1], NewerSchema):
                self._set_aside(item[0], item[1].message)
        judged = [item for item in whole if item.utility is not None]
        best = self.pointer("best")
        chosen = next((item for item in judged if item.name == best), None) or max(
            judged, key=lambda item: (item.utility, item.step), default=None
        )
        for name, target in (("latest", whole[-1] if whole else None), ("best", chosen)):
            if target is not None:
                self._point(name, target)
            else:
                (self.folder / f"{name}.json").unlink(missing_ok=True)
        self._repair_pins()
        self._describe()
        return {name: self.pointer(name) for name in POINTERS}

    def _repair_pins(self) -> None:
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
            problems = checkpoint.problems()
            if not problems:
                return checkpoint
            logger.warning("%s is damaged: %s", checkpoint.path, problems[0])
        steps = ", ".join(str(item.step) for item in candidates[::-1]) or "none"
        what = "is damaged" if same else "does not exist"
        raise CheckpointError(
            f"The checkpoint {which} in {self.folder} {what}. The steps there are: {steps}.",
            hint="Give one of these, 'best' or 'latest'.",
        )

    def _merit(self) -> Callable[[Checkpoint], tuple[bool, float, int]]:
        best = self.pointer("best")

        def merit(item: Checkpoint) -> tuple[bool, float, int]:
            utility = -math.inf if item.utility is None else item.utility
            return (item.name == best, utility, item.step)

        return merit

    def _set_aside(self, path: Path, reason: str) -> None:
        if not path.exists():  # pruned by the trainer in the meantime
            return
        target = path.with_name(f"{path.name}.bad")
        if target.exists():
            target = path.with_name(f"{path.name}.bad-{secrets.token_hex(4)}")
        try:
            path.rename(target)
        except OSError as error:
            logger.warning("%s is damaged and stays where it is (%s): %s", path, error, reason)
        else:
            logger.warning("A damaged checkpoint was set aside as %s: %s", target, reason)

    def _write(self, step: int, content: Mapping[str, bytes]) -> Path:
        make_folder(self.folder)
        final = self.folder / checkpoint_name(step)
        temporary = self.folder / f".{final.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
        revision = 1
        while final.exists() or final.with_name(f"{final.name}.bad").exists():
            revision += 1  # a resumed run saves the same step again: a new name, never replaced
            final = self.folder / checkpoint_name(step, revision)
        try:
            temporary.mkdir()
            for file, data in content.items():
                write_new(temporary / file, data)
            sync_folder(temporary)
            temporary.rename(final)
            sync_folder(self.folder)
        except OSError as error:
            raise storage_error(error, final) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return final

    def _point(self, name: str, checkpoint: Checkpoint) -> None:
        write_pointer(self.folder, name, checkpoint)
        self._describe()

    def _remove(self, paths: Iterable[Path]) -> None:
        for path in paths:
            # Under a hidden name first: half a checkpoint must not look like one.
            hidden = path if path.name.startswith(".") else path.with_name(f".{path.name}.tmp")
            try:
                if hidden != path:
                    path.rename(hidden)
                if hidden.is_dir():
                    shutil.rmtree(hidden)
                else:
                    hidden.unlink()
            except OSError as error:
                raise storage_error(error, path) from error

    def _describe(self) -> None:
        try:
            pinned = self.pins()
        except CheckpointError as error:
            logger.warning("%s", error)
            pinned = {}
        told = summary(
            self.checkpoints(),
            pointers={name: self.pointer(name) for name in POINTERS},
            pinned=pinned,
            damaged=[path.name for path, _ in self.damaged()],
        )
        write_json(RunDirectory(self.folder.parent).checkpoint_info, told)


def _candidate(item: Checkpoint) -> Candidate:
    return Candidate(
        item.name,
        item.step,
        update=item.update,
        created=item.written,
        size=item.size,
        metrics=item.metrics,
    )
