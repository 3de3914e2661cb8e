"""The data section: which images are used, how they are judged, split and spoilt."""

from __future__ import annotations

from pydantic import Field, model_validator

from vtrain.config.section import Category, FolderName, Fraction, Positive, Section


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
