"""``vtrain checkpoint``: look at, check, keep, drop, repair and exchange checkpoints."""

# The commands are listed in the order in which their modules register them.
# isort: off
from vtrain.cli.checkpoint.app import app
from vtrain.cli.checkpoint import look, changes, exchange

__all__ = ["app", "changes", "exchange", "look"]
