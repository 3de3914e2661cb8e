"""The stages in order: what ``vtrain run`` does, and the report of it."""

from vtrain.pipeline.execution import Execution, StageOutcome
from vtrain.pipeline.pipeline import PipelineEvent, run_all

__all__ = ["Execution", "PipelineEvent", "StageOutcome", "run_all"]
