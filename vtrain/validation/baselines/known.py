"""The baselines by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

from vtrain.errors import UsageError
from vtrain.tracing.parameters import PRESETS
from vtrain.validation.baselines.fixed import BestPresetChooser, PresetChooser, RandomChooser
from vtrain.validation.baselines.measured import (
    BestFixedChooser,
    BestFixedPerCategoryChooser,
    Measured,
    NeighbourChooser,
    PortfolioChooser,
)
from vtrain.validation.baselines.protocol import BEST_FIXED, INCUMBENT, Chooser, Search
from vtrain.validation.baselines.search import CmaesSearch, TpeSearch
from vtrain.validation.baselines.trees import TreesChooser

_FROM_TABLE: Mapping[str, Callable[[Measured], Chooser | Search]] = {
    BEST_FIXED: lambda measured: BestFixedChooser(measured.table),
    "best-fixed-per-category": BestFixedPerCategoryChooser,
    "portfolio": lambda measured: PortfolioChooser(measured.table),
    "knn": NeighbourChooser,
    "trees": TreesChooser,
    "tpe": lambda measured: TpeSearch(measured.table),
    "cmaes": lambda measured: CmaesSearch(measured.table),
}
FROM_TABLE = tuple(_FROM_TABLE)
"""Baselines that need the settings measured on training images."""
_ALL_PRESETS = "presets"
"""Looks at every preset, however few traces the policy has."""
KNOWN = (
    *PRESETS,
    _ALL_PRESETS,
    BEST_FIXED,
    "best-fixed-per-category",
    "portfolio",
    "knn",
    "trees",
    "random",
    "tpe",
    "cmaes",
    INCUMBENT,
)
"""Baselines that `parse_baselines` understands."""
_PACKAGES = {"trees": ("sklearn", "scikit-learn"), "tpe": ("optuna",) * 2, "cmaes": ("cma",) * 2}
"""What a baseline needs of the extra ``baselines``: the module, and its name for pip."""


def chooses_by_input(names: Sequence[str], traces: int) -> bool:
    """Whether anybody keeps the best of several traces by their score against the input.

    Args:
        names: Baselines.
        traces: That the policy may look at (count).
    """
    return traces > 1 or _ALL_PRESETS in names


def parse_baselines(
    names: Sequence[str], measured: Measured | None, incumbent: Chooser | None = None
) -> list[Chooser | Search]:
    """The baselines of these names, each once, in order.

    Args:
        names: From `KNOWN`.
        measured: Settings measured on training images; those of `FROM_TABLE` need them.
        incumbent: The policy of the run's best checkpoint, for the baseline of that name.

    Raises:
        UsageError: A name is not known, its package is not installed, or it needs measured settings
            or the incumbent and there are none.
    """
    check_baselines(names)
    return [_baseline(name, measured, incumbent) for name in dict.fromkeys(names)]


def check_baselines(names: Sequence[str]) -> None:
    """Say that a baseline cannot be had before any work is done for it.

    Raises:
        UsageError: A name is not one of `KNOWN`, or its package is not installed.
    """
    for name in names:
        if name not in KNOWN:
            raise UsageError(f"No baseline is named {name!r}.", hint=f"Known: {', '.join(KNOWN)}.")
        if name in _PACKAGES and find_spec(_PACKAGES[name][0]) is None:
            raise UsageError(
                f"The baseline {name} needs {_PACKAGES[name][1]}, which is not installed.",
                hint="Install it with \"pip install 'vtrain[baselines]'\", or name other baselines "
                "with --against.",
            )


def _baseline(name: str, measured: Measured | None, incumbent: Chooser | None) -> Chooser | Search:
    if name in PRESETS:
        return PresetChooser(name)
    if name == _ALL_PRESETS:
        return BestPresetChooser()
    if name == "random":
        return RandomChooser()
    if name == INCUMBENT:
        if incumbent is None:
            raise UsageError(
                "There is no incumbent to compare with.",
                hint="Train first: 'vtrain train --run DIR'; or name other baselines with "
                "--against.",
            )
        return incumbent
    if measured is None:
        raise UsageError(
            f"The baseline {name} needs the settings measured on training images, and this "
            "run has none.",
            hint="Train first, with ppo.warm_start.enabled: 'vtrain train --run DIR'; or name "
            "other baselines with --against.",
        )
    return _FROM_TABLE[name](measured)
