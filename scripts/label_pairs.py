"""Pairs of traces to be labelled by eye: cards to look at, and two passes of labels made one.

    python scripts/label_pairs.py cards SOURCES OUT [--logos 96] [--pairs 4] [--seed 1]
    python scripts/label_pairs.py merge OUT LABELS.json

SOURCES is a folder of SVG logos, one folder for each category. ``cards`` traces each chosen logo in
many ways, every fourth from a damaged copy, and draws a card for the pairs on which measures
disagree or the appearance model hardly tells them apart. A card shows, in columns, the reference
and the two traces: at 1x on a light and on a dark page, and at 4x where the two differ most.

Cards are looked at twice, in two orders and with the sides exchanged. An answer file of a pass is
``pass-1.json`` or ``pass-2.json`` in OUT: number of the card to ``{"better": "A" | "B" | "=",
"note": "..."}`` as that pass's card shows it. Of ``merge`` only the pairs that both passes order
alike are labels; the rest are kept as even ones (``=``), which say how far an eye can tell.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import structural_similarity

from vtrain.config.data import DataConfig, DegradeConfig
from vtrain.config.section import CATEGORIES
from vtrain.data.degrade import degrade, draw_damage
from vtrain.data.pairs import prepare_image
from vtrain.images import has_transparency, over, resize
from vtrain.resources import usable_cores
from vtrain.scoring.reference import Reference
from vtrain.scoring.score import Scores, score
from vtrain.tracing.parameters import PRESETS, Settings, settings_dict
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.render import render
from vtrain.tracing.trace import Trace, trace_prepared

Rgba = NDArray[np.uint8]
LIGHT, DARK, FRAME = (255, 255, 255), (32, 32, 32), (150, 150, 150)
ZOOM = 4
CROP = 96
"""Side of a crop (px of the input)."""
GAP = 8
PASSES = 2
MODES: tuple[Literal["spline", "polygon"], ...] = ("spline", "polygon")
DAMAGED_EVERY = 4
LEAST_DIFFERENCE = 1.0
"""Mean difference in the crop below which nobody could tell two traces apart (levels)."""


def candidates() -> list[Settings]:
    """Ways to trace a logo: presets, the recipe's neighbourhood, and coarse ones."""
    recipe = replace(PRESETS["recipe"], edge_snap=True)
    found = [PRESETS[name] for name in ("default", "flattened", "poster", "photo")]
    found += [
        replace(recipe, upscale=upscale, mode=mode, colours=colours)
        for upscale in (1, 2, 3)
        for mode in MODES
        for colours in (8, 16, 32)
    ]
    for upscale in (1, 2, 3):
        found.append(replace(recipe, upscale=upscale, mode="spline", edge_snap=False))
        found.append(replace(recipe, upscale=upscale, mode="spline", corner_threshold=100))
        found.append(replace(recipe, upscale=upscale, mode="spline", corner_threshold=20))
        found.append(replace(recipe, upscale=upscale, mode="polygon", filter_speckle=12))
        found.append(replace(recipe, upscale=upscale, mode="spline", length_threshold=10.0))
        found.append(replace(recipe, upscale=upscale, layer_difference=48, mode="spline"))
        found.append(replace(recipe, upscale=upscale, path_precision=0, mode="spline"))
        found.append(replace(recipe, upscale=upscale, colours=0, mode="spline"))
        found.append(replace(recipe, upscale=upscale, colours=4, mode="spline"))
    return list(dict.fromkeys(found))


