"""Run directories and a client for the dashboard's tests."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
from starlette.types import ASGIApp

from vtrain.data.store import ImageStore
from vtrain.monitoring.summary import SAMPLES
from vtrain.rundir import RunDirectory, write_json
from vtrain.tracing.parameters import PARAMETERS, preset
from vtrain.tracing.parameters import encode_settings as encode

GIB = 2**30


def metrics_record(update: int, **changes: Any) -> dict[str, Any]:
    return {
        "update": update,
        "traces": update * 512,
        "stage": "simple",
        "gain_mean": update / 10,
        "utility_gain_default": update / 5,
        "success_share": 0.5,
        "failures": 0,
        "entropy": 5.0,
        "validation_utility": None,
        "wall": {"time": "2026-11-26T16:16:27+00:00", "seconds": 4.0, "traces_per_second": 128.0},
        **changes,
    }


def sample_record(number: int) -> dict[str, Any]:
    return {
        "time": 1.7e9 + number,
        "cpu_percent": 150.0,
        "rss": GIB,
        "threads": 3,
        "processes": 2,
        "memory_left": 4 * GIB,
        "disk_free": 8 * GIB,
        "gpus": [],
    }


def append(path: Path, *records: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def make_run(folder: Path, *, updates: int = 5) -> RunDirectory:
    """A run with updates, samples and an event, without a checkpoint or a validation."""
    run = RunDirectory(folder)
    write_json(run.identity, {"name": folder.name, "created": "2026-11-26T16:00:00", "seed": 3})
    run.config.write_text("ppo:\n  total_traces: 5120\n", encoding="utf-8")
    append(run.metrics, *(metrics_record(number) for number in range(1, updates + 1)))
    append(run.resource_monitoring / SAMPLES, *(sample_record(number) for number in range(4)))
    append(run.events, {"time": "2026-11-26T16:00:01", "kind": "stage", "stage": "simple"})
    return run


def add_trouble(run: RunDirectory) -> None:
    """Alerts: a warning that is over, one and a critical one that are open. And dear checks."""
    told = (
        ("load", "warn", "load: 7.0 processes want each core", "Wait."),
        ("memory", "warn", "memory: 87 % of 4.00 GiB are in use", "Use fewer workers."),
        ("disk_free", "critical", "disk: 0.40 GiB free", "Free some space."),
        ("load", "resolved", "load: 1.0 processes want each core", ""),
    )
    append(
        run.events,
        *(
            {
                "time": f"2026-11-26T16:0{number}:00",
                "kind": "alert",
                "name": name,
                "subject": "",
                "level": level,
                "value": 1.0,
                "threshold": 1.0,
                "message": message,
                "hint": hint,
            }
            for number, (name, level, message, hint) in enumerate(told)
        ),
    )
    wall = {
        "seconds": 10.0,
        "traces_measured": 100,
        "cache_hits": 20,
        "traces_per_second": 10.0,
        "rollout_seconds": 3.0,
        "learn_seconds": 1.0,
        "check_seconds": 6.0,
        "save_seconds": 0.0,
    }
    append(run.metrics, *(metrics_record(number, wall=wall) for number in range(6, 60)))


def add_validation(run: RunDirectory, *, name: str = "text/logo.svg", count: int = 3) -> list[str]:
    """A validation of logos that are discs; gives their ids."""
    folder = run.validation / "20261126-170000-step-000000512"
    gain = {"value": 1.5, "low": 1.0, "high": 2.0}
    figure = {
        "category": "all",
        "taste": "balanced",
        "chooser": "policy",
        "gain": gain,
        "better": {"value": 0.9, "low": 0.8, "high": 1.0},
        "bytes_ratio": 0.7,
        "segments_ratio": 1.1,
        "failures": 0,
    }
    action = list(encode(preset("recipe")))
    ids = []
    for number in range(count):
        picture = disc(40 + number)
        ids.append(ImageStore(run.images).write(picture, picture).id)
    rows = [
        {
            "image": image,
            "name": name,
            "category": "text",
            "chooser": chooser,
            "taste": "balanced",
            "action": action if chooser == "policy" else [0] * len(PARAMETERS),
            "gain": float(number),
            "measurement": {"bytes": 900, "segments": 12, "failure": None},
        }
        for number, image in enumerate(ids)
        for chooser in ("policy", "default")
    ]
    append(folder / "rows.jsonl", *rows)
    write_json(
        folder / "results.json",
        {
            "created": "2026-11-26T17:00:00",
            "checkpoint": "step-000000512",
            "split": "test",
            "images": count,
            "tastes": {"balanced": 1.2},
            "confidence": 0.95,
            "notes": [],
            "summary": {"figures": [figure], "comparisons": []},
        },
    )
    return ids


def disc(side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A red disc on nothing, shape (side, side, 4)."""
    y, x = np.mgrid[:side, :side]
    inside = (x - side / 2) ** 2 + (y - side / 2) ** 2 < (side / 3) ** 2
    picture = np.zeros((side, side, 4), np.uint8)
    picture[inside] = (200, 20, 30, 255)
    return picture


class AppClient:
    """Asks an application, without a server, and ends it.

    Args:
        app: The application.
        host: The name that it is asked for under.
    """

    def __init__(self, app: ASGIApp, *, host: str = "127.0.0.1") -> None:
        self._app = app
        self._address = f"http://{host}"
        self._cookies = httpx.Cookies()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        asyncio.run(self._end())

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("GET", path, headers)

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return asyncio.run(self._ask(method, path, headers))

    async def _ask(self, method: str, path: str, headers: dict[str, str] | None) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(
            transport=transport, base_url=self._address, cookies=self._cookies
        ) as client:
            answer = await client.request(method, path, headers=headers)
            self._cookies = client.cookies
            return answer

    async def _end(self) -> None:
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> dict[str, str]:
            return next(messages)

        async def send(message: Any) -> None:
            assert message["type"].endswith(".complete"), message

        await self._app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
