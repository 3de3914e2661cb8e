"""Who can be judged: the policy, and the baselines that it is compared with.

All choose from the same action space, and every trace that they look at is counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vtrain.data.records import Entry
from vtrain.errors import UsageError
from vtrain.tracing.parameters import (
    ACTION_LEVELS,
    PRESETS,
    Action,
    canonical,
    encode_settings,
    preset,
)

POLICY = "policy"
"""Name of the chooser that is compared with all others."""
DEFAULT = "default"
"""Name of the settings that every gain is measured against: VTracer's, on the file as it is."""
BEST_FIXED = "best-fixed"


class Chooser(Protocol):
    """Chooses how to trace an image, without seeing the reference."""

    @property
    def name(self) -> str:
        """Name in tables and on the command line."""

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:
        """The actions to trace the image with; the best by native utility will be kept.

        Args:
            entry: The image.
            taste: Lambda.
            count: Traces that a chooser with a free budget may spend, at least 1. Choosers that
                always spend the same ignore it: what they spend is counted either way.
        """


class Agent(Protocol):
    """The part of `vtrain.agent.TraceAgent` that is judged."""

    def choose(self, features: NDArray[np.float32], taste: float, count: int) -> list[Action]:
        """At most `count` actions, the most probable first."""


class FixedTable(Protocol):
    """The part of `vtrain.validation.table.MeasuredTable` that a baseline needs."""

    def best_fixed(self, taste: float) -> Action:
        """The setting with the highest mean utility on the training images."""


@dataclass(frozen=True, slots=True)
class PolicyChooser:
    """A trained policy.

    Attributes:
        agent: The policy.
        features: Features of an image by its id.
        name: Name in tables.
    """

    agent: Agent
    features: Callable[[str], NDArray[np.float32]]
    name: str = POLICY

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:
        """As `Chooser.choose`."""
        return self.agent.choose(self.features(entry.id), taste, count)


@dataclass(frozen=True, slots=True)
class PresetChooser:
    """Always the same named settings: one trace."""

    name: str

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002  protocol
        """As `Chooser.choose`."""
        return [encode_settings(preset(self.name))]


@dataclass(frozen=True, slots=True)
class BestPresetChooser:
    """All named settings are tried on each image: as many traces."""

    name: str = "presets"

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002  protocol
        """As `Chooser.choose`."""
        return [encode_settings(settings) for settings in PRESETS.values()]


@dataclass(frozen=True, slots=True)
class BestFixedChooser:
    """The one setting that is best on the training images at this taste: one trace."""

    table: FixedTable
    name: str = BEST_FIXED

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002  protocol
        """As `Chooser.choose`."""
        return [self.table.best_fixed(taste)]


@dataclass(frozen=True, slots=True)
class RandomChooser:
    """Uniform levels, drawn anew for each image from its id: `count` different traces."""

    seed: int = 0
    name: str = "random"

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002  protocol
        """As `Chooser.choose`."""
        digest = hashlib.sha256(f"{self.seed}:{entry.id}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        found: dict[Action, None] = {}
        while len(found) < count:
            levels = generator.integers(ACTION_LEVELS)
            found[canonical([int(level) for level in levels])] = None
        return list(found)


KNOWN = (*PRESETS, "presets", BEST_FIXED, "random")
"""Baselines that `parse_baselines` understands."""


def parse_baselines(names: Sequence[str], table: FixedTable | None) -> list[Chooser]:
    """The baselines of these names, each once, in order.

    Args:
        names: From `KNOWN`.
        table: Measured settings; only best-fixed needs it.

    Raises:
        UsageError: A name is not known, or best-fixed is asked for without a table.
    """
    check_baselines(names)
    return [_baseline(name, table) for name in dict.fromkeys(names)]


def check_baselines(names: Sequence[str]) -> None:
    """Say that a name is unknown before any work is done for it.

    Raises:
        UsageError: A name is not one of `KNOWN`.
    """
    for name in names:
        if name not in KNOWN:
            raise UsageError(f"No baseline is named {name!r}.", hint=f"Known: {', '.join(KNOWN)}.")


def _baseline(name: str, table: FixedTable | None) -> Chooser:
    if name in PRESETS:
        return PresetChooser(name)
    if name == "presets":
        return BestPresetChooser()
    if name == "random":
        return RandomChooser()
    if table is None:
        raise UsageError(
            "The baseline best-fixed needs the settings measured on training images, and this "
            "run has none.",
            hint="Train first, with ppo.warm_start.enabled: 'vtrain train --run DIR'; or name "
            "other baselines with --against.",
        )
    return BestFixedChooser(table)
