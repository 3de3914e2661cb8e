"""The parameter table: the only place that names what an action chooses.

An action is one level index per row of `PARAMETERS`, in order; `Settings` holds the same choice as
values. Rows say when they are inert, so that two actions that draw the same picture share one
canonical form (and one cached measurement).

Ranges are the ones that VTracer 0.6.15 survives: `color_precision` outside 1 to 8 and
`max_iterations` 0 panic, `length_threshold` 0 blows the output up, and `mode="none"` copies the
pixel grid, so none of those is a level, and `check_settings` refuses them. (Curves of our own are
fitted to that grid: `is_curved`.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, Literal

from vtrain.errors import UsageError

Action = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """One way to prepare and trace an image.

    Attributes:
        alpha: ``as-is`` hands partial alpha to the tracer; ``cut`` makes every pixel opaque or
            clear at one half and keys the clear ones out.
        upscale: Enlargement before the trace (times).
        colours: Colours the image is snapped to; 0 leaves colours alone (count).
        edge_snap: Whether edge pixels may only take a colour found flat close by, which keeps
            anti-aliasing from becoming slivers of a third colour.
        mode: Curve fitting: ``spline`` or ``polygon``.
        hierarchical: ``stacked`` layers or ``cutout`` shapes.
        filter_speckle: Patches smaller than this squared are dropped (px of the traced image).
        color_precision: Significant bits per channel when clustering (bits).
        layer_difference: Colour difference that separates gradient layers (levels, 0 to 255).
        corner_threshold: Smallest turn that counts as a corner (degrees).
        length_threshold: Segments are subdivided until shorter (px of the traced image).
        splice_threshold: Smallest turn at which a spline is spliced (degrees).
        path_precision: Decimals of a coordinate (digits); of the curves that `smooth` makes, whole
            pixels, halves or one decimal.
        simplify: How far polygons, and the curves that `smooth` makes, may be off the outline (px
            of the image before it is enlarged).
        smooth: Outlines are fitted with lines and curves, and turns of so much stay corners; 0
            leaves polygons alone (degrees).
    """

    alpha: Literal["as-is", "cut"] = "as-is"
    upscale: int = 1
    colours: int = 0
    edge_snap: bool = False
    mode: Literal["spline", "polygon"] = "spline"
    hierarchical: Literal["stacked", "cutout"] = "stacked"
    filter_speckle: int = 4
    color_precision: int = 6
    layer_difference: int = 16
    corner_threshold: int = 60
    length_threshold: float = 4.0
    splice_threshold: int = 45
    path_precision: int = 2
    simplify: float = 0.0
    smooth: int = 0


@dataclass(frozen=True, slots=True)
class Parameter:
    """A row of the table.

    Attributes:
        name: Field of `Settings`.
        levels: Values in the order of their index.
        unit: Unit of the values.
        matters: Whether this row makes a difference to such settings.
    """

    name: str
    levels: tuple[Any, ...]
    unit: str
    matters: Callable[[Settings], bool] = lambda _: True


def _is_spline(settings: Settings) -> bool:
    return settings.mode == "spline"


def is_fitted(settings: Settings) -> bool:
    """Whether outlines are simplified or fitted with curves as the settings say.

    Shapes that are cut out share their borders: each fitted on its own, they would gape.
    """
    return settings.mode == "polygon" and settings.hierarchical == "stacked"


def is_curved(settings: Settings) -> bool:
    """Whether outlines are fitted with lines and curves, of the pixels instead of a polygon."""
    return is_fitted(settings) and settings.smooth > 0


def _is_prepared(settings: Settings) -> bool:
    return settings.alpha == "cut"


def _is_snapped(settings: Settings) -> bool:
    return _is_prepared(settings) and settings.colours > 0


def _has_fractions(settings: Settings) -> bool:
    return _is_spline(settings) or is_curved(settings)


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("alpha", ("as-is", "cut"), "choice"),
    Parameter("upscale", (1, 2, 3), "times"),
    Parameter("colours", (0, 4, 8, 16, 32, 64), "colours", matters=_is_prepared),
    Parameter("edge_snap", (False, True), "choice", matters=_is_snapped),
    Parameter("mode", ("spline", "polygon"), "choice"),
    Parameter("hierarchical", ("stacked", "cutout"), "choice"),
    Parameter("filter_speckle", (0, 1, 2, 3, 4, 6, 8, 10, 12), "px"),
    Parameter("color_precision", (4, 5, 6, 7, 8), "bits"),
    Parameter("layer_difference", (0, 2, 4, 8, 16, 32, 48, 64, 128), "levels"),
    Parameter("corner_threshold", (20, 40, 60, 80, 100, 130, 180), "degrees", matters=_is_spline),
    Parameter("length_threshold", (3.5, 4.0, 5.0, 7.0, 10.0), "px", matters=_is_spline),
    Parameter("splice_threshold", (20, 45, 70, 120), "degrees", matters=_is_spline),
    Parameter("path_precision", (0, 1, 2), "digits", matters=_has_fractions),
    Parameter("simplify", (0.0, 0.2, 0.4, 0.6, 1.0, 1.5, 2.5), "px", matters=is_fitted),
    Parameter("smooth", (0, 45, 60, 80), "degrees", matters=is_fitted),
)

_CHOICES: dict[str, tuple[object, ...]] = {
    "alpha": ("as-is", "cut"),
    "edge_snap": (False, True),
    "mode": ("spline", "polygon"),
    "hierarchical": ("stacked", "cutout"),
}
_RANGES: dict[str, tuple[float, float]] = {
    "upscale": (1, 8),
    "colours": (0, 256),
    "filter_speckle": (0, 128),
    "color_precision": (1, 8),
    "layer_difference": (0, 255),
    "corner_threshold": (0, 180),
    "length_threshold": (3.5, 10),
    "splice_threshold": (0, 180),
    "path_precision": (0, 8),
    "simplify": (0, 16),
    "smooth": (0, 180),
}
"""Values that VTracer and the preparation survive, ends included."""
_FRACTIONS = ("length_threshold", "simplify")
"""Rows whose values need not be whole."""

ACTION_LEVELS: tuple[int, ...] = tuple(len(row.levels) for row in PARAMETERS)
"""Number of levels of each row: the ``nvec`` of the action space."""


TABLE_DIGEST: str = hashlib.sha256(
    json.dumps([(row.name, row.levels) for row in PARAMETERS]).encode()
).hexdigest()[:16]
"""Identity of the table; a policy fits the table it was trained on."""
FORMER_TABLES: dict[str, int] = {"4fa97e2f0ef82fdd": 13}
"""Tables of former versions, by identity: how many of the rows they had. New rows come last, and
their first level, which is their default, changes nothing."""

PRESETS: dict[str, Settings] = {
    "default": Settings(),
    "flattened": Settings(alpha="cut"),
    "poster": Settings(color_precision=8),
    "photo": Settings(
        filter_speckle=10, color_precision=8, layer_difference=48, corner_threshold=180
    ),
    "recipe": Settings(
        alpha="cut",
        upscale=2,
        colours=32,
        mode="polygon",
        color_precision=8,
        layer_difference=8,
    ),
}
"""Named settings: VTracer's presets on the file as it is, and the recommended preparation."""


