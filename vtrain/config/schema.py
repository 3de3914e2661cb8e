"""The configuration: one frozen model per section, each field with its unit and meaning.

Values come from `vtrain.config.load.load_config`; this module holds only names, types, ranges and
defaults, so that the JSON schema, the reference page and `vtrain config show` all say the same.
Large sections have modules of their own: `vtrain.config.data`, `vtrain.config.monitoring`,
`vtrain.config.validation`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from vtrain.config.data import DataConfig
from vtrain.config.monitoring import MonitoringConfig
from vtrain.config.scoring import ScoringConfig
from vtrain.config.section import CATEGORIES, Category, Fraction, Lambda, Positive, Section, Units
from vtrain.config.validation import PROTOCOLS, ProtocolConfig, SuccessConfig


class TracingConfig(Section):
    """Limits of one trace in its worker process."""

    time_limit: Positive = Field(20.0, description="Longest time for one measurement (s).")
    memory_limit: int = Field(
        2048, ge=256, description="Memory a worker may take beyond its start (MiB)."
    )
    output_limit: int = Field(
        4_000_000,
        ge=10_000,
        description="Largest SVG accepted from the tracer, twice that where curves are fitted to "
        "its pixels (bytes).",
    )
    shared_memory: int = Field(
        4096,
        ge=0,
        description="Shared memory for decoded images and what is known of them, at most a quarter "
        "of the machine's (MiB); 0 for none.",
    )


class EnvironmentConfig(Section):
    """The episode: one image, one taste, one to several traces."""

    traces: int = Field(1, ge=1, le=16, description="Traces per episode (count).")
    baseline: str = Field(
        "recipe", description="Named settings that a reward is measured against, per image."
    )
    tastes: tuple[Lambda, ...] = Field(
        (0.15, 0.45, 1.2, 2.0, 3.0, 6.0),
        min_length=1,
        description="Lambdas that episodes are drawn from.",
    )
    repeats: int = Field(
        16, ge=1, description="Episodes in a row on one image, with different tastes (count)."
    )
    damaged_weight: float = Field(
        1.0,
        ge=0.0,
        allow_inf_nan=False,
        description="How often a damaged copy is drawn, for each time that an image as it is "
        "would be.",
    )
    reward_limit: Positive = Field(
        10.0,
        description="Rewards of successful traces are clipped to +- this (utility at lambda 1.2).",
    )
    failure_penalty: Positive = Field(
        12.0, description="A failed trace scores minus this; must exceed reward_limit (likewise)."
    )

    @model_validator(mode="after")
    def _failure_is_worst(self) -> EnvironmentConfig:
        if self.failure_penalty <= self.reward_limit:
            msg = "failure_penalty must be larger than reward_limit"
            raise ValueError(msg)
        return self


class WarmStartConfig(Section):
    """Measured settings on training images, from which the policy starts."""

    enabled: bool = Field(True, description="Start from a measured table instead of at random.")
    settings: int = Field(64, ge=4, description="Settings tried in the first round (count).")
    images: int = Field(160, ge=4, description="Training images in the last round (count).")
    epochs: int = Field(60, ge=1, description="Passes over the table when fitting (count).")
    temperature: Positive = Field(
        0.15, description="Softness of the target over the table's settings (utility)."
    )


class PPOConfig(Section):
    """PPO's settings (stable-baselines3) and the length of training."""

    total_traces: int = Field(
        80_000, ge=1, description="Training ends after this many traces (environment steps)."
    )
    time_limit: float = Field(
        0.0, ge=0.0, description="Training ends after this long, warm start included (s); 0: never."
    )
    n_envs: int = Field(64, ge=1, description="Environments stepped together (count).")
    n_steps: int = Field(8, ge=1, description="Steps per environment and update (count).")
    batch_size: int = Field(128, ge=2, description="Minibatch of a gradient step (samples).")
    n_epochs: int = Field(4, ge=1, description="Passes over a rollout per update (count).")
    learning_rate: Positive = Field(1e-3, description="Adam's step size at the start.")
    final_learning_rate: Positive = Field(1e-4, description="Adam's step size at the end.")
    gamma: Fraction = Field(1.0, description="Discount per step.")
    gae_lambda: Fraction = Field(1.0, description="Lambda of generalised advantage estimation.")
    share_traces: bool = Field(
        True,
        description="Whether each trace counts for every taste that its image is drawn with in a "
        "step (environment.repeats); with episodes of one trace.",
    )
    average_updates: int = Field(
        20,
        ge=1,
        description="Updates that the policy in use is averaged over; 1 for the newest alone "
        "(count).",
    )
    clip_range: Positive = Field(0.2, description="PPO's clip of the probability ratio.")
    ent_coef: float = Field(0.015, ge=0.0, description="Weight of the entropy bonus at the start.")
    final_ent_share: Fraction = Field(
        1.0, description="What is left of it at the end (0 to 1); it goes there evenly."
    )
    vf_coef: float = Field(0.5, ge=0.0, description="Weight of the value loss.")
    max_grad_norm: Positive = Field(0.5, description="Largest gradient norm.")
    target_kl: float = Field(0.1, ge=0.0, description="An update stops beyond this KL; 0: never.")
    hidden: tuple[Units, ...] = Field(
        (256, 256), min_length=1, description="Units of each hidden layer (count)."
    )
    warm_start: WarmStartConfig = Field(WarmStartConfig(), description="Where learning starts.")


