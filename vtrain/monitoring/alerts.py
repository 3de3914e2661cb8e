"""Alerts: when a figure has been beyond its level for long enough, and when it is well again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vtrain.config.monitoring import FALLING, AlertName, AlertsConfig

Level = Literal["warn", "critical"]
State = Literal["warn", "critical", "resolved"]
KIND = "alert"
"""Kind of the event in `events.jsonl`."""

_RANK: dict[State | None, int] = {None: 0, "resolved": 0, "warn": 1, "critical": 2}
_LEVELS: tuple[Level, ...] = ("warn", "critical")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that an alert looks at.

    Attributes:
        name: Which alert.
        value: The figure, in the unit of its level in `AlertsConfig`.
        text: It as a person says it, such as ``memory: 97 % of 4.0 GiB are in use``.
        subject: What it belongs to where there are several, such as the number of a GPU.
        at: Where it stands on the clock that its duration is measured on: seconds since 1970 or,
            for figures of learning, updates.
    """

    name: AlertName
    value: float
    text: str
    at: float
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """A change worth telling: raised, worse, better, or over.

    Attributes:
        name: Which alert.
        subject: What it belongs to where there are several; empty otherwise.
        level: ``warn``, ``critical``, or ``resolved``.
        value: The figure.
        threshold: The level that it passed, or that it came back over.
        message: A sentence.
        hint: What to do; empty once it is over.
    """

    name: AlertName
    subject: str
    level: State
    value: float
    threshold: float
    message: str
    hint: str


@dataclass(slots=True)
class _Condition:
    """Where one alert stands."""

    level: Level | None = None
    since: dict[Level, float] = field(default_factory=dict)
    calm: float | None = None


