"""How long choosing and drawing take: wall clock, alone in this process, after the judgement.

Unlike everything else that is reported it differs from call to call and from machine to machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vtrain.environment.features import features
from vtrain.environment.observation import Vector
from vtrain.errors import TraceError
from vtrain.images.loops import compile_loops
from vtrain.tracing.parameters import Action, decode_action
from vtrain.tracing.preparation import Preparation
from vtrain.tracing.trace import trace_prepared
from vtrain.validation.baselines import POLICY
from vtrain.validation.judge import Row
from vtrain.validation.measures import Timing

Choose = Callable[[Vector, float], object]
"""What the policy does with the features of an image and a lambda."""


def measure_times(
    rows: Sequence[Row], pixels: Callable[[str], NDArray[np.uint8]], choose: Choose
) -> tuple[Timing, ...]:
    """Time every kept trace once.

    Args:
        rows: Of a judgement.
        pixels: Input of an image by its id.
        choose: The policy's choice; it is timed with the features, for its own rows.
    """
    compile_loops()
    if rows:  # what a first call loads is nobody's time
        choose(features(pixels(rows[0].image)), rows[0].price)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        rgba = pixels(row.image)
        began = time.perf_counter()
        if row.chooser == POLICY:
            choose(features(rgba), row.price)
        chosen = time.perf_counter()
        if not _drawn(rgba, row.action):
            continue
        times = (1000 * (chosen - began), 1000 * (time.perf_counter() - chosen))
        found.setdefault((row.chooser, row.taste), []).append(times)
    return tuple(_timing(*key, np.array(times)) for key, times in found.items())


def _timing(chooser: str, taste: str, times: NDArray[np.float64]) -> Timing:
    return Timing(
        chooser=chooser,
        taste=taste,
        n=len(times),
        choosing=float(np.median(times[:, 0])) if chooser == POLICY else 0.0,
        drawing=float(np.median(times[:, 1])),
        slow=float(np.quantile(times.sum(axis=1), 0.95)),
    )


def _drawn(rgba: NDArray[np.uint8], action: Action) -> bool:
    try:
        trace_prepared(Preparation(rgba), decode_action(action))
    except TraceError:  # counted among the failures of the judgement
        return False
    return True
