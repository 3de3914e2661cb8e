"""The policy against everything a user could do with as many traces: the front, and the gap.

    python -m scripts.bench_agent --run RUN[@STEP] [--run RUN ...] [--images 40] [--traces 16]

Each RUN holds a trained policy (several for several seeds); the first one's images of the test
split are judged, as many of each category as `--images`, and its measured settings serve the
baselines. Every chooser may look at up to `--traces` traces of an image and keeps the one that
scores best against the input; that one is judged against the reference. Best-known is the best of
all that any of them looked at. Everything is measured once and kept in the run's cache: after an
interruption the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np

from vtrain import RunDirectory
from vtrain.agent import TraceAgent
from vtrain.config.load import read_config
from vtrain.config.schema import Config
from vtrain.config.section import CATEGORIES
from vtrain.config.tastes import MOST_LAMBDA
from vtrain.data.catalog import Catalog
from vtrain.data.records import Entry
from vtrain.data.store import ImageStore
from vtrain.environment.engine import Engine, open_engine
from vtrain.environment.features import features
from vtrain.environment.measurement import Measurement, Request
from vtrain.environment.observation import Vector
from vtrain.tracing.parameters import Action, canonical, encode_settings, preset
from vtrain.validation.baselines import (
    BEST_FIXED,
    POLICY,
    PolicyChooser,
    parse_baselines,
)
from vtrain.validation.front import bytes_at_equal_looks, share_of_gap
from vtrain.validation.rounds import Choice, look
from vtrain.validation.statistics import mean_interval
from vtrain.validation.validate import measured_settings

AGAINST = (BEST_FIXED, "portfolio", "trees", "tpe", "cmaes")
BUDGETS = (1, 2, 4, 8, 16)
MOST = 3.0
"""Greatest lambda of the grid."""
BEYOND = (12.0, 20.0)
"""Lambdas at which the best that is known still gets smaller; policies end at `MOST_LAMBDA`."""


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that was measured.

    Attributes:
        entries: The images.
        choices: What each chooser looked at, by chooser, image and lambda.
        native: Against the input, by image and action.
        true: Against the reference, likewise.
        by_image: The values of `true` of each image.
        config: Weights of the cost.
    """

    entries: Sequence[Entry]
    choices: Mapping[tuple[str, str, float], Choice]
    native: Mapping[tuple[str, Action], Measurement]
    true: Mapping[tuple[str, Action], Measurement]
    by_image: Mapping[str, Sequence[Measurement]]
    config: Config

    def kept(self, chooser: str, image: str, taste: float, budget: int) -> Measurement:
        """What a chooser keeps of its first traces, against the reference."""
        seen = self.choices[chooser, image, taste].seen[:budget]
        scoring = self.config.scoring
        best = max(seen, key=lambda action: self.native[image, action].utility(taste, scoring))
        return self.true[image, best]

    def best(self, image: str, taste: float) -> Measurement:
        """The one of the highest utility that is known."""
        scoring = self.config.scoring
        return max(self.by_image[image], key=lambda one: one.utility(taste, scoring))


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--run", action="append", required=True, metavar="RUN[@STEP]", help="best when no STEP"
    )
    parser.add_argument("--images", type=int, default=40, help="of each category")
    parser.add_argument("--traces", type=int, default=max(BUDGETS))
    parser.add_argument("--against", default=",".join(AGAINST[1:]))
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    names = [text.partition("@") for text in arguments.run]
    runs = [RunDirectory.open(Path(path)) for path, _, _ in names]
    agents = [
        TraceAgent.from_run(run, checkpoint=step or "best")
        for run, (_, _, step) in zip(runs, names, strict=True)
    ]
    entries = chosen_entries(runs[0], arguments.images)
    baselines = [BEST_FIXED, *arguments.against.split(",")]
    known = measure(runs[0], agents, entries, baselines, arguments.traces)
    policies = [name_of(number) for number in range(len(runs))]
    budgets = [budget for budget in BUDGETS if budget <= arguments.traces]
    result = {
        "images": len(entries),
        "front": front(known, policies, budgets),
        "gap": gap(known, [*policies, *baselines[1:]], budgets),
        "ends": ends(known, policies[0]),
    }
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


