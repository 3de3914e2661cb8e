"""The curriculum in its plain form: categories join, stage by stage, as success is measured."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from vtrain.config.schema import CurriculumConfig, StageConfig
from vtrain.config.section import CATEGORIES, Category


@dataclass(frozen=True, slots=True)
class StageResult:
    """How a stage ended.

    Attributes:
        stage: Its name.
        updates: Updates spent in it (count).
        success_share: Share of recent episodes at or above the baseline.
        mean_gain: Mean gain of recent episodes (utility).
        reason: ``success`` or ``max-updates``.
    """

    stage: str
    updates: int
    success_share: float
    mean_gain: float
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class Curriculum:
    """Keeps the stage and decides on promotion.

    Args:
        config: Stages; without any, all categories are drawn from the start.
    """

    def __init__(self, config: CurriculumConfig) -> None:
        everything = StageConfig(name="all", categories=CATEGORIES)
        used = config.enabled and config.stages
        self._stages: tuple[StageConfig, ...] = config.stages if used else (everything,)
        self._index = 0
        self._updates = 0
        self._gains: deque[float] = deque(maxlen=config.window)

    @property
    def stage(self) -> StageConfig:
        """The stage that episodes are drawn for."""
        return self._stages[self._index]

    def categories(self) -> tuple[Category, ...]:
        """Categories of the present stage."""
        return self.stage.categories

    def success_share(self) -> float:
        """Share of recent episodes whose best trace was at or above the baseline; 0 to 1."""
        return sum(gain >= 0 for gain in self._gains) / max(1, len(self._gains))

    def after_update(self, gains: list[float]) -> StageResult | None:
        """Take in the gains of the update's episodes; the stage's result when it has ended."""
        self._gains.extend(gains)
        self._updates += 1
        last = self._index == len(self._stages) - 1
        if last or self._updates < self.stage.min_updates:
            return None
        succeeded = self.success_share() >= self.stage.success_share
        if not succeeded and self._updates < self.stage.max_updates:
            return None
        result = StageResult(
            stage=self.stage.name,
            updates=self._updates,
            success_share=self.success_share(),
            mean_gain=sum(self._gains) / max(1, len(self._gains)),
            reason="success" if succeeded else "max-updates",
        )
        self._index += 1
        self._updates = 0
        self._gains.clear()
        return result

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here, as JSON values."""
        return {"index": self._index, "updates": self._updates, "gains": list(self._gains)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self._index = state["index"]
        self._updates = state["updates"]
        self._gains.clear()
        self._gains.extend(state["gains"])