class StageConfig(Section):
    """One stage of the curriculum."""

    name: str = Field(min_length=1, description="Name shown in progress and results.")
    categories: tuple[Category, ...] = Field(min_length=1, description="Categories drawn from.")
    complexity: tuple[Fraction, Fraction] = Field(
        (0.0, 1.0),
        description="Part of each category drawn from, by the rank of its images from the simplest "
        "(0) to the most complex (1).",
    )
    target: float = Field(
        0.0,
        allow_inf_nan=False,
        description="Gain over the baseline from which an episode is a success (utility).",
    )
    success_share: Fraction = Field(
        0.6, description="Share of recent episodes that must be a success for promotion."
    )
    min_updates: int = Field(4, ge=1, description="Updates before promotion is looked at (count).")
    max_updates: int = Field(
        30, ge=1, description="Updates within which the stage must succeed: its budget (count)."
    )
    retries: int = Field(
        0, ge=0, description="Times the stage is begun again when its budget has ended (count)."
    )
    on_failure: Literal["next", "stop"] = Field(
        "next",
        description="After the last retry: go on with the next stage, or stop training (exit code "
        "3).",
    )
    begin: Literal["last", "best"] = Field(
        "last",
        description="Policy that each attempt begins with: the last one, or that of the best check "
        "so far.",
    )
    review: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Share of the episodes that are drawn from earlier stages, against forgetting.",
    )

    @model_validator(mode="after")
    def _part_has_an_inside(self) -> StageConfig:
        low, high = self.complexity
        if low >= high:
            msg = f"complexity must begin below its end, not [{low:g}, {high:g}]"
            raise ValueError(msg)
        return self


