"""What a stage depends on, as one digest, and the ledger of the stages that are done.

A stage is up to date when the digest of its inputs equals the recorded one and its outputs exist.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtrain import __version__
from vtrain.checkpoints.store import Checkpoint
from vtrain.config.schema import Config
from vtrain.data.scan import Found, scan
from vtrain.environment.versions import judging_version
from vtrain.errors import DataError
from vtrain.rundir import RunDirectory, read_json, write_json
from vtrain.validation.baselines import chooses_by_input
from vtrain.validation.protocol import find_protocol

_LOG = logging.getLogger(__name__)
_SCHEMA = 1


def data_fingerprint(sources: Sequence[str], config: Config, run: Path) -> str:
    """Of the sources' files (names, sizes, times of change) and how they are prepared.

    Raises:
        DataError: A source is missing or cannot be read.
    """
    listing = {
        (str(found.path.absolute()), found.stamp.size, found.stamp.mtime)
        for found in scan(sources, without=run)
        if isinstance(found, Found)
    }
    return _digest(config.data.model_dump(mode="json"), sorted(listing))


def train_fingerprint(catalog_digest: str, config: Config) -> str:
    """Of the corpus and every section that learning depends on, but for how long it lasts."""
    sections = config.model_dump(
        mode="json",
        include={"seed", "tracing", "scoring", "environment", "ppo", "curriculum", "checkpoints"},
        exclude={"ppo": {"total_traces", "time_limit"}},
    )
    checks = config.validation.model_dump(mode="json", include={"every_updates", "images"})
    if config.validation.every_minutes:  # not named where it is off: earlier digests still count
        checks["every_minutes"] = config.validation.every_minutes
    threads = config.resources.torch_threads
    measuring = judging_version(native=config.environment.traces > 1)
    return _digest(catalog_digest, sections, checks, threads, measuring)


def train_length(config: Config) -> str:
    """Of how long learning lasts: a longer training goes on from a shorter one."""
    early = config.early_stopping.model_dump(mode="json")
    return _digest(config.ppo.total_traces, config.ppo.time_limit, early)


def validate_fingerprint(catalog_digest: str, config: Config, best: Checkpoint, table: Path) -> str:
    """Of the images, the policy, the measured settings and how they are judged."""
    measured = hashlib.sha256(table.read_bytes()).hexdigest() if table.is_file() else None
    files = {name: record.sha256 for name, record in best.manifest.files.items()}
    sections = config.model_dump(mode="json", include={"validation", "scoring", "tracing"})
    protocol = find_protocol(None, config)
    if protocol.damage is not None:
        sections["damage"] = protocol.damage.model_dump(mode="json")
    several = chooses_by_input(config.validation.against, protocol.traces)
    measuring = judging_version(native=several)
    return _digest(catalog_digest, sections, best.name, files, measured, measuring)


def _digest(*parts: Any) -> str:
    text = json.dumps([__version__, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a stage's last run.

    Attributes:
        fingerprint: Of its inputs.
        finished: Whether it ran to its end.
        figures: Its results, as JSON values.
        length: Of how long it was to last; only training has one.
        outputs: Digest of what it made, by which a change from elsewhere is noticed.
    """

    fingerprint: str
    finished: bool
    figures: Mapping[str, Any]
    length: str = ""
    outputs: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """`data_cache/stages.json`: the last run of each stage, and the sources of the data.

    Attributes:
        path: The file.
    """

    path: Path

    @classmethod
    def of(cls, run: RunDirectory) -> Ledger:
        """The ledger of a run; its file need not exist yet."""
        return cls(run.data_cache / "stages.json")

    def entry(self, stage: str) -> Entry | None:
        """A stage's last run; None when there is none."""
        found = self._read()["stages"].get(stage)
        try:
            return None if found is None else Entry(**found)
        except TypeError:  # written by another version: the stage is made again
            return None

    def sources(self) -> tuple[str, ...] | None:
        """The sources that the data was made of (none: procedural logos); None when unknown."""
        found = self._read()["sources"]
        return None if found is None else tuple(found)

    def remember(self, sources: Sequence[str]) -> None:
        """Record the sources before they are used: should they fail, they are not forgotten.

        Raises:
            StorageError: The file cannot be written.
        """
        write_json(self.path, {**self._read(), "sources": list(sources)}, schema=_SCHEMA)

    def put(self, stage: str, entry: Entry) -> None:
        """Record a stage's run.

        Raises:
            StorageError: The file cannot be written.
        """
        document = self._read()
        document["stages"][stage] = {
            "fingerprint": entry.fingerprint,
            "finished": entry.finished,
            "figures": dict(entry.figures),
            "length": entry.length,
            "outputs": entry.outputs,
        }
        write_json(self.path, document, schema=_SCHEMA)

    def _read(self) -> dict[str, Any]:
        empty: dict[str, Any] = {"sources": None, "stages": {}}
        if not self.path.exists():
            return empty
        try:
            document = read_json(self.path, schema=_SCHEMA)
        except DataError as error:
            _LOG.warning("%s Every stage is made again.", error.message)
            return empty
        stages = document.get("stages")
        return {
            "sources": document.get("sources"),
            "stages": stages if isinstance(stages, dict) else {},
        }
