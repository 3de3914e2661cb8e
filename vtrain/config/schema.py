"""The configuration: one frozen model per section, each field with its unit and meaning.

Values come from `vtrain.config.load.load_config`; this module holds only names, types, ranges and
defaults, so that the JSON schema, the reference page and `vtrain config show` all say the same.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Category = Literal["simple", "text", "gradient", "complex"]
CATEGORIES: tuple[Category, ...] = ("simple", "text", "gradient", "complex")

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
FolderName = Annotated[str, Field(max_length=100)]
Positive = Annotated[float, Field(gt=0.0)]
Lambda = Annotated[float, Field(ge=0.0, le=4.0)]
Units = Annotated[int, Field(ge=1, le=65_536)]


class Section(BaseModel):
    """Base of every section: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitConfig(Section):
    """Shares of the corpus; a brand is always on one side."""

    train: Fraction = Field(0.7, description="Share of brands used for learning (0 to 1).")
    validation: Fraction = Field(
        0.15, description="Share of brands that choose the best checkpoint (0 to 1)."
    )
    test: Fraction = Field(
        0.15, description="Share of brands kept for the final judgement; 0 for none."
    )

    @model_validator(mode="after")
    def _adds_up(self) -> SplitConfig:
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-6:
            msg = f"train + validation + test must be 1, and is {total:g}"
            raise ValueError(msg)
        return self


class QualityConfig(Section):
    """When an image is rejected, or warned about and still used; tuned on clean vector logos."""

    reject_side: int = Field(
        24, ge=1, description="Rasters whose longest side is shorter are rejected (px)."
    )
    warn_side: int = Field(
        64, ge=1, description="Rasters whose longest side is shorter are small (px)."
    )
    warn_edge_width: Positive = Field(
        2.9, description="Sharpest contours wider than this are blurred (px of the file)."
    )
    warn_noise: Positive = Field(
        0.3, description="Noise above this standard deviation is noise (L* units)."
    )
    warn_ringing: Positive = Field(
        0.25, description="Ripples beside contours above this come of lossy compression."
    )
    warn_jpeg_quality: int = Field(
        60, ge=0, le=100, description="JPEG files below this quality are lossy (1 to 100)."
    )
    warn_contrast: Positive = Field(
        10.0, description="Less contrast to a white page or the ground is faint (CIE76 units)."
    )
    warn_cut_share: Fraction = Field(
        0.02, description="More of one side on the border, and of no other, is cut off (0 to 1)."
    )
    warn_rotated: bool = Field(True, description="Whether to warn of an EXIF orientation.")
    warn_extension: bool = Field(
        True, description="Whether to warn of a file name that claims another format."
    )

    @model_validator(mode="after")
    def _ordered(self) -> QualityConfig:
        if self.reject_side > self.warn_side:
            msg = "reject_side must not be larger than warn_side"
            raise ValueError(msg)
        return self


class DuplicatesConfig(Section):
    """When two images show the same thing, whatever their size, margin and colours."""

    correlation: float = Field(
        0.92, ge=0.5, le=1.0, description="Least correlation of two contour prints (0.5 to 1)."
    )
    distance: int = Field(
        56, ge=0, le=128, description="Largest Hamming distance of two hashes (bits of 256)."
    )


class ArchivesConfig(Section):
    """What is read of a zip or tar archive before the rest of it is refused."""

    max_members: int = Field(200_000, ge=1, description="Most members of one archive (count).")
    max_bytes: int = Field(
        8_000_000_000, ge=1024, description="Most bytes unpacked of one archive (bytes)."
    )
    max_ratio: int = Field(
        200, ge=2, description="Largest ratio of unpacked to packed bytes beyond the first 10 MB."
    )