class CurriculumConfig(Section):
    """Stages over categories; without stages every category is drawn from the start."""

    enabled: bool = Field(
        False, description="Whether the stages are used; where it is not said, those given are."
    )
    window: int = Field(
        256, ge=1, description="Recent episodes that success is measured on (count)."
    )
    stages: tuple[StageConfig, ...] = Field(
        (
            StageConfig(name="simple", categories=("simple",), max_updates=6),
            StageConfig(name="text", categories=("simple", "text"), max_updates=6),
            StageConfig(name="gradient", categories=("simple", "text", "gradient"), max_updates=6),
            StageConfig(name="complex", categories=CATEGORIES),
        ),
        description="Stages in order; the last one lasts until training ends.",
    )

    @model_validator(mode="after")
    def _use_stages_that_are_given(self) -> CurriculumConfig:
        if "stages" in self.model_fields_set and "enabled" not in self.model_fields_set:
            # As if it had been said; sections are frozen once they are made.
            object.__setattr__(self, "enabled", True)
        return self

    @model_validator(mode="after")
    def _names_tell_stages_apart(self) -> CurriculumConfig:
        names = [stage.name for stage in self.stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"two stages are named {', '.join(map(repr, twice))}: give each its own name"
            raise ValueError(msg)
        return self


RecordedFigure = Literal[
    "utility",
    "gain_default",
    "better",
    "reward_mean",
    "gain_mean",
    "utility_gain_default",
    "success_share",
    "failures",
    "entropy",
    "approx_kl",
    "clip_fraction",
    "policy_loss",
    "value_loss",
    "explained_variance",
    "loss",
]
"""Figures that a checkpoint records of itself: of its check, and of its update."""


class CheckpointsConfig(Section):
    """When checkpoints are written and how many are kept."""

    every_updates: int = Field(10, ge=0, description="Updates between checkpoints; 0 for never.")
    every_traces: int = Field(0, ge=0, description="Traces between checkpoints; 0 for never.")
    every_minutes: float = Field(
        0.0, ge=0.0, description="Time between checkpoints (min); 0 for never."
    )
    at_stage_ends: bool = Field(
        True, description="Whether one is written when a stage of the curriculum ends."
    )
    keep_last: int = Field(3, ge=1, description="Newest checkpoints kept (count).")
    keep_best: int = Field(1, ge=1, description="Best checkpoints kept (count).")
    best_metric: RecordedFigure = Field(
        "utility",
        description="Figure of the validation check, or of the update's record in metrics.jsonl, "
        "that the kept best are chosen by.",
    )
    best_direction: Literal["max", "min"] = Field(
        "max", description="Whether more or less of best_metric is better."
    )
    best_confidence: float = Field(
        0.975,
        ge=0.5,
        lt=1.0,
        description="Confidence that a checkpoint is better before it becomes the best: equal ones "
        "are promoted at most twice as often as 1 minus this.",
    )
    keep_every: int = Field(
        0, ge=0, description="Checkpoints of every so many updates are kept for ever; 0 for none."
    )
    max_age: float = Field(
        0.0, ge=0.0, description="Older checkpoints go, but for the newest (h); 0 for no limit."
    )
    max_bytes: int = Field(
        0, ge=0, description="The oldest go until all take no more (bytes); 0 for no limit."
    )
    background: bool = Field(
        True, description="Whether checkpoints are written beside the training."
    )
    failures_allowed: int = Field(
        3, ge=1, description="Failed writes in a row after which training ends (count)."
    )


class EarlyStoppingConfig(Section):
    """Ending a training that has stopped gaining, or that has diverged."""

    patience: int = Field(
        0, ge=0, description="Validation checks without gain after which training ends; 0: never."
    )
    min_gain: float = Field(
        0.0, ge=0.0, description="Least rise of the check's utility that counts as gain."
    )
    max_drop: float = Field(
        4.0,
        ge=0.0,
        description="A check this far below the best one ends training as diverged (utility); 0: "
        "never.",
    )


class ValidationConfig(Section):
    """How a policy is judged on images it has not seen."""

    split: Literal["validation", "test"] = Field(
        "test", description="Split of the final judgement; validation chooses checkpoints."
    )
    every_updates: int = Field(20, ge=1, description="Updates between checks in training (count).")
    every_minutes: float = Field(
        0.0,
        ge=0.0,
        allow_inf_nan=False,
        description="Time of training after which a check is due too (min); 0: never by time. With "
        "it, which updates are checked depends on the machine.",
    )
    images: int = Field(
        80, ge=1, description="Images of a check in training, even over categories (count)."
    )
    traces: int = Field(
        1, ge=1, le=64, description="Traces the policy may spend per image (count)."
    )
    against: tuple[str, ...] = Field(
        ("default", "best-fixed"), description="Baselines that the policy is compared with."
    )
    resamples: int = Field(
        10_000, ge=100, description="Bootstrap resamples of an interval (count)."
    )
    confidence: float = Field(0.95, gt=0.5, lt=1.0, description="Coverage of an interval.")
    gallery: int = Field(
        12, ge=3, description="Most logos that the page of a judgement shows pictures of (count)."
    )
    success: SuccessConfig = Field(SuccessConfig(), description="What counts as a success.")
    protocol: str = Field(
        "standard", description="Name of the protocol that is followed unless another is asked for."
    )
    protocols: tuple[ProtocolConfig, ...] = Field(
        (),
        description="Protocols of your own. standard, quick, degraded and thorough are there "
        "anyway, unless one here has that name.",
    )

    @model_validator(mode="after")
    def _known_protocol(self) -> ValidationConfig:
        names = [protocol.name for protocol in self.protocols]
        if len(set(names)) < len(names):
            msg = "two protocols have one name"
            raise ValueError(msg)
        known = dict.fromkeys((*names, *(protocol.name for protocol in PROTOCOLS)))
        if self.protocol not in known:
            msg = f"there is no protocol {self.protocol!r}; known are {', '.join(known)}"
            raise ValueError(msg)
        return self


class ResourcesConfig(Section):
    """Processes and threads."""

    workers: int = Field(
        0, ge=0, le=1024, description="Processes that trace (count); 0: one per usable core."
    )
    torch_threads: int = Field(
        1, ge=1, le=256, description="Threads torch learns with; part of exact results (count)."
    )


class Config(Section):
    """The whole configuration of a run."""

    name: str = Field(
        "vtrain", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Name of the run."
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of everything random in training.")
    data: DataConfig = Field(DataConfig(), description="Images and splits.")
    tracing: TracingConfig = Field(TracingConfig(), description="Limits of a trace.")
    scoring: ScoringConfig = Field(ScoringConfig(), description="How a trace is judged.")
    environment: EnvironmentConfig = Field(EnvironmentConfig(), description="The episode.")
    ppo: PPOConfig = Field(PPOConfig(), description="Learning.")
    curriculum: CurriculumConfig = Field(CurriculumConfig(), description="Stages of training.")
    checkpoints: CheckpointsConfig = Field(CheckpointsConfig(), description="Saving.")
    early_stopping: EarlyStoppingConfig = Field(EarlyStoppingConfig(), description="Giving up.")
    validation: ValidationConfig = Field(ValidationConfig(), description="Judging.")
    monitoring: MonitoringConfig = Field(MonitoringConfig(), description="Watching.")
    resources: ResourcesConfig = Field(ResourcesConfig(), description="Processes and threads.")