def name_of(number: int) -> str:
    """The name of a run's policy."""
    return POLICY if number == 0 else f"{POLICY}-{number + 1}"


def grid(config: Config) -> list[float]:
    """The lambdas that count: those learned, from fidelity to somewhat beyond compact."""
    return sorted(taste for taste in config.environment.tastes if taste <= MOST)


def front_tastes(config: Config) -> list[float]:
    """The lambdas of a policy's front: the grid, and smaller drawings than that."""
    return sorted({*config.environment.tastes, MOST_LAMBDA})


def chosen_entries(run: RunDirectory, each: int) -> list[Entry]:
    """The first images of each category by id, which says nothing of the content."""
    test = sorted(Catalog.load(run.catalog).split("test"), key=lambda entry: entry.id)
    return [
        entry
        for category in CATEGORIES
        for entry in [one for one in test if one.category == category][:each]
    ]


def measure(
    run: RunDirectory,
    agents: Sequence[TraceAgent],
    entries: Sequence[Entry],
    names: Sequence[str],
    traces: int,
) -> Known:
    """Let every chooser look, and judge all that was looked at both ways."""
    config = read_config(run.config)
    store = ImageStore(run.images)

    @cache
    def features_of(image: str) -> Vector:
        return features(store.input(image))

    measured = measured_settings(run, features_of, damaged=False)
    policies = [
        PolicyChooser(agent, features_of, name_of(number)) for number, agent in enumerate(agents)
    ]
    tastes = {str(taste): taste for taste in front_tastes(config)}
    judged_at = {name: taste for name, taste in tastes.items() if taste in grid(config)}
    beyond = {name: taste for name, taste in tastes.items() if name not in judged_at}
    default = canonical(encode_settings(preset("default")))
    with open_engine(
        run.images,
        workers=config.resources.workers,
        tracing=config.tracing,
        cache=run.measurements,
    ) as engine:
        choices, _ = look(
            [*policies, *parse_baselines(names, measured)],
            entries,
            engine=engine,
            tastes=judged_at,
            traces=traces,
            scoring=config.scoring,
            on_progress=partial(tell, "looking"),
        )
        if beyond:
            # Smaller than compact: only the end of the policies' own fronts.
            more, _ = look(
                policies,
                entries,
                engine=engine,
                tastes=beyond,
                traces=traces,
                scoring=config.scoring,
            )
            choices = [*choices, *more]
        pairs = dict.fromkeys((entry.id, default) for entry in entries)
        pairs |= dict.fromkeys((c.entry.id, action) for c in choices for action in c.seen)
        native, true = judged(engine, list(pairs))
    by_name = {(c.chooser, c.entry.id, tastes[c.taste]): c for c in choices}
    by_image: dict[str, list[Measurement]] = {entry.id: [] for entry in entries}
    for (image, _), measurement in true.items():
        by_image[image].append(measurement)
    return Known(entries, by_name, native, true, by_image, config)


def tell(what: str, done: int, wanted: int) -> None:
    """A count that runs, where somebody looks."""
    if sys.stdout.isatty():
        print(f"\r{what} {done}/{wanted}", end="\n" if done == wanted else "")


def judged(
    engine: Engine, pairs: Sequence[tuple[str, Action]]
) -> tuple[dict[tuple[str, Action], Measurement], dict[tuple[str, Action], Measurement]]:
    """Each action of an image against the input and against the reference: one drawing for both."""
    requests = [Request(image, action) for image, action in pairs]
    both = [one for request in requests for one in (request, replace(request, native=True))]
    found = engine.measure(both, partial(tell, "judging"))
    return dict(zip(pairs, found[1::2], strict=True)), dict(zip(pairs, found[::2], strict=True))