def main() -> None:
    """Draw cards, or merge labels."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    cards = commands.add_parser("cards")
    cards.add_argument("sources", type=Path)
    cards.add_argument("out", type=Path)
    cards.add_argument("--logos", type=int, default=96)
    cards.add_argument("--pairs", type=int, default=4)
    cards.add_argument("--processes", type=int, default=usable_cores())
    cards.add_argument("--seed", type=int, default=1)
    joined = commands.add_parser("merge")
    joined.add_argument("out", type=Path)
    joined.add_argument("labels", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.command == "cards":
        draw_cards(arguments)
    else:
        merge(arguments.out, arguments.labels)


def draw_cards(arguments: argparse.Namespace) -> None:
    """Choose logos and pairs, and draw both passes' cards."""
    generator = np.random.default_rng(arguments.seed)
    pairs: list[dict[str, Any]] = []
    work = [
        (path, arguments.sources, number, arguments.pairs, arguments.seed)
        for number, path in enumerate(logos(arguments.sources, arguments.logos, generator))
    ]
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        for number, found in enumerate(pool.map(pairs_of, work)):
            pairs += found
            print(number, work[number][0].name, len(pairs), flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for count in (1, 2):
        folder = arguments.out / f"pass-{count}"
        folder.mkdir(exist_ok=True)
        order = generator.permutation(len(pairs))
        key = []
        for place, index in enumerate(order):
            pair = pairs[int(index)]
            swapped = bool(pair["swap"]) != (count == 2)
            key.append({"pair": int(index), "swapped": swapped})
            card(pair, swapped=swapped).save(folder / f"{place:03d}.png")
        (arguments.out / f"key-{count}.json").write_text(json.dumps(key))
    plain = [{k: v for k, v in pair.items() if not k.startswith("_")} for pair in pairs]
    (arguments.out / "pairs.json").write_text(json.dumps(plain, indent=1))


def pairs_of(work: tuple[Path, Path, int, int, int]) -> list[dict[str, Any]]:
    """Pairs of one logo, in a process of its own."""
    path, sources, number, count, seed = work
    cv2.setNumThreads(1)
    # Every fourth round of the categories is of damaged copies.
    variant = int(number // len(CATEGORIES) % DAMAGED_EVERY == DAMAGED_EVERY - 1)
    rgba, reference = picture(path, variant)
    name = path.relative_to(sources).as_posix()
    found = chosen_pairs(rgba, reference, count, np.random.default_rng((seed, number)))
    return [{"file": name, "damage": variant, **pair} for pair in found]


def logos(sources: Path, count: int, generator: np.random.Generator) -> list[Path]:
    """Files of the categories in turn."""
    each = -(-count // len(CATEGORIES))
    columns = []
    for category in CATEGORIES:
        files = sorted((sources / category).glob("*.svg"))
        columns.append([files[int(i)] for i in generator.permutation(len(files))[:each]])
    return [path for row in zip(*columns, strict=True) for path in row][:count]


def picture(path: Path, variant: int) -> tuple[Rgba, Rgba]:
    """What is traced, and what it should look like at twice the size."""
    pair = prepare_image(path, DataConfig())
    rgba, reference = pair.input, pair.reference
    if variant:
        digest = f"{sum(path.name.encode()) * 7919:016x}"
        damage = draw_damage(DegradeConfig(), digest, variant, transparent=has_transparency(rgba))
        rgba, reference = degrade(rgba, reference, damage)
    return rgba, reference


class Candidate:
    """A trace and all that pairs are chosen by."""

    def __init__(self, settings: Settings, drawn: Trace, reference: Reference, page: Rgba) -> None:
        self.settings, self.svg, self.facts = settings, drawn.svg, drawn.facts
        self.drawing = render(drawn.svg, reference.width, reference.height)
        self.scores: Scores = score(reference, self.drawing, drawn.svg)
        self.ssim = float(
            structural_similarity(page, over(self.drawing, LIGHT), channel_axis=2)  # type: ignore[no-untyped-call]  # scikit-image leaves it bare
        )


def chosen_pairs(
    rgba: Rgba, picture_: Rgba, count: int, generator: np.random.Generator
) -> list[dict[str, Any]]:
    """Pairs of one logo, those that say most first, no two alike."""
    reference = Reference.of(picture_)
    page = over(picture_, LIGHT)
    preparation = Preparation(rgba)
    found = [
        Candidate(settings, trace_prepared(preparation, settings), reference, page)
        for settings in candidates()
    ]
    ranked = []
    for one, other in combinations(found, 2):
        worth = interest(one, other)
        if worth > 0:
            ranked.append((worth * generator.uniform(0.5, 1.0), one, other))
    ranked.sort(key=lambda item: -item[0])
    chosen: list[dict[str, Any]] = []
    used: list[Candidate] = []
    for _, one, other in ranked:
        # Each trace in one pair at most: pairs that share one say less.
        if one in used or other in used:
            continue
        places = differing(one.drawing, other.drawing, rgba.shape[1] / reference.width)
        if places is None:
            continue
        used += [one, other]
        chosen.append(
            {
                "a": settings_dict(one.settings),
                "b": settings_dict(other.settings),
                "scores": [asdict(one.scores), asdict(other.scores)],
                "swap": bool(generator.integers(2)),
                "_pictures": [picture_, one.drawing, other.drawing],
                "_large": [
                    enlarged(picture_),
                    *(large(item.svg, picture_) for item in (one, other)),
                ],
                "_places": places,
            }
        )
        if len(chosen) == count:
            break
    return chosen


def interest(one: Candidate, other: Candidate) -> float:
    """How much a label of this pair would say: 0 for none."""
    gap = one.scores.appearance - other.scores.appearance
    near = np.exp(-((gap / 1.5) ** 2))
    contour = (
        one.scores.precision * one.scores.recall - other.scores.precision * other.scores.recall
    )
    colour = other.scores.colour_error - one.scores.colour_error
    disputed = contour * colour < 0
    against_ssim = (one.ssim - other.ssim) * gap < 0
    facets = one.settings.mode != other.settings.mode
    # Two bad ones are no question that a policy meets.
    good = np.exp(0.35 * min(0.0, max(one.scores.appearance, other.scores.appearance) - 9))
    return float(good * (near + 0.5 * disputed + 0.4 * against_ssim + 0.5 * facets * near))


def agreement(scores: Scores) -> float:
    """Of the contours."""
    return scores.precision * scores.recall


def differing(one: Rgba, other: Rgba, scale: float) -> list[tuple[int, int]] | None:
    """Corners of the two crops where pictures differ most (px of the reference)."""
    side = round(CROP / scale)
    gap = np.abs(over(one, LIGHT).astype(np.float32) - over(other, LIGHT)).mean(axis=2)
    places: list[tuple[int, int]] = []
    for _ in range(2):
        sums = cv2.boxFilter(gap, -1, (side, side), normalize=True, borderType=cv2.BORDER_CONSTANT)
        row, column = np.unravel_index(int(sums.argmax()), sums.shape)
        if not places and float(sums.max()) < LEAST_DIFFERENCE:
            return None
        top = int(np.clip(row - side // 2, 0, max(0, gap.shape[0] - side)))
        left = int(np.clip(column - side // 2, 0, max(0, gap.shape[1] - side)))
        places.append((top, left))
        gap[max(0, top - side // 3) : top + side, max(0, left - side // 3) : left + side] = 0
    return places


def enlarged(picture_: Rgba) -> Rgba:
    """A reference at 4x the input."""
    height, width = picture_.shape[:2]
    return resize(picture_, 2 * width, 2 * height, kind="lanczos")


def large(svg: str, picture_: Rgba) -> Rgba:
    """A trace at 4x the input."""
    height, width = picture_.shape[:2]
    return render(svg, 2 * width, 2 * height)


def card(pair: dict[str, Any], *, swapped: bool) -> Image.Image:
    """The picture of a pair."""
    order = (0, 2, 1) if swapped else (0, 1, 2)
    source = pair["_pictures"][0]
    width = source.shape[1] // 2
    height = source.shape[0] // 2
    side = CROP * ZOOM
    dark = has_transparency(source)
    pages = (LIGHT, DARK) if dark else (LIGHT,)
    small = (side - GAP) // len(pages)
    parts = []
    for index, title in zip(order, ("reference", "A", "B"), strict=True):
        rgba, big = pair["_pictures"][index], pair["_large"][index]
        rows = [heading(title, side)]
        views = []
        for page in pages:
            view = np.asarray(resize_rgb(over(rgba, page), min(width, small), height))
            views.append(fitted(view, small, 256))
        rows.append(fitted(np.concatenate(views, axis=1), side, 256))
        for number, (top, left) in enumerate(pair["_places"]):
            crop = big[2 * top : 2 * top + side, 2 * left : 2 * left + side]
            page = DARK if dark and number == 1 else LIGHT
            rows.append(fitted(over(crop, page), side, side))
        parts.append(np.concatenate(rows))
        parts.append(np.full((parts[0].shape[0], GAP, 3), FRAME, np.uint8))
    return Image.fromarray(np.concatenate(parts[:-1], axis=1))


def resize_rgb(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Reduced to a width, the ratio kept."""
    full = rgb.shape[1] / 2
    scale = min(1.0, width / full)
    size = max(1, round(full * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def fitted(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """In the corner of a grey area of that size, cut where it is larger."""
    out = np.full((height + GAP, width, 3), FRAME, np.uint8)
    part = rgb[:height, :width]
    out[: part.shape[0], : part.shape[1]] = part
    return out


def heading(text: str, width: int) -> NDArray[np.uint8]:
    """A line of text."""
    line = np.full((28, width, 3), 235, np.uint8)
    cv2.putText(line, text, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 20), 1)
    return line


def merge(out: Path, labels: Path) -> None:
    """Keep what two passes say alike."""
    pairs = json.loads((out / "pairs.json").read_text())
    said: dict[int, list[str]] = {}
    notes: dict[int, list[str]] = {}
    for count in range(1, PASSES + 1):
        key = json.loads((out / f"key-{count}.json").read_text())
        answers = json.loads((out / f"pass-{count}.json").read_text())
        for place, answer in answers.items():
            entry = key[int(place)]
            better = answer["better"]
            if better in "AB":
                first = better == "A"
                better = "a" if first != entry["swapped"] else "b"
            said.setdefault(entry["pair"], []).append(better)
            if answer.get("note"):
                notes.setdefault(entry["pair"], []).append(answer["note"])
    kept = []
    for number, answers in sorted(said.items()):
        if len(answers) < PASSES:
            continue
        pair = {k: pairs[number][k] for k in ("file", "damage", "a", "b")}
        pair["preferred"] = answers[0] if len(set(answers)) == 1 else "="
        pair["note"] = "; ".join(dict.fromkeys(notes.get(number, [])))
        kept.append(pair)
    decided = sum(pair["preferred"] != "=" for pair in kept)
    print(f"{len(kept)} pairs looked at twice: {decided} ordered alike, the rest count as even")
    # A line for each pair.
    lines = ",\n".join(json.dumps(pair) for pair in kept)
    labels.write_text(f'{{"schema": 2, "pairs": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