def check_settings(settings: Settings) -> None:
    """Refuse what the tracer or the preparation would break on.

    Raises:
        UsageError: A value is out of its range or of the wrong type.
    """
    for name, allowed in _CHOICES.items():
        value = getattr(settings, name)
        if not any(value is one or (isinstance(one, str) and value == one) for one in allowed):
            raise UsageError(f"{name} = {value!r} is not one of {', '.join(map(str, allowed))}.")
    for name, (low, high) in _RANGES.items():
        value = getattr(settings, name)
        whole = name not in _FRACTIONS
        number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            raise UsageError(f"{name} = {value!r} is not {kind} from {low} to {high}.")


def decode_action(action: Sequence[int]) -> Settings:
    """The settings that an action stands for.

    Args:
        action: One level index per row of `PARAMETERS`; shape (15,).

    Raises:
        ValueError: An index is out of range or the length differs.
    """
    if len(action) != len(PARAMETERS):
        raise ValueError(f"an action has {len(PARAMETERS)} entries, not {len(action)}")
    values = {}
    for row, index in zip(PARAMETERS, action, strict=True):
        if not 0 <= int(index) < len(row.levels):
            raise ValueError(f"{row.name}: level {index} is not in 0..{len(row.levels) - 1}")
        values[row.name] = row.levels[int(index)]
    return Settings(**values)


def encode_settings(settings: Settings) -> Action:
    """The action of settings whose values are all levels of the table.

    Raises:
        UsageError: A value is not a level of its row.
    """
    indices = []
    for row in PARAMETERS:
        value = getattr(settings, row.name)
        if value not in row.levels:
            levels = ", ".join(str(level) for level in row.levels)
            raise UsageError(f"{row.name} = {value!r} is not one of its levels: {levels}.")
        indices.append(row.levels.index(value))
    return tuple(indices)


def canonical(action: Sequence[int]) -> Action:
    """The action with every inert row at VTracer's default, so that equal pictures compare equal.

    Args:
        action: One level index per row; shape (15,).
    """
    return _canonical(tuple(int(index) for index in action))


@lru_cache(maxsize=1 << 14)  # the same baselines are asked for at every step of a training
def _canonical(action: Action) -> Action:
    default = encode_settings(Settings())
    rows = zip(action, default, mattering(action), strict=True)
    return tuple(level if matters else inert for level, inert, matters in rows)


@lru_cache(maxsize=1 << 14)
def mattering(action: Action) -> tuple[bool, ...]:
    """Whether each row of an action makes a difference; the others are inert.

    Args:
        action: One level index per row; shape (15,).
    """
    settings = decode_action(action)
    return tuple(row.matters(settings) for row in PARAMETERS)


def preset(name: str) -> Settings:
    """Named settings.

    Raises:
        UsageError: No preset has that name.
    """
    if name not in PRESETS:
        raise UsageError(f"No preset is named {name!r}.", hint=f"Known: {', '.join(PRESETS)}.")
    return PRESETS[name]


def describe(settings: Settings) -> str:
    """Only what differs from VTracer's default, as ``name=value`` words."""
    default = Settings()
    words = [
        f"{field.name}={getattr(settings, field.name)}"
        for field in fields(settings)
        if getattr(settings, field.name) != getattr(default, field.name)
    ]
    return " ".join(words) or "default"


def settings_dict(settings: Settings) -> dict[str, Any]:
    """The settings as plain JSON values."""
    return asdict(settings)
