"""The run directory: its layout, its identity and its lock.

Readers never need the lock. The writers of files come from `vtrain.files` and are at hand here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtrain import __version__
from vtrain.errors import UsageError
from vtrain.files import (
    JsonlWriter,
    json_file,
    make_folder,
    now,
    read_json,
    read_jsonl,
    storage_error,
    sync_folder,
    to_json,
    write_bytes,
    write_json,
    write_jsonl,
    write_new,
    write_text,
    write_together,
)
from vtrain.locks import hold

if TYPE_CHECKING:
    from vtrain.config.schema import Config

__all__ = [
    "JsonlWriter",
    "RunDirectory",
    "json_file",
    "library_versions",
    "make_folder",
    "now",
    "read_json",
    "read_jsonl",
    "storage_error",
    "sync_folder",
    "to_json",
    "write_bytes",
    "write_identity",
    "write_json",
    "write_jsonl",
    "write_new",
    "write_text",
    "write_together",
]

RUNS = Path("runs")
VERSIONED = ("torch", "stable-baselines3", "vtracer", "numpy", "opencv-python-headless")


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Names everything that a run keeps on disk.

    Args:
        root: The run's folder.
    """

    root: Path

    @classmethod
    def create(cls, path: Path | None, *, name: str) -> RunDirectory:
        """Make a run directory, or take one that is there.

        Args:
            path: The folder; None makes ``runs/YYYYMMDD-HHMMSS-NAME``.
            name: The run's name, from the config.

        Raises:
            StorageError: The folder cannot be made or written to.
        """
        if path is not None:
            make_folder(path)
        else:
            stem = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{name}"
            make_folder(RUNS)
            for suffix in ("", *(f"-{count}" for count in range(2, 1000))):
                path = RUNS / (stem + suffix)
                try:
                    path.mkdir()
                except FileExistsError:
                    continue
                except OSError as error:
                    raise storage_error(error, path) from error
                break
        assert path is not None  # noqa: S101 - narrows the type; the loop above sets it
        if not os.access(path, os.W_OK | os.X_OK):
            raise storage_error(OSError(errno.EACCES, os.strerror(errno.EACCES)), path)
        return cls(path)

    @classmethod
    def open(cls, path: Path | None) -> RunDirectory:
        """Take a run directory that exists.

        Args:
            path: The folder; None takes the run under ``runs/`` that was started last.

        Raises:
            UsageError: There is none, or the folder holds no run.
        """
        if path is not None:
            if not path.is_dir():
                what = "is a file, not a run directory" if path.exists() else "does not exist"
                raise UsageError(f"The run directory {path} {what}.", hint=_START)
            if cls(path).started is None:
                raise UsageError(
                    f"{path} is not a run directory: it holds neither run.json, config.yaml "
                    "nor data_cache.",
                    hint=_START,
                )
            return cls(path)
        folders = sorted(RUNS.iterdir()) if RUNS.is_dir() else []
        runs = [(cls(folder).started, folder) for folder in folders if folder.is_dir()]
        dated = [(started, folder) for started, folder in runs if started is not None]
        if not dated:
            raise UsageError(
                f"There is no run under {RUNS}/ in {Path.cwd()}.", hint=f"Name one. {_START}"
            )
        return cls(max(dated)[1])

    @property
    def started(self) -> float | None:
        """When the run was last started (s since the epoch); None when this is not a run."""
        for mark in (self.identity, self.config, self.data_cache):
            with contextlib.suppress(OSError):
                return mark.stat().st_mtime
        return None

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.root / "config.yaml"

    @property
    def identity(self) -> Path:
        """Name, versions, seed and lineage."""
        return self.root / "run.json"

    @property
    def data_cache(self) -> Path:
        """Folder of prepared images, their catalog and the measurement cache."""
        return self.root / "data_cache"

    @property
    def images(self) -> Path:
        """Folder of prepared images."""
        return self.data_cache / "images"

    @property
    def variants(self) -> Path:
        """Folder of changed copies of images that validations judge."""
        return self.data_cache / "variants"

    @property
    def known_files(self) -> Path:
        """What came of each file that was looked at."""
        return self.data_cache / "files.sqlite"

    @property
    def catalog(self) -> Path:
        """The list of prepared images."""
        return self.data_cache / "catalog.sqlite"

    @property
    def measurements(self) -> Path:
        """The measurement cache."""
        return self.data_cache / "measurements.sqlite"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.root / "checkpoints"

    @property
    def validation(self) -> Path:
        """Folder of validation results."""
        return self.root / "validation"

    @property
    def resource_monitoring(self) -> Path:
        """Folder of resource samples and their summary."""
        return self.root / "resource_monitoring"

    @property
    def curriculum(self) -> Path:
        """Folder of results per stage."""
        return self.root / "curriculum"

    @property
    def failures(self) -> Path:
        """Folder of what reproduces values that were not finite."""
        return self.root / "failures"

    @property
    def metrics(self) -> Path:
        """One record per update."""
        return self.root / "metrics.jsonl"

    @property
    def events(self) -> Path:
        """What happened, in order."""
        return self.root / "events.jsonl"

    @property
    def dataset_info(self) -> Path:
        """Summary of the corpus."""
        return self.root / "dataset_info.json"

    @property
    def checkpoint_info(self) -> Path:
        """Summary of the checkpoints."""
        return self.root / "checkpoint_info.json"

    def results(self, stamp: str) -> Path:
        """Results of one execution, for machines."""
        return self.root / f"execution_results_{stamp}.json"

    def report(self, stamp: str, suffix: str = ".txt") -> Path:
        """Report of one execution, for people; `suffix` is ``.txt`` or ``.html``."""
        return self.root / f"execution_report_{stamp}{suffix}"

    def record_event(self, kind: str, **fields: Any) -> None:
        """Append an event with the current time.

        Raises:
            StorageError: It cannot be written.
        """
        with JsonlWriter(self.events) as writer:
            writer.write({"time": now(), "kind": kind, **fields})

    def record_damaged_cache(self, entries: int) -> None:
        """Append that entries of the measurement cache were damaged; they are measured again.

        Args:
            entries: How many (count).

        Raises:
            StorageError: It cannot be written.
        """
        self.record_event("cache-damaged", file=str(self.measurements), entries=entries)

    def lock(self, purpose: str) -> contextlib.AbstractContextManager[None]:
        """Hold the run directory; the system lets go of it when the process ends, however.

        Args:
            purpose: What the holder does, for the message that another process prints.

        Raises:
            RunLocked: Another process holds it; the message says which, where and since when.
            StorageError: The lock file cannot be written.
        """
        return hold(
            self.root / ".lock",
            purpose,
            busy=f"The run directory {self.root} is in use",
            hint="Wait for it, stop it, or give another directory with --run.",
        )

    def lock_validation(
        self, purpose: str, *, wait: float = 0.0
    ) -> contextlib.AbstractContextManager[None]:
        """Hold the validations of this run: as `lock`, but a training may go on meanwhile.

        Args:
            purpose: As of `lock`.
            wait: How long to wait for another validation to end (s).

        Raises:
            RunLocked: Another validation is going on.
            StorageError: The lock file cannot be written.
        """
        return hold(
            self.validation / ".lock",
            purpose,
            busy=f"The validations of {self.root} are in use",
            hint="Stop it, or wait for it: --wait 30m.",
            wait=wait,
        )