class DegradeConfig(Section):
    """Damaged copies of the training images, judged against the clean reference."""

    variants: int = Field(0, ge=0, le=16, description="Most copies of each training image (count).")
    seed: int = Field(0, ge=0, description="Seed of the damage.")
    padding_chance: Fraction = Field(0.3, description="Chance of a wider margin (0 to 1).")
    padding: tuple[float, float] = Field(
        (0.02, 0.2), description="Margin added on each side (share of the longest side)."
    )
    background_chance: Fraction = Field(
        0.4, description="Chance that a transparent image gets a background (0 to 1)."
    )
    photo_share: Fraction = Field(
        0.25, description="Backgrounds that look like a photograph, not one colour (0 to 1)."
    )
    rescale_chance: Fraction = Field(0.3, description="Chance of a reduced copy blown up again.")
    rescale: tuple[float, float] = Field(
        (0.4, 0.9), description="Size that it is reduced to (share)."
    )
    blur_chance: Fraction = Field(0.3, description="Chance of a blur (0 to 1).")
    blur: tuple[float, float] = Field((0.4, 1.5), description="Blur's standard deviation (px).")
    noise_chance: Fraction = Field(0.2, description="Chance of noise (0 to 1).")
    noise: tuple[float, float] = Field(
        (1.0, 8.0), description="Noise's standard deviation (levels)."
    )
    jpeg_chance: Fraction = Field(0.4, description="Chance of JPEG compression (0 to 1).")
    jpeg: tuple[float, float] = Field((20.0, 90.0), description="JPEG quality (1 to 100).")

    @model_validator(mode="after")
    def _ranges(self) -> DegradeConfig:
        limits = {
            "padding": (0.0, 1.0),
            "rescale": (0.05, 1.0),
            "blur": (0.0, 20.0),
            "noise": (0.0, 128.0),
            "jpeg": (1.0, 100.0),
        }
        for name, (least, most) in limits.items():
            low, high = getattr(self, name)
            if not least <= low <= high <= most:
                msg = f"{name} must be a range within {least:g} to {most:g}, the lesser first"
                raise ValueError(msg)
        return self


class DataConfig(Section):
    """Which images are used, how they are prepared and how they are split."""

    input_size: int = Field(
        256, ge=32, le=2048, description="Longest side of the raster that is traced (px)."
    )
    reference_scale: int = Field(
        2, ge=1, le=8, description="Size of the judged reference, in multiples of input_size."
    )
    split: SplitConfig = Field(SplitConfig(), description="Shares of the three splits.")
    split_seed: int = Field(0, ge=0, description="Seed of the split; changing it moves images.")
    max_images: int = Field(
        0, ge=0, description="Most images taken, evenly over categories; 0 for all."
    )
    infer_category: bool = Field(
        True, description="Whether the pixels tell the category where no folder names it."
    )
    default_category: Category = Field(
        "complex", description="Category where neither a folder nor the pixels tell it."
    )
    category_names: dict[FolderName, Category] = Field(
        {
            "simple": "simple",
            "simple_geometric": "simple",
            "geometric": "simple",
            "icon": "simple",
            "icons": "simple",
            "text": "text",
            "text_based": "text",
            "typography": "text",
            "wordmark": "text",
            "gradient": "gradient",
            "gradients": "gradient",
            "complex": "complex",
            "abstract": "complex",
            "illustration": "complex",
            "mascot": "complex",
        },
        description="Category for each folder name, compared in lower case.",
    )
    sample_count: int = Field(
        96, ge=4, description="Procedural logos made when a run has no source (count)."
    )
    sample_seed: int = Field(0, ge=0, description="Seed of the procedural logos.")
    max_pixels: int = Field(
        64_000_000, ge=1024, description="Largest image decoded (px); bigger ones are refused."
    )
    max_file_bytes: int = Field(
        64_000_000, ge=1024, description="Largest file read (bytes); bigger ones are refused."
    )
    archives: ArchivesConfig = Field(ArchivesConfig(), description="Limits of an archive.")
    quality: QualityConfig = Field(QualityConfig(), description="Limits of good images.")
    duplicates: DuplicatesConfig = Field(
        DuplicatesConfig(), description="When two images are taken for one."
    )
    degrade: DegradeConfig = Field(DegradeConfig(), description="Damaged copies for training.")


class TracingConfig(Section):
    """Limits of one trace in its worker process."""

    time_limit: Positive = Field(20.0, description="Longest time for one measurement (s).")
    memory_limit: int = Field(
        2048, ge=256, description="Memory a worker may take beyond its start (MiB)."
    )
    output_limit: int = Field(
        4_000_000, ge=10_000, description="Largest SVG accepted from the tracer (bytes)."
    )


class TasteConfig(Section):
    """The price of size, lambda, for each named taste."""

    fidelity: Lambda = Field(0.05, description="Lambda when looks are what counts.")
    balanced: Lambda = Field(0.4, description="Lambda when both count.")
    compact: Lambda = Field(1.0, description="Lambda when size counts most.")

    @model_validator(mode="after")
    def _ordered(self) -> TasteConfig:
        if not self.fidelity < self.balanced < self.compact:
            msg = "fidelity < balanced < compact must hold"
            raise ValueError(msg)
        return self


class ScoringConfig(Section):
    """How a trace is judged: utility = appearance - lambda * cost."""

    taste: TasteConfig = Field(TasteConfig(), description="Lambda of each named taste.")
    segments_weight: float = Field(
        0.5, ge=0.0, description="Cost per doubling of the path segments (weight)."
    )
    bytes_weight: float = Field(
        0.5, ge=0.0, description="Cost per doubling of the SVG's bytes (weight)."
    )
    pixels_weight: float = Field(
        0.05, ge=0.0, description="Cost per doubling of the traced pixels (weight)."
    )


