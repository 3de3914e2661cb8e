"""The dashboard's addresses. An id or a name that is not known is 404, whatever it looks like."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from vtrain.errors import DataError, VtrainError
from vtrain.monitoring.web import views
from vtrain.monitoring.web.charts import COMPARED, compared
from vtrain.monitoring.web.gallery import KINDS, Studio, choose
from vtrain.monitoring.web.guard import Guard
from vtrain.monitoring.web.live import Live, Parts, parse_places
from vtrain.monitoring.web.runs import Runs, RunView
from vtrain.rundir import to_json

MOST_STREAMS = 200
"""Clients that are told of news at the same time (count); more are asked to come back."""
_STATIC = Path(__file__).parent / "static"
_FILES = {
    "dashboard.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "dashboard.js": "text/javascript; charset=utf-8",
    "charts.js": "text/javascript; charset=utf-8",
    "uplot/uPlot.iife.min.js": "text/javascript; charset=utf-8",
    "uplot/uPlot.min.css": "text/css; charset=utf-8",
    "uplot/LICENSE": "text/plain; charset=utf-8",
}
"""The only files that are served, with their media types."""
_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_WIDTHS = (50, 4000)
"""Least and most pixel columns that points are made for (count)."""


def build_app(
    runs: Runs,
    *,
    hosts: Collection[str],
    token: str = "",
    closing: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """The dashboard as an ASGI application.

    Args:
        runs: The runs to show.
        hosts: Names and addresses under which it may be asked for.
        token: What clients must know; empty for nothing.
        closing: Whether the server is about to end: streams end then, too.
    """
    return Guard(_Dashboard(runs, closing).app, hosts=hosts, token=token)


class _Dashboard:
    def __init__(self, runs: Runs, closing: Callable[[], bool]) -> None:
        self._runs = runs
        self._closing = closing
        self._studio = Studio()
        self._streams = 0
        self._parts = Parts()
        self._page = (_STATIC / "index.html").read_bytes()
        self._files = {name: (_STATIC / name).read_bytes() for name in _FILES}
        self.app = Starlette(
            routes=[
                Route("/", self.page),
                Route("/run/{run}", self.page),
                Route("/static/{name:path}", self.static),
                Route("/api/runs", self.list_runs),
                Route("/api/compare", self.compare),
                Route("/api/runs/{run}", self.answer(views.run_page)),
                Route("/api/runs/{run}/curves", self.curves),
                Route("/api/runs/{run}/checkpoints", self.answer(views.checkpoints)),
                Route("/api/runs/{run}/validation", self.answer(views.validation)),
                Route("/api/runs/{run}/advice", self.answer(views.advice)),
                Route("/api/runs/{run}/gallery", self.answer(choose)),
                Route("/api/runs/{run}/pictures/{image}/{kind}", self.picture),
                Route("/api/runs/{run}/stream", self.stream),
            ],
            exception_handlers={HTTPException: _http_error, VtrainError: self.unreadable},
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=self._read_ahead, daemon=True).start()
        yield
        await run_in_threadpool(self._studio.close)

    def _read_ahead(self) -> None:
        """Read the runs before somebody asks for them: a long one takes a second."""
        for view in self._runs.views():
            with view.lock, contextlib.suppress(DataError):  # whoever asks is told
                if self._closing():
                    return
                view.refresh()

    def page(self, request: Request) -> Response:
        """The one page there is; its script finds out which run it is about."""
        if "run" in request.path_params:
            self._view(request)
        return Response(self._page, media_type="text/html; charset=utf-8")

    def static(self, request: Request) -> Response:
        """A file of the page, by its name in a fixed list."""
        name = request.path_params["name"]
        if name not in _FILES:
            raise HTTPException(404)
        data = self._files[name]
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {"cache-control": "no-cache", "etag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=_FILES[name], headers=headers)

    def list_runs(self, _request: Request) -> Response:
        """How every run is; one that cannot be read says so and stops no other."""
        return _json({"runs": [_overview(view) for view in self._runs.views()]})

    def compare(self, request: Request) -> Response:
        """One column of every run against the traces done."""
        name = request.query_params.get("column", COMPARED[0])
        if name not in COMPARED:
            raise HTTPException(404)
        width, told = _width(request), []
        for view in self._runs.views():
            with view.lock, contextlib.suppress(DataError):  # the list of runs tells about it
                view.metrics.refresh()
                points = compared(view.metrics, name, width)
                told.append({"id": view.id, "points": points, "validation": views.headline(view)})
        return _json({"columns": COMPARED, "column": name, "runs": told})

    def curves(self, request: Request) -> Response:
        """The points of every chart of a run."""
        return _json(views.curves(self._view(request), _width(request)))

    def answer(self, view: Callable[[RunView], Any]) -> Callable[[Request], Response]:
        """An address that tells what a view gives for the run."""

        def tell(request: Request) -> Response:
            return _json(view(self._view(request)))

        return tell

    def picture(self, request: Request) -> Response:
        """A picture of the newest validation. A drawing can run nothing and load nothing."""
        kinds = {kind: kind for kind in KINDS}
        kind = kinds.get(request.path_params["kind"])
        shown = (
            self._studio.picture(self._view(request), request.path_params["image"], kind)
            if kind
            else None
        )
        if shown is None:
            raise HTTPException(404)
        headers = {
            "content-security-policy": _PICTURE_POLICY,
            "cache-control": "private, max-age=60",
        }
        return Response(shown.data, media_type=shown.media, headers=headers)

    async def stream(self, request: Request) -> ASGIApp:
        """News of a run as server-sent events."""
        view = await run_in_threadpool(self._view, request)
        if self._streams >= MOST_STREAMS:
            raise HTTPException(503, headers={"retry-after": "10"})
        begin = request.headers.get("last-event-id") or request.query_params.get("from") or ""
        self._streams += 1
        return Live(
            view,
            parse_places(begin),
            parts=self._parts,
            closing=self._closing,
            on_end=self._end_stream,
        )

    async def unreadable(self, request: Request, error: Exception) -> Response:
        """A file that cannot be read: the page says which, by the message."""
        assert isinstance(error, VtrainError)  # noqa: S101 - it is registered for these
        view = await run_in_threadpool(self._view, request)
        told = {"problem": views.without_path(error.message, view.run)}
        return Response(to_json(told), 503, media_type="application/json")

    def _end_stream(self) -> None:
        self._streams -= 1

    def _view(self, request: Request) -> RunView:
        view = self._runs.get(request.path_params["run"])
        if view is None:
            raise HTTPException(404)
        return view


def _overview(view: RunView) -> dict[str, Any]:
    try:
        return views.overview(view)
    except DataError as error:
        return {
            "id": view.id,
            "folder": view.run.root.resolve().name,
            "problem": views.without_path(error.message, view.run),
        }


def _width(request: Request) -> int:
    text = request.query_params.get("width", "800")
    if not (text.isdecimal() and len(text) <= 5):
        raise HTTPException(400)
    least, most = _WIDTHS
    return min(max(int(text), least), most)


def _json(value: Any) -> Response:
    return Response(to_json(value), media_type="application/json")


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    return PlainTextResponse(f"{error.detail}.\n", error.status_code, error.headers)
