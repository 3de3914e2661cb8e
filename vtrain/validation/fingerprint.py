"""What decides the figures of a judgement: which can be compared, and which would be made twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from vtrain import __version__
from vtrain.checkpoints.store import Checkpoint, CheckpointStore
from vtrain.config.schema import Config
from vtrain.data.catalog import Catalog
from vtrain.data.records import Entry
from vtrain.environment.versions import judging_version
from vtrain.errors import DataError
from vtrain.rundir import RunDirectory, read_json, write_json
from vtrain.validation.baselines import INCUMBENT, chooses_by_input
from vtrain.validation.protocol import Protocol
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
        protocol: The protocol as configured, with its name. Empty in files of earlier versions.
        damage: How the images were damaged; None when they were judged as they are.
        incumbent: Digest of the run's best checkpoint, where it is a baseline; else None.
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
    protocol: Mapping[str, Any] = field(default_factory=dict)
    damage: Mapping[str, Any] | None = None
    incumbent: str | None = None

    @property
    def digest(self) -> str:
        """Digest of all of it: equal ones give equal figures."""
        return _digest(asdict(self))

    def repeats(self, other: Fingerprint) -> bool:
        """Whether to judge by this one would be to do again what was done by `other`.

        Sampling of the least evaluated images takes others each time: that alone is nothing new.
        """
        if self.protocol.get("sampling") == "least-evaluated":
            other = replace(other, images=self.images, image_ids=self.image_ids)
        return self.digest == other.digest

    def pairs_with(self, other: Fingerprint) -> bool:
        """Whether utilities of the same image may be subtracted: measured and priced alike."""
        return (self.measuring, dict(self.costs), self.damage) == (
            other.measuring,
            dict(other.costs),
            other.damage,
        )

    def differs(self, other: Fingerprint) -> str:
        """Why figures of `other` cannot be compared with these; empty when they can."""
        reasons = (
            (
                (self.split, self.image_ids) != (other.split, other.image_ids),
                (
                    f"it judged other images ({other.images} of the {other.split} split, here "
                    f"{self.images} of the {self.split} split)"
                ),
            ),
            (self.damage != other.damage, self._inputs_differ(other)),
            (
                self.traces != other.traces,
                f"it allowed {other.traces} traces per image, here {self.traces}",
            ),
            (dict(self.tastes) != dict(other.tastes), "its tastes (lambdas) are others"),
            (dict(self.costs) != dict(other.costs), "its weights of the cost are others"),
            (self.measuring != other.measuring, "another version of vtrain measured it"),
        )
        return next((reason for differs, reason in reasons if differs), "")

    def _inputs_differ(self, other: Fingerprint) -> str:
        if other.damage is None:
            return "it judged images as they are, here they are damaged"
        if self.damage is None:
            return "it judged damaged images, here they are not damaged"
        return "its images were damaged in another way"


def fingerprint_of(
    run: RunDirectory,
    config: Config,
    checkpoint: Checkpoint,
    entries: Sequence[Entry],
    protocol: Protocol,
    *,
    table: Path,
    against: Sequence[str] | None,
) -> Fingerprint:
    """The fingerprint of a judgement.

    Args:
        run: The run directory.
        config: The configuration.
        checkpoint: The one judged.
        entries: The images, as they are prepared.
        protocol: How they are judged.
        table: File with the settings measured on training images; it may be missing.
        against: Baselines; None for those of the configuration.

    Raises:
        DataError: No images are prepared.
        CheckpointError: The incumbent is a baseline, and there is none.
    """
    sections = config.model_dump(mode="json", include={"validation", "scoring", "tracing"})
    # Which tastes are judged the protocol says.
    del sections["scoring"]["taste"]
    # Those that are named above, those of the checks in training, and what decides no figure.
    named = ("split", "traces", "against", "protocol", "protocols")
    for key in (*named, "every_updates", "every_minutes", "images", "gallery"):
        del sections["validation"][key]
    names = config.validation.against if against is None else against
    return Fingerprint(
        checkpoint=checkpoint.name,
        files=_files(checkpoint),
        split=protocol.split,
        images=len(entries),
        dataset=Catalog.load(run.catalog).digest,
        image_ids=_digest(sorted(entry.id for entry in entries)),
        traces=protocol.traces,
        against=tuple(names),
        tastes=dict(protocol.tastes),
        table=_file_digest(table),
        costs=sections.pop("scoring"),
        settings=sections,
        measuring=judging_version(native=chooses_by_input(names, protocol.traces)),
        version=__version__,
        protocol=protocol.settings.model_dump(mode="json"),
        damage=protocol.damage.model_dump(mode="json") if protocol.damage else None,
        incumbent=_digest(_files(CheckpointStore(run.checkpoints).resolve("best")))
        if INCUMBENT in names
        else None,
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
    """The newest finished judgement that this would repeat; None when there is none."""
    return next(
        (
            folder
            for folder, found in fingerprints(run)
            if found is not None and fingerprint.repeats(found)
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


def _files(checkpoint: Checkpoint) -> dict[str, str]:
    return {name: found.sha256 for name, found in sorted(checkpoint.manifest.files.items())}


def _file_digest(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
