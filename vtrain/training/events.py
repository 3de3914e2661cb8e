"""What training tells those who watch: progress events, and the protocol of a callback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

Kind = Literal["phase", "progress", "update", "check", "checkpoint", "stage", "warning", "end"]


@dataclass(frozen=True, slots=True)
class TrainingEvent:
    """One thing that happened in training.

    Attributes:
        kind: ``phase`` (a part begins), ``progress`` (done of total within it), ``update`` (a
            record of metrics), ``check`` (a validation check), ``checkpoint`` (one was saved),
            ``stage`` (a curriculum stage ended), ``warning``, or ``end``.
        message: A short sentence.
        done: Units done, for ``progress`` and ``update`` (traces).
        total: Units wanted.
        data: Figures, by the names of ``metrics.jsonl`` and ``events.jsonl``.
    """

    kind: Kind
    message: str
    done: int = 0
    total: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)


class TrainingCallback(Protocol):
    """A hook into training. Raising `vtrain.errors.Stopped` ends the run after saving."""

    def __call__(self, event: TrainingEvent, /) -> None:
        """Called for each event, in the training process, between two pieces of work."""


@runtime_checkable
class StatefulCallback(TrainingCallback, Protocol):
    """A callback whose state is kept in every checkpoint, and given back on a resume.

    The state of a checkpoint holds all events of kinds ``update``, ``check`` and ``stage`` up to
    it, each once; the other kinds come when they come.
    """

    def state(self) -> Any:
        """What to keep, of JSON's types. Called in the training's thread."""

    def restore(self, state: Any, /) -> None:
        """Go on from a `state`; None when the checkpoint has none."""
