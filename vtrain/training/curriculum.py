"""The curriculum: which images are drawn, and when a stage succeeds, is tried again or fails.

Bengio et al., Curriculum Learning, 2009: the simple comes first. All here is logic without files,
policies or clocks; what follows from it is done by the session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from vtrain.config.schema import CurriculumConfig, StageConfig
from vtrain.config.section import CATEGORIES
from vtrain.environment.sampler import Membership

Reason = Literal["success", "max-updates", "end"]
Then = Literal["next", "retry", "stop", "end"]


@dataclass(frozen=True, slots=True)
class StageCheck:
    """The validation check at the end of a stage.

    Attributes:
        utility: Mean utility over the baseline.
        interval: Where it lies with 95 % confidence.
        by_category: Its mean over the images of each category.
    """

    utility: float
    interval: tuple[float, float]
    by_category: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StageResult:
    """How an attempt at a stage ended.

    Attributes:
        stage: Its name.
        attempt: Number of the attempt, from 1.
        updates: Updates spent in it (count).
        success_share: Share of recent episodes that gained at least `target`.
        wanted_share: Share that was wanted.
        target: Gain over the baseline from which an episode is a success (utility).
        mean_gain: Mean gain of recent episodes (utility).
        reason: ``success``, ``max-updates`` (its budget), or ``end`` (of training).
        then: ``next`` stage, ``retry``, ``stop`` (of training, as failed), or ``end``.
        check: The validation check at its end; None without one.
    """

    stage: str
    attempt: int
    updates: int
    success_share: float
    wanted_share: float
    target: float
    mean_gain: float
    reason: Reason
    then: Then
    check: StageCheck | None = None

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
        self._memberships = _memberships(self._stages)
        self._index = 0
        self._attempt = 1
        self._updates = 0
        self._gains: deque[float] = deque(maxlen=config.window)
        self._succeeded = False
        self._wants_best = False

    @property
    def stage(self) -> StageConfig:
        """The stage that episodes are drawn for."""
        return self._stages[self._index]

    @property
    def attempt(self) -> int:
        """Number of the attempt at it, from 1."""
        return self._attempt

    @property
    def wants_best(self) -> bool:
        """Whether the policy of the best check is to be put in place before the next update."""
        return self._wants_best

    def carried_over(self) -> None:
        """The policy is in place."""
        self._wants_best = False

    @property
    def failed(self) -> StageResult | None:
        """The result of the stage that ended training without success; None while it may go on.

        It follows from the configuration: after a change of it the stage may go on.
        """
        outcome = self._outcome()
        return self._result(*outcome) if outcome == ("max-updates", "stop") else None

    def membership(self) -> Membership:
        """The images of the present stage."""
        return self._memberships[self._index]

    def success_share(self) -> float:
        """Share of recent episodes whose best trace gained at least the target; 0 to 1."""
        gains = self._gains
        return sum(gain >= self.stage.target for gain in gains) / max(1, len(gains))

    def after_update(self, gains: Sequence[float]) -> StageResult | None:
        """Take in the gains of the update's episodes; the result when the attempt has ended."""
        self._gains.extend(gains)
        self._updates += 1
        if self._last and self._updates >= self.stage.min_updates and self._enough:
            self._succeeded = True
        outcome = self._outcome()
        if outcome is None:
            return None
        result = self._result(*outcome)
        if result.then == "next":
            self._index += 1
            self._begin(1)
        elif result.then == "retry":
            self._begin(self._attempt + 1)
        return result

    def finish(self) -> StageResult | None:
        """The result of the stage under way when training ends; None if nothing is under way."""
        under_way = self._updates > 0 and self.failed is None
        return self._result("end", "end") if under_way else None

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here, as JSON values."""
        return {
            "index": self._index,
            "attempt": self._attempt,
            "updates": self._updates,
            "gains": list(self._gains),
            "succeeded": self._succeeded,
            "wants_best": self._wants_best,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`, those of earlier versions included."""
        # A stage that the configuration has no more is followed by its last one.
        self._index = min(state["index"], len(self._stages) - 1)
        self._attempt = state.get("attempt", 1)
        self._updates = state["updates"]
        self._gains.clear()
        self._gains.extend(state["gains"])
        self._succeeded = state.get("succeeded", False)
        self._wants_best = state.get("wants_best", False)

    @property
    def _last(self) -> bool:
        return self._index == len(self._stages) - 1

    @property
    def _enough(self) -> bool:
        return self.success_share() >= self.stage.success_share

    def _outcome(self) -> tuple[Reason, Then] | None:
        """How the attempt ends now, and what comes then; None while it goes on."""
        stage, waits = self.stage, self._updates < self.stage.min_updates
        if self._succeeded or waits:
            return None
        if self._enough:
            return None if self._last else ("success", "next")
        if self._updates < stage.max_updates:
            return None
        if self._attempt <= stage.retries:
            return "max-updates", "retry"
        if stage.on_failure == "stop":
            return "max-updates", "stop"
        return None if self._last else ("max-updates", "next")

    def _result(self, reason: Reason, then: Then) -> StageResult:
        return StageResult(
            stage=self.stage.name,
            attempt=self._attempt,
            updates=self._updates,
            success_share=self.success_share(),
            wanted_share=self.stage.success_share,
            target=self.stage.target,
            mean_gain=sum(self._gains) / max(1, len(self._gains)),
            reason=reason,
            then=then,
        )

    def _begin(self, attempt: int) -> None:
        self._attempt = attempt
        self._updates = 0
        self._gains.clear()
        self._succeeded = False
        self._wants_best = self.stage.begin == "best"


def _memberships(stages: Sequence[StageConfig]) -> tuple[Membership, ...]:
    """What each stage draws from; a review draws from the stages before it as they were."""
    plain = tuple(Membership(stage.categories, stage.complexity) for stage in stages)
    return tuple(
        Membership(stage.categories, stage.complexity, stage.review, plain[:index])
        for index, stage in enumerate(stages)
    )