@dataclass(slots=True)
class Alerts:
    """Turns figures into alerts.

    A figure that is beyond a level for the configured time raises an alert, once; it is told again
    when it gets worse or better. It is over when the figure has come back over the level, and a
    bit further (hysteresis), for as long.

    Args:
        config: Levels and times.
    """

    config: AlertsConfig
    _conditions: dict[tuple[str, str], _Condition] = field(init=False, default_factory=dict)

    def restore(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take over what was told before, from records of `events.jsonl`: nothing is told twice."""
        for event in events:
            level = event.get("level")
            if event.get("kind") != KIND or level not in _RANK:
                continue
            key = str(event.get("name")), str(event.get("subject", ""))
            self._conditions[key] = _Condition(level=None if level == "resolved" else level)

    def update(self, figures: Iterable[Figure]) -> list[Alert]:
        """Look at new figures; a figure that is not known now changes nothing.

        Returns:
            What there is to tell, in order.
        """
        if not self.config.enabled:
            return []
        found = (self._one(figure) for figure in figures if figure.name not in self.config.off)
        return [alert for alert in found if alert is not None]

    def active(self) -> dict[tuple[str, str], Level]:
        """Level of each alert that is not over, by name and subject."""
        return {key: state.level for key, state in self._conditions.items() if state.level}

    def _one(self, figure: Figure) -> Alert | None:
        state = self._conditions.setdefault((figure.name, figure.subject), _Condition())
        thresholds = levels_of(self.config, figure.name)
        duration = self._duration(figure.name)
        for level, threshold in zip(_LEVELS, thresholds, strict=True):
            if not _beyond(figure, threshold, 0.0):
                state.since.pop(level, None)
            elif state.since.get(level, figure.at) >= figure.at:
                state.since[level] = figure.at  # it begins, or the clock went back
        raised = max(
            (level for level, since in state.since.items() if figure.at - since >= duration),
            key=_RANK.__getitem__,
            default=None,
        )
        if _RANK[raised] > _RANK[state.level]:
            state.level, state.calm = raised, None
            return self._alert(figure, raised or "warn", thresholds)
        if state.level is None:
            return None
        slack = self.config.hysteresis
        held = [
            level
            for level, threshold in zip(_LEVELS, thresholds, strict=True)
            if _RANK[level] <= _RANK[state.level] and _beyond(figure, threshold, slack)
        ]
        kept = held[-1] if held else None
        if kept == state.level:
            state.calm = None
            return None
        if state.calm is None or state.calm > figure.at:
            state.calm = figure.at
        if figure.at - state.calm < duration:
            return None
        before, state.level, state.calm = state.level, kept, None
        return self._alert(figure, kept or "resolved", thresholds, before)

    def _duration(self, name: AlertName) -> float:
        if name in AT_ONCE:
            return 0.0
        return self.config.updates - 1.0 if name in LEARNING else self.config.seconds

    @staticmethod
    def _alert(
        figure: Figure, level: State, thresholds: tuple[float, float], before: Level = "warn"
    ) -> Alert:
        told = before if level == "resolved" else level
        threshold = thresholds[_LEVELS.index(told)]
        return Alert(
            name=figure.name,
            subject=figure.subject,
            level=level,
            value=figure.value,
            threshold=threshold,
            message=f"{figure.text} ({level}; {told} level {threshold:g})",
            hint="" if level == "resolved" else HINTS[figure.name],
        )


LEARNING: tuple[AlertName, ...] = ("throughput", "entropy", "approx_kl", "explained_variance")
"""Alerts whose duration is counted in updates."""
AT_ONCE: tuple[AlertName, ...] = (
    "oom_kills",
    "worker_restarts",
    "non_finite",
    "heartbeat",
    "disk_free",
)
"""Alerts that need no duration: their figure covers one, or they cannot wait."""

HINTS: dict[AlertName, str] = {
    "cpu_throttled": "Use as many workers as the quota has cores, or ask for a larger quota: "
    "--set resources.workers=N",
    "load": "Others use this machine too: wait, or use fewer workers: --set resources.workers=N",
    "memory": "Use fewer workers or less shared memory: --set resources.workers=1 "
    "--set tracing.shared_memory=0",
    "memory_pressure": "Use fewer workers or less shared memory: --set resources.workers=1 "
    "--set tracing.shared_memory=0",
    "oom_kills": "Use fewer workers, or lower the limit of each: --set resources.workers=1 "
    "--set tracing.memory_limit=1024",
    "disk_free": "Free some space, or keep fewer checkpoints: vtrain checkpoint prune --run RUN",
    "disk_hours": "Free some space, or keep fewer checkpoints: vtrain checkpoint prune --run RUN",
    "gpu_memory": "End what else computes on this GPU.",
    "gpu_temperature": "Look at the cooling; the GPU slows itself down when it gets hotter.",
    "throughput": "Look at what else runs: vtrain monitor report",
    "worker_restarts": "See which images fail: 'quarantined' and 'worker_restarted' in events.jsonl"
    "; raise tracing.time_limit or tracing.memory_limit if that is it.",
    "entropy": "The policy settles early: raise ppo.ent_coef or lower ppo.learning_rate.",
    "approx_kl": "The updates are too large: lower ppo.learning_rate or ppo.n_epochs.",
    "explained_variance": "The value network is worse than none: lower ppo.learning_rate.",
    "non_finite": "The newest folder in failures/ shows it again; go on with "
    "'vtrain train --resume' after lowering ppo.learning_rate.",
    "heartbeat": "See whether it still works: vtrain monitor watch; if not, stop it and go on with "
    "'vtrain train --resume'.",
}
"""What to do about each alert."""


def levels_of(config: AlertsConfig, name: AlertName) -> tuple[float, float]:
    """Levels of a warning and of a critical alert."""
    if name == "non_finite":
        return 1.0, 1.0
    warn, critical = getattr(config, name)
    return float(warn), float(critical)


def _beyond(figure: Figure, threshold: float, slack: float) -> bool:
    margin = slack * abs(threshold)
    if figure.name in FALLING:
        return figure.value <= threshold + margin
    return figure.value >= threshold - margin
