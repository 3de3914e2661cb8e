"""Train and use policies that choose, image by image, how VTracer vectorises a logo.

    import vtrain

    run = vtrain.RunDirectory.create(Path("runs/logos"), name="logos")
    config = vtrain.load_config(["default"]).config
    vtrain.prepare(["logos/"], run=run, config=config.data)
    vtrain.train(config, run, on_event=print)
    vtrain.TraceAgent.from_run(run).trace("logo.png", prefer="compact").svg

Names are imported when they are first used: ``import vtrain`` alone loads neither torch nor OpenCV.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from vtrain.agent import TraceAgent, TraceResult
    from vtrain.config.load import load_config
    from vtrain.config.schema import Config
    from vtrain.data.catalog import Catalog
    from vtrain.data.prepare import prepare
    from vtrain.errors import VtrainError
    from vtrain.pipeline import run_all
    from vtrain.rundir import RunDirectory
    from vtrain.tracing.parameters import Settings
    from vtrain.tracing.trace import trace
    from vtrain.training.events import TrainingCallback, TrainingEvent
    from vtrain.training.train import TrainingResult, train, train_async
    from vtrain.validation.validate import validate

_PLACES = {
    "Catalog": "vtrain.data.catalog",
    "Config": "vtrain.config.schema",
    "RunDirectory": "vtrain.rundir",
    "Settings": "vtrain.tracing.parameters",
    "TraceAgent": "vtrain.agent",
    "TraceResult": "vtrain.agent",
    "TrainingCallback": "vtrain.training.events",
    "TrainingEvent": "vtrain.training.events",
    "TrainingResult": "vtrain.training.train",
    "VtrainError": "vtrain.errors",
    "load_config": "vtrain.config.load",
    "prepare": "vtrain.data.prepare",
    "run_all": "vtrain.pipeline",
    "trace": "vtrain.tracing.trace",
    "train": "vtrain.training.train",
    "train_async": "vtrain.training.train",
    "validate": "vtrain.validation.validate",
}

__all__ = [
    "Catalog",
    "Config",
    "RunDirectory",
    "Settings",
    "TraceAgent",
    "TraceResult",
    "TrainingCallback",
    "TrainingEvent",
    "TrainingResult",
    "VtrainError",
    "load_config",
    "prepare",
    "run_all",
    "trace",
    "train",
    "train_async",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'vtrain' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