def front(
    known: Known, policies: Sequence[str], budgets: Sequence[int]
) -> dict[str, list[float | None]]:
    """Bytes at equal looks, for each point of the fixed settings' front."""
    tastes = grid(known.config)
    fixed = points(known, BEST_FIXED, 1, tastes)
    print(f"Fixed settings: appearance and bytes at {', '.join(map(str, tastes))}")
    print("  " + "  ".join(f"{looks:.2f} {2**size:.0f}" for looks, size in fixed))
    every = front_tastes(known.config)
    fronts = {
        f"{policy}@{budget}": points(known, policy, budget, every)
        for policy in policies
        for budget in budgets
    }
    # What there is to win: nobody can choose better than the best of all that was looked at.
    best = [[known.best(entry.id, taste) for entry in known.entries] for taste in (*every, *BEYOND)]
    fronts["best-known"] = [mean_point(kept) for kept in best]
    found = {}
    for name, own in fronts.items():
        found[name] = ratios = bytes_at_equal_looks(fixed, own)
        text = "  ".join("not reached" if r is None else f"{r:.2f}" for r in ratios)
        print(f"{name}: {text}", end="   ")
        print("(" + "  ".join(f"{looks:.2f} {2**size:.0f}" for looks, size in own) + ")")
    return found


def points(
    known: Known, chooser: str, budget: int, tastes: Sequence[float]
) -> list[tuple[float, float]]:
    """Mean appearance and mean binary logarithm of the bytes, at each taste."""
    return [
        mean_point([known.kept(chooser, entry.id, taste, budget) for entry in known.entries])
        for taste in tastes
    ]


def mean_point(kept: Sequence[Measurement]) -> tuple[float, float]:
    """Mean appearance and mean binary logarithm of the bytes."""
    looks = float(np.mean([one.appearance for one in kept]))
    return looks, float(np.mean([np.log2(one.bytes) for one in kept]))


def gap(
    known: Known, choosers: Sequence[str], budgets: Sequence[int]
) -> dict[str, tuple[float, float, float]]:
    """Share of the gap from best-fixed to best-known, over the grid of lambdas."""
    tastes, scoring = grid(known.config), known.config.scoring
    pairs = [(entry, taste) for taste in tastes for entry in known.entries]
    fixed = [known.kept(BEST_FIXED, e.id, t, 1).utility(t, scoring) for e, t in pairs]
    best = [known.best(e.id, t).utility(t, scoring) for e, t in pairs]
    brands = [entry.brand for entry, _ in pairs]
    print(f"Mean gap: {np.mean(np.array(best) - fixed):.2f} in utility")
    found = {}
    for chooser in choosers:
        row = []
        for budget in budgets:
            ours = [known.kept(chooser, e.id, t, budget).utility(t, scoring) for e, t in pairs]
            share = share_of_gap(ours, fixed, best, groups=brands)
            found[f"{chooser}@{budget}"] = (share.value, share.low, share.high)
            row.append(f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]")
        print(f"| {chooser} | " + " | ".join(row) + " |")
    return found


def ends(known: Known, policy: str) -> dict[str, float]:
    """One trace at both ends of the grid against VTracer's default."""
    default = canonical(encode_settings(preset("default")))
    tastes = grid(known.config)
    found: dict[str, float] = {}
    for name, taste in (
        (f"lambda {tastes[0]:g}", tastes[0]),
        (f"lambda {tastes[-1]:g}", tastes[-1]),
    ):
        kept = [known.kept(policy, entry.id, taste, 1) for entry in known.entries]
        plain = [known.true[entry.id, default] for entry in known.entries]
        gains = [
            ours.appearance - theirs.appearance for ours, theirs in zip(kept, plain, strict=True)
        ]
        brands = [entry.brand for entry in known.entries]
        interval = mean_interval(gains, groups=brands)
        size = 2 ** np.mean(
            [np.log2(ours.bytes / theirs.bytes) for ours, theirs in zip(kept, plain, strict=True)]
        )
        found[f"{name} gain"], found[f"{name} bytes"] = interval.value, float(size)
        print(f"At {name}: gain {interval.value:+.2f} [{interval.low:+.2f}, ", end="")
        print(f"{interval.high:+.2f}], {size:.2f}x the default's bytes, better on", end="")
        for category in ("all", *CATEGORIES):
            own = [
                gain > 0
                for gain, entry in zip(gains, known.entries, strict=True)
                if category in ("all", entry.category)
            ]
            if own:
                found[f"{name} better {category}"] = float(np.mean(own))
                print(f" {category} {np.mean(own):.3f}", end="")
        print()
    return found


if __name__ == "__main__":
    main()