class EnvironmentConfig(Section):
    """The episode: one image, one taste, one to several traces."""

    traces: int = Field(1, ge=1, le=16, description="Traces per episode (count).")
    baseline: str = Field(
        "recipe", description="Named settings that a reward is measured against, per image."
    )
    tastes: tuple[Lambda, ...] = Field(
        (0.05, 0.15, 0.4, 0.65, 1.0),
        min_length=1,
        description="Lambdas that episodes are drawn from.",
    )
    repeats: int = Field(
        4, ge=1, description="Episodes in a row on one image, with different tastes (count)."
    )
    reward_limit: Positive = Field(
        10.0, description="Rewards of successful traces are clipped to +- this (utility)."
    )
    failure_penalty: Positive = Field(
        12.0, description="A failed trace scores minus this; must exceed reward_limit (utility)."
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
        40_000, ge=1, description="Training ends after this many traces (environment steps)."
    )
    time_limit: float = Field(
        0.0, ge=0.0, description="Training ends after this long, warm start included (s); 0: never."
    )
    n_envs: int = Field(64, ge=1, description="Environments stepped together (count).")
    n_steps: int = Field(8, ge=1, description="Steps per environment and update (count).")
    batch_size: int = Field(128, ge=2, description="Minibatch of a gradient step (samples).")
    n_epochs: int = Field(4, ge=1, description="Passes over a rollout per update (count).")
    learning_rate: Positive = Field(3e-4, description="Adam's step size at the start.")
    final_learning_rate: Positive = Field(3e-5, description="Adam's step size at the end.")
    gamma: Fraction = Field(1.0, description="Discount per step.")
    gae_lambda: Fraction = Field(1.0, description="Lambda of generalised advantage estimation.")
    clip_range: Positive = Field(0.2, description="PPO's clip of the probability ratio.")
    ent_coef: float = Field(0.002, ge=0.0, description="Weight of the entropy bonus.")
    vf_coef: float = Field(0.5, ge=0.0, description="Weight of the value loss.")
    max_grad_norm: Positive = Field(0.5, description="Largest gradient norm.")
    target_kl: float = Field(0.05, ge=0.0, description="An update stops beyond this KL; 0: never.")
    hidden: tuple[Units, ...] = Field(
        (128, 128), min_length=1, description="Units of each hidden layer (count)."
    )
    warm_start: WarmStartConfig = Field(WarmStartConfig(), description="Where learning starts.")


class StageConfig(Section):
    """One stage of the curriculum."""

    name: str = Field(min_length=1, description="Name shown in progress and results.")
    categories: tuple[Category, ...] = Field(min_length=1, description="Categories drawn from.")
    success_share: Fraction = Field(
        0.6, description="Share of recent episodes at or above the baseline that promotes."
    )
    min_updates: int = Field(4, ge=1, description="Updates before promotion is looked at (count).")
    max_updates: int = Field(
        30, ge=1, description="Updates after which the next stage starts anyway (count)."
    )


class CurriculumConfig(Section):
    """Stages over categories; without stages every category is drawn from the start."""

    enabled: bool = Field(True, description="Whether the stages are used.")
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
        description="Stages in order; the last one lasts until the end.",
    )


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
    best_metric: Literal["utility", "gain_default", "better"] = Field(
        "utility", description="Figure of the validation check that the kept best are chosen by."
    )
    best_direction: Literal["max", "min"] = Field(
        "max", description="Whether more or less of best_metric is better."
    )
    best_confidence: float = Field(
        0.9,
        ge=0.5,
        lt=1.0,
        description="Confidence that a checkpoint is better before it becomes the best.",
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


class ValidationConfig(Section):
    """How a policy is judged on images it has not seen."""

    split: Literal["validation", "test"] = Field(
        "test", description="Split of the final judgement; validation chooses checkpoints."
    )
    every_updates: int = Field(20, ge=1, description="Updates between checks in training (count).")
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


class MonitoringConfig(Section):
    """Sampling of resources during a run."""

    enabled: bool = Field(True, description="Whether resources are sampled during training.")
    interval: Positive = Field(5.0, description="Time between samples (s).")


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
    validation: ValidationConfig = Field(ValidationConfig(), description="Judging.")
    monitoring: MonitoringConfig = Field(MonitoringConfig(), description="Watching.")
    resources: ResourcesConfig = Field(ResourcesConfig(), description="Processes and threads.")
