"""What it takes to be judged: to choose at once, or to search step by step."""

from __future__ import annotations

import hashlib
from typing import Protocol, runtime_checkable

from vtrain.data.records import Entry
from vtrain.tracing.parameters import Action

POLICY = "policy"
"""Name of the chooser that is compared with all others."""
DEFAULT = "default"
"""Name of the settings that every gain is measured against: VTracer's, on the file as it is."""
BEST_FIXED = "best-fixed"
INCUMBENT = "incumbent"
"""Name of the run's best checkpoint when another one is judged."""


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


class Session(Protocol):
    """A search on one image at one taste: `ask` and `tell` in turn, for as long as it is let.

    It need not count: whoever drives it counts the different traces, answers an action that was
    traced before from memory, and ends the search.
    """

    def ask(self) -> Action:
        """The next action to trace."""

    def tell(self, utility: float) -> None:
        """How the action asked for last turned out.

        Args:
            utility: Against the input, as a user could judge it; higher is better, always finite. A
                trace that failed has the worst there is.
        """


@runtime_checkable
class Search(Protocol):
    """Chooses step by step, from how the traces before turned out against the input."""

    @property
    def name(self) -> str:
        """Name in tables and on the command line."""

    def start(self, entry: Entry, taste: float, count: int) -> Session:
        """A new search.

        Args:
            entry: The image.
            taste: Lambda.
            count: Traces that it may spend, at least 1.
        """


def seed_of(*parts: object) -> int:
    """A seed of 64 bits that depends on all parts and on nothing else."""
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "little")
