"""How good a policy is after so many traces of its training: the curve of the share of the gap.

    python -m scripts.bench_learning --run RUN [--known RUN] [--images 40]

Every checkpoint that RUN still has draws the held-out logos of `scripts.bench_agent` once, at each
lambda of the grid. Share of the gap from the best fixed setting to the best that the measurement
cache of `--known` holds of those logos, RUN's own without it: run `scripts.bench_agent` on that
one first, for a gap is only as wide as what has been looked at.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from scripts.bench_agent import chosen_entries, grid
from scripts.bench_foresight import looked_at
from vtrain import RunDirectory
from vtrain.agent import TraceAgent
from vtrain.checkpoints.store import CheckpointStore
from vtrain.config.load import read_config
from vtrain.data.store import ImageStore
from vtrain.environment.engine import open_engine
from vtrain.environment.features import features
from vtrain.environment.measurement import Request
from vtrain.validation.front import share_of_gap
from vtrain.validation.validate import measured_settings


def main() -> None:
    """Measure, and print a line for each checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--known", type=Path, help="whose measurements tell what is known")
    parser.add_argument("--images", type=int, default=40, help="of each category")
    arguments = parser.parse_args()
    run = RunDirectory.open(arguments.run)
    known = RunDirectory.open(arguments.known) if arguments.known else run
    config = read_config(run.config)
    entries = chosen_entries(known, arguments.images)
    store = ImageStore(known.images)
    seen = {entry.id: features(store.input(entry.id)) for entry in entries}
    before = looked_at(known, [entry.id for entry in entries])
    measured = measured_settings(known, seen.__getitem__, damaged=False)
    if measured is None:
        parser.error(f"{known.root} has no table of measured settings")
    tastes = grid(config)
    fixed = {taste: measured.table.best_fixed(taste) for taste in tastes}
    steps = sorted(one.step for one in CheckpointStore(run.checkpoints).checkpoints())
    pairs = [(entry, taste) for taste in tastes for entry in entries]
    brands = [entry.brand for entry, _ in pairs]
    with open_engine(
        known.images,
        workers=config.resources.workers,
        tracing=config.tracing,
        cache=known.measurements,
    ) as engine:
        chosen = {}
        for step in steps:
            agent = TraceAgent.from_run(run, checkpoint=str(step))
            chosen[step] = [Request(e.id, agent.choose(seen[e.id], t)[0]) for e, t in pairs]
        base = [Request(entry.id, fixed[taste]) for entry, taste in pairs]
        wanted = list(dict.fromkeys([*base, *(one for row in chosen.values() for one in row)]))
        found = dict(zip(wanted, engine.measure(wanted), strict=True))
    for request, measurement in found.items():
        before[request.image][request.action] = measurement

    def utility(request: Request, taste: float) -> float:
        return found[request].utility(taste, config.scoring)

    best = [
        max(one.utility(taste, config.scoring) for one in before[entry.id].values())
        for entry, taste in pairs
    ]
    of_fixed = [utility(request, taste) for request, (_, taste) in zip(base, pairs, strict=True)]
    print(f"{len(entries)} logos; mean gap {np.mean(np.array(best) - of_fixed):.2f} in utility")
    print("| traces | share of the gap, one trace |\n| --- | --- |")
    for step, row in chosen.items():
        ours = [utility(request, taste) for request, (_, taste) in zip(row, pairs, strict=True)]
        share = share_of_gap(ours, of_fixed, best, groups=brands)
        print(f"| {step} | {share.value:.2f} [{share.low:.2f}, {share.high:.2f}] |")


if __name__ == "__main__":
    main()
