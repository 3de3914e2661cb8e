"""How often equal policies are promoted, and how often a true gain is found: by simulation.

python scripts/simulate_promotion.py                       the table, 2,000 pairs each
python scripts/simulate_promotion.py --run runs/logos      with differences measured there, too

A pair is two policies judged on the same images. What matters is the difference of their utilities,
image by image. The kinds of noise here have mean zero: nothing is there to be found. ``close`` is
what neighbouring checkpoints look like (most images drawn the same, a heavy tail on the rest);
``far`` what different trainings do; the others are harder than that. A chain is a training whose 40
checks are of equal policies: each one promoted becomes the incumbent, chosen for its luck.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtrain.agent import TraceAgent
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.load import read_config
from vtrain.config.schema import CheckpointsConfig, Config
from vtrain.data.catalog import Catalog
from vtrain.data.store import ImageStore
from vtrain.environment.engine import open_engine
from vtrain.environment.feature_table import feature_table
from vtrain.environment.measurement import Request
from vtrain.rundir import RunDirectory
from vtrain.training.best import gains_beyond_noise

Vector = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Vector]
SIZES = (20, 80, 200)
"""Images of a check (count)."""
CHECKS = 40
"""Checks of a chain (count)."""
GAIN = 0.2
"""True gain to be found (utility)."""
SPREAD = 0.37
"""Standard deviation of the paired differences of two checkpoints: the largest of those measured
(utility; 343 logos, three checkpoints of one training)."""


def close(generator: np.random.Generator, count: int) -> Vector:
    """Six in ten images drawn the same, the rest with Student's t of 3 degrees; unit spread."""
    changed = generator.random(count) < 0.4
    return np.asarray(changed * generator.standard_t(3, count) / np.sqrt(0.4 * 3), np.float64)


def far(generator: np.random.Generator, count: int) -> Vector:
    """Every image drawn otherwise; unit spread."""
    return generator.normal(size=count)


def sparse(generator: np.random.Generator, count: int) -> Vector:
    """Three images in a hundred drawn otherwise; unit spread."""
    changed = generator.random(count) < 0.03
    return np.asarray(changed * generator.normal(size=count) / np.sqrt(0.03), np.float64)


def losing(generator: np.random.Generator, count: int) -> Vector:
    """A little gained on most images, much lost on a few; unit spread."""
    return 1 - generator.exponential(size=count)


NOISE: dict[str, Draw] = {"close": close, "far": far, "sparse": sparse, "losing": losing}


def promoted(
    draw: Draw, *, images: int, pairs: int, confidence: float, gain: float = 0.0, seed: int = 0
) -> float:
    """Share of pairs in which the second policy is promoted.

    Args:
        draw: Noise of the paired differences.
        images: Images of a check (count).
        pairs: Pairs (count).
        confidence: As of `vtrain.training.best.is_better`.
        gain: True mean difference, in units of the noise.
        seed: Same seed, same share.
    """
    generator = np.random.default_rng((seed, images))
    found = sum(
        gains_beyond_noise((draw(generator, images) + gain).tolist(), confidence)
        for _ in range(pairs)
    )
    return found / pairs


def chain(draw: Draw, *, images: int, chains: int, confidence: float, seed: int = 0) -> float:
    """Promotions per check, over chains of `CHECKS` equal policies.

    Each policy has noise of its own, of which a difference has twice the variance.
    """
    generator = np.random.default_rng((seed, images, 1))
    promotions = 0
    for _ in range(chains):
        best = draw(generator, images)
        for _ in range(CHECKS - 1):
            values = draw(generator, images)
            if gains_beyond_noise((values - best).tolist(), confidence):
                best = values
                promotions += 1
    return promotions / (chains * (CHECKS - 1))