_START = "Start one with 'vtrain run SOURCE --run DIR' or list them with 'ls runs'."


def library_versions() -> dict[str, str | None]:
    """Versions of what results depend on; none of it is imported."""
    import importlib.metadata  # noqa: PLC0415 - as long to load as a logo to trace

    versions: dict[str, str | None] = {
        "vtrain": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    for name in VERSIONED:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def write_identity(
    run: RunDirectory, config: Config, seed: int, lineage: Mapping[str, Any] | None = None
) -> None:
    """Write `run.json`; a resumed run keeps when it was created and what it was forked from.

    Args:
        run: The run directory.
        config: The resolved configuration, for the run's name.
        seed: The seed of everything random in training.
        lineage: What the run was resumed or forked from, such as the folder and the step.

    Raises:
        StorageError: It cannot be written.
        DataError: The one that is there is damaged.
    """
    import platform  # noqa: PLC0415 - few commands write one

    before = read_json(run.identity) if run.identity.exists() else {}
    forked = before.get("forked_from")
    if lineage and lineage.get("kind") == "forked":
        forked = lineage
    write_json(
        run.identity,
        {
            "name": config.name,
            "created": before.get("created") or now(),
            "started": now(),
            "seed": seed,
            "lineage": lineage,
            "forked_from": forked,
            "versions": library_versions(),
            "platform": platform.platform(),
        },
    )
