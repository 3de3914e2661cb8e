"""The policy, and the baselines that need nothing but the parameter table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vtrain.data.records import Entry
from vtrain.tracing.parameters import (
    ACTION_LEVELS,
    PRESETS,
    Action,
    canonical,
    encode_settings,
    preset,
)
from vtrain.validation.baselines.protocol import POLICY, seed_of


class Agent(Protocol):
    """The part of `vtrain.agent.TraceAgent` that is judged."""

    def choose(self, features: NDArray[np.float32], taste: float, count: int) -> list[Action]:
        """At most `count` actions, the most promising first."""


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
class RandomChooser:
    """Uniform levels, drawn anew for each image from its id: `count` different traces."""

    seed: int = 0
    name: str = "random"

    def choose(self, entry: Entry, taste: float, count: int) -> list[Action]:  # noqa: ARG002  protocol
        """As `Chooser.choose`."""
        generator = np.random.default_rng(seed_of(self.seed, entry.id))
        found: dict[Action, None] = {}
        while len(found) < count:
            levels = generator.integers(ACTION_LEVELS)
            found[canonical([int(level) for level in levels])] = None
        return list(found)
