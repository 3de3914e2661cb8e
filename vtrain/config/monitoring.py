"""The monitoring section: what is sampled during a run, and when a figure is an alert."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from vtrain.config.section import Fraction, Positive, Section

AlertName = Literal[
    "cpu_throttled",
    "load",
    "memory",
    "memory_pressure",
    "oom_kills",
    "disk_free",
    "disk_hours",
    "gpu_memory",
    "gpu_temperature",
    "throughput",
    "worker_restarts",
    "entropy",
    "approx_kl",
    "explained_variance",
    "non_finite",
    "heartbeat",
]
FALLING: tuple[AlertName, ...] = (
    "disk_free",
    "disk_hours",
    "throughput",
    "entropy",
    "explained_variance",
)
"""Alerts whose figure is bad when it is low."""
Levels = tuple[float, float]


class AlertsConfig(Section):
    """When a figure is worth a warning, and when it is critical: two levels of each."""

    enabled: bool = Field(True, description="Whether figures are looked at for alerts.")
    off: tuple[AlertName, ...] = Field((), description="Alerts that are not wanted, by name.")
    on_alert: str = Field(
        "",
        description="Command that /bin/sh runs at each alert, with the alert as JSON on its "
        "standard input; empty for none.",
    )
    seconds: float = Field(
        30.0, ge=0.0, description="Time beyond a level before it is an alert, or is over (s)."
    )
    updates: int = Field(
        3, ge=1, description="Updates in a row beyond a level, for figures of learning (count)."
    )
    hysteresis: Fraction = Field(
        0.05, description="How far a figure must come back over its level (share of the level)."
    )
    cpu_throttled: Levels = Field(
        (0.25, 0.75), description="Periods in which a quota stopped the processes (0 to 1)."
    )
    load: Levels = Field((6.0, 12.0), description="Processes that want a core (per core).")
    memory: Levels = Field(
        (0.85, 0.95), description="Memory in use of what may be used, containers included (0 to 1)."
    )
    memory_pressure: Levels = Field(
        (0.1, 0.4), description="Time in which every process waited for memory (0 to 1)."
    )
    oom_kills: Levels = Field(
        (1.0, 3.0), description="Processes killed for lack of memory in ten minutes (count)."
    )
    disk_free: Levels = Field((2.0, 0.5), description="Free space where the run is kept (GiB).")
    disk_hours: Levels = Field(
        (2.0, 0.25), description="Time until that disk is full, at its present pace (h)."
    )
    gpu_memory: Levels = Field(
        (0.95, 0.99), description="Memory in use of a GPU that the run computes on (0 to 1)."
    )
    gpu_temperature: Levels = Field((86.0, 92.0), description="Temperature of a GPU (°C).")
    throughput: Levels = Field(
        (0.5, 0.25), description="Speed of training, over that in the stage so far (0 to 1)."
    )
    worker_restarts: Levels = Field(
        (5.0, 20.0), description="Workers that were replaced in ten minutes (count)."
    )
    entropy: Levels = Field(
        (0.15, 0.05), description="Entropy of the policy, over that of the first update (0 to 1)."
    )
    approx_kl: Levels = Field(
        (0.3, 1.0), description="Approximate KL divergence of an update (nats)."
    )
    explained_variance: Levels = Field(
        (-1.0, -4.0), description="Variance of the returns that the value network explains."
    )
    heartbeat: Levels = Field(
        (900.0, 3600.0), description="Time in which a run has written nothing (s)."
    )

    @model_validator(mode="after")
    def _critical_is_worse(self) -> AlertsConfig:
        for name in type(self).model_fields:
            levels = getattr(self, name)
            if not isinstance(levels, tuple) or name == "off":
                continue
            warn, critical = levels
            if (critical > warn) if name in FALLING else (critical < warn):
                order = "below" if name in FALLING else "above"
                msg = f"{name}: the critical level lies {order} the warning's, not [{warn:g}, "
                raise ValueError(f"{msg}{critical:g}]")
        return self


class MonitoringConfig(Section):
    """Sampling of resources during a run."""

    enabled: bool = Field(True, description="Whether resources are sampled during training.")
    interval: Positive = Field(5.0, description="Time between samples (s).")
    alerts: AlertsConfig = Field(AlertsConfig(), description="When something is told.")
