"""What decides the figures of a judgement: which can be compared, and which would be made twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vtrain import __version__
from vtrain.checkpoints.store import Checkpoint
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.data.records import Entry
from vtrain.environment.versions import measurement_version
from vtrain.errors import DataError
from vtrain.rundir import RunDirectory, read_json, write_json
from vtrain.validation.results import folders

FINGERPRINT = "fingerprint.json"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What decides the figures of a judgement.

    Attributes:
        checkpoint: Name of the checkpoint.
        files: SHA-256 of its files.
        split: Split that is judged.
        images: Images (count).
        dataset: Digest of the corpus.
        image_ids: Digest of the ids of the images.
        traces: Traces that the policy may spend per image (count).
        against: Names of the baselines.
        tastes: Lambda of each taste.
        table: Digest of the settings measured on training images; None without any.
        costs: Weights of the cost.
        settings: What else the configuration says of judging.
        measuring: Version of what measures.
        version: Version of vtrain.
    """

    checkpoint: str
    files: Mapping[str, str]
    split: str
    images: int
    dataset: str
    image_ids: str
    traces: int
    against: tuple[str, ...]
    tastes: Mapping[str, float]
    table: str | None
    costs: Mapping[str, Any]
    settings: Mapping[str, Any]
    measuring: str
    version: str

    @property
    def digest(self) -> str:
        """Digest of all of it: equal ones give equal figures."""
        return _digest(asdict(self))

    def differs(self, other: Fingerprint) -> str:
        """Why figures of `other` cannot be compared with these; empty when they can."""
        if (self.split, self.image_ids) != (other.split, other.image_ids):
            return (
                f"it judged other images ({other.images} of the {other.split} split, here "
                f"{self.images} of the {self.split} split)"
            )
        if self.traces != other.traces:
            return f"it allowed {other.traces} traces per image, here {self.traces}"
        if dict(self.tastes) != dict(other.tastes):
            return "its tastes (lambdas) are others"
        if dict(self.costs) != dict(other.costs):
            return "its weights of the cost are others"
        if self.measuring != other.measuring:
            return "another version of vtrain measured it"
        return ""


def fingerprint_of(
    run: RunDirectory,
    config: Config,
    checkpoint: Checkpoint,
    entries: Sequence[Entry],
    *,
    table: Path,
    against: Sequence[str] | None,
    split: str,
    traces: int,
) -> Fingerprint:
    """The fingerprint of a judgement.

    Args:
        run: The run directory.
        config: The configuration.
        checkpoint: The one judged.
        entries: The images.
        table: File with the settings measured on training images; it may be missing.
        against: Baselines; None for those of the configuration.
        split: Where the images come from.
        traces: Traces that the policy may spend per image (count).

    Raises:
        DataError: No images are prepared.
    """
    sections = config.model_dump(mode="json", include={"validation", "scoring", "tracing"})
    tastes = sections["scoring"].pop("taste")
    # Those that are named above, and those of the checks in training.
    for key in ("split", "traces", "against", "every_updates", "images"):
        del sections["validation"][key]
    names = config.validation.against if against is None else against
    return Fingerprint(
        checkpoint=checkpoint.name,
        files={name: found.sha256 for name, found in sorted(checkpoint.manifest.files.items())},
        split=split,
        images=len(entries),
        dataset=Catalog.load(run.catalog).digest,
        image_ids=_digest(sorted(entry.id for entry in entries)),
        traces=traces,
        against=tuple(names),
        tastes=tastes,
        table=_file_digest(table),
        costs=sections.pop("scoring"),
        settings=sections,
        measuring=measurement_version(),
        version=__version__,
    )


def write_fingerprint(folder: Path, fingerprint: Fingerprint) -> None:
    """Write `fingerprint.json`.

    Raises:
        StorageError: It cannot be written.
    """
    document = {"digest": fingerprint.digest, **asdict(fingerprint)}
    write_json(folder / FINGERPRINT, document, schema=SCHEMA)


def read_fingerprint(folder: Path) -> Fingerprint:
    """Read what `write_fingerprint` wrote.

    Raises:
        DataError: The file is missing, as in folders of earlier versions, or damaged.
    """
    document = read_json(folder / FINGERPRINT, schema=SCHEMA)
    fields = {key: value for key, value in document.items() if key not in ("schema", "digest")}
    try:
        return Fingerprint(**{**fields, "against": tuple(fields["against"])})
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{folder / FINGERPRINT} is damaged: {error!r}.",
            hint="Make it again with 'vtrain validate --run DIR'.",
        ) from error


def judged_before(run: RunDirectory, fingerprint: Fingerprint) -> Path | None:
    """The newest finished judgement with exactly this fingerprint; None when there is none."""
    return next(
        (
            folder
            for folder, found in fingerprints(run)
            if found is not None and found.digest == fingerprint.digest
        ),
        None,
    )


def fingerprints(run: RunDirectory) -> list[tuple[Path, Fingerprint | None]]:
    """The finished judgements of a run, the newest first; None where it is not told."""
    return [(folder, _known(folder)) for folder in folders(run)]


def _known(folder: Path) -> Fingerprint | None:
    try:
        return read_fingerprint(folder)
    except DataError:  # of an earlier version, or damaged: it is compared with nothing
        return None


def _file_digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