def measured(root: Path) -> tuple[Draw, list[str]]:
    """Differences of the checkpoints of a run on all its unseen images, with random signs.

    Which one of two equal policies is the new one is arbitrary, hence the signs. What the run's
    cache does not hold is measured, and kept there.
    """
    run = RunDirectory.open(root)
    config = read_config(run.config) if run.config.is_file() else Config()
    catalog = Catalog.load(run.catalog)
    entries = [*catalog.split("validation"), *catalog.split("test")]
    features = feature_table(ImageStore(run.images), [entry.id for entry in entries])
    tastes = list(config.scoring.taste.model_dump().values())
    steps = [item.step for item in CheckpointStore(run.checkpoints).checkpoints()]
    if len(steps) < 2:
        raise SystemExit(f"{root} has {len(steps)} checkpoint(s); two are needed for a difference.")
    values = []
    with open_engine(
        run.images,
        workers=config.resources.workers,
        tracing=config.tracing,
        cache=run.measurements,
    ) as engine:
        for step in steps:
            agent = TraceAgent.from_run(run, str(step))
            requests = [
                Request(entry.id, agent.choose(features[entry.id], taste)[0])
                for entry in entries
                for taste in tastes
            ]
            found = engine.measure(requests)
            utilities = [
                item.utility(tastes[place % len(tastes)], config.scoring)
                for place, item in enumerate(found)
            ]
            values.append(np.reshape(utilities, (len(entries), len(tastes))).mean(axis=1))
    pool, lines = [], []
    for one in range(len(steps)):
        for other in range(one + 1, len(steps)):
            gap = values[other] - values[one]
            lines.append(
                f"steps {steps[one]} and {steps[other]}: mean {gap.mean():+.3f}, spread "
                f"{gap.std(ddof=1):.3f} utility, {(gap == 0).mean():.0%} of {len(gap)} images equal"
            )
            pool.append(gap / gap.std(ddof=1) if gap.any() else gap)
    differences = np.concatenate(pool)

    def draw(generator: np.random.Generator, count: int) -> Vector:
        signs = generator.choice((-1.0, 1.0), count)
        return np.asarray(generator.choice(differences, count) * signs, np.float64)

    return draw, lines


def report(noise: dict[str, Draw], *, pairs: int, confidence: float, spread: float) -> list[str]:
    """The lines of the table."""
    lines = [
        f"confidence {confidence:g}; {pairs:,} pairs for each figure",
        "",
        f"{'noise':10} {'images':>6} {'false':>8} {'per check':>10} {f'gain {GAIN:g}':>10}",
    ]
    for name, draw in noise.items():
        for images in SIZES:
            false = promoted(draw, images=images, pairs=pairs, confidence=confidence)
            each = chain(draw, images=images, chains=pairs // CHECKS, confidence=confidence)
            power = promoted(
                draw, images=images, pairs=pairs, confidence=confidence, gain=GAIN / spread, seed=1
            )
            lines.append(f"{name:10} {images:6} {false:8.2%} {each:10.2%} {power:10.1%}")
    lines += ["", f"gain {GAIN:g} at a spread of the differences of {spread:g} utility;"]
    largest = _largest_spread(NOISE["far"], pairs=pairs, confidence=confidence)
    lines.append(f"on 200 images it is found nine times in ten up to a spread of {largest:.2f}.")
    return lines


def _largest_spread(draw: Draw, *, pairs: int, confidence: float) -> float:
    """Largest spread at which the gain is found on 200 images in 90 % of the pairs."""
    found = 0.0
    for spread in np.arange(0.3, 1.5, 0.02):
        share = promoted(
            draw, images=200, pairs=pairs, confidence=confidence, gain=GAIN / spread, seed=2
        )
        if share < 0.9:
            break
        found = float(spread)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=2000)
    default = CheckpointsConfig().best_confidence
    parser.add_argument("--confidence", type=float, default=default)
    parser.add_argument("--spread", type=float, default=SPREAD, help="of the differences (utility)")
    parser.add_argument("--run", type=Path, help="a run whose checkpoints' differences are used")
    given = parser.parse_args(arguments)
    noise = dict(NOISE)
    if given.run is not None:
        noise["measured"], lines = measured(given.run)
        print(*lines, "", sep="\n")
    print(
        *report(noise, pairs=given.pairs, confidence=given.confidence, spread=given.spread),
        sep="\n",
    )


if __name__ == "__main__":
    main()
