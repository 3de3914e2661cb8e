"""Who can be judged: the policy, and the baselines that it is compared with.

All choose from the same action space, and every trace that they look at is counted.
"""

from vtrain.validation.baselines.fixed import (
    Agent,
    BestPresetChooser,
    PolicyChooser,
    PresetChooser,
    RandomChooser,
)
from vtrain.validation.baselines.known import (
    FROM_TABLE,
    KNOWN,
    check_baselines,
    chooses_by_input,
    parse_baselines,
)
from vtrain.validation.baselines.measured import (
    BestFixedChooser,
    BestFixedPerCategoryChooser,
    Measured,
    NeighbourChooser,
    PortfolioChooser,
)
from vtrain.validation.baselines.protocol import (
    BEST_FIXED,
    DEFAULT,
    INCUMBENT,
    POLICY,
    Chooser,
    Search,
    Session,
)
from vtrain.validation.baselines.search import CmaesSearch, TpeSearch
from vtrain.validation.baselines.trees import TreesChooser

__all__ = [
    "BEST_FIXED",
    "DEFAULT",
    "FROM_TABLE",
    "INCUMBENT",
    "KNOWN",
    "POLICY",
    "Agent",
    "BestFixedChooser",
    "BestFixedPerCategoryChooser",
    "BestPresetChooser",
    "Chooser",
    "CmaesSearch",
    "Measured",
    "NeighbourChooser",
    "PolicyChooser",
    "PortfolioChooser",
    "PresetChooser",
    "RandomChooser",
    "Search",
    "Session",
    "TpeSearch",
    "TreesChooser",
    "check_baselines",
    "chooses_by_input",
    "parse_baselines",
]
