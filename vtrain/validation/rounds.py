"""What every chooser looks at, for each image and taste, before one trace is kept.

Those that choose at once are measured in the first round. Searches advance in step, a trace each
per round: all images' traces of a round are measured together, which keeps every worker busy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vtrain.config.scoring import ScoringConfig
from vtrain.data.records import Entry
from vtrain.environment.measurement import Measurement, Request
from vtrain.tracing.parameters import Action, canonical
from vtrain.validation.baselines import Chooser, Search, Session

Progress = Callable[[int, int], None]
"""Called with the measurements done and wanted so far."""
_REPEATS = 50
"""Times in a row that a search may ask for what it has seen before it is over (count)."""


class Measurer(Protocol):
    """The part of `vtrain.environment.engine.Engine` that judging needs."""

    def measure(
        self, requests: Sequence[Request], on_progress: Progress | None = None
    ) -> list[Measurement]:
        """The measurements in the order of the requests."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a chooser looked at for an image and a taste.

    Attributes:
        entry: The image.
        taste: Name of the taste.
        chooser: Name of the chooser.
        traces: Different traces that were looked at (count).
        kept: The action with the best utility against the input; the first of equal ones.
        seen: All that were looked at, in order.
    """

    entry: Entry
    taste: str
    chooser: str
    traces: int
    kept: Action
    seen: tuple[Action, ...]


def look(
    choosers: Sequence[Chooser | Search],
    entries: Sequence[Entry],
    *,
    engine: Measurer,
    tastes: Mapping[str, float],
    traces: int,
    scoring: ScoringConfig,
    on_progress: Progress | None = None,
) -> tuple[list[Choice], int]:
    """Let choosers look at traces of images, and keep the best of each.

    Args:
        choosers: With different names.
        entries: The images.
        engine: Measures.
        tastes: Lambda of each taste.
        traces: Traces that a chooser with a free budget may spend per image, at least 1.
        scoring: Costs.
        on_progress: Called with the measurements done, and those wanted at most.

    Returns:
        A choice for each image, taste and chooser, in this order, and the measurements made.
    """
    seats = [
        _searching(chooser, entry, (taste, price), traces, scoring)
        if isinstance(chooser, Search)
        else _choosing(chooser, entry, (taste, price), traces, scoring)
        for entry in entries
        for taste, price in tastes.items()
        for chooser in choosers
    ]
    done = 0
    while requests := list(dict.fromkeys(request for seat in seats for request in seat.requests())):
        wanted = done + len(requests) + sum(seat.left for seat in seats)

        def report(part: int, _: int, done: int = done, wanted: int = wanted) -> None:
            if on_progress:
                on_progress(done + part, wanted)

        found = dict(zip(requests, engine.measure(requests, report), strict=True))
        for seat in seats:
            seat.take(found)
        done += len(requests)
    return [seat.choice() for seat in seats], done


class _Seat:
    """A chooser at one image and taste: what it has seen, and what it wants to see next.

    Args:
        chooser: Name of the chooser.
        entry: The image.
        taste: Name and lambda.
        scoring: Costs.
        wanted: What it wants to see first.
        session: Its search; None when it has chosen all.
        traces: Traces that the search may spend, at least 1.
    """

    def __init__(
        self,
        chooser: str,
        entry: Entry,
        taste: tuple[str, float],
        scoring: ScoringConfig,
        *,
        wanted: Sequence[Action] = (),
        session: Session | None = None,
        traces: int = 0,
    ) -> None:
        self._chooser = chooser
        self._entry = entry
        self._taste, self._price = taste
        self._scoring = scoring
        self._session = session
        self._traces = traces
        self._seen: dict[Action, Measurement | None] = {}
        self._wanted = tuple(wanted)
        if session is not None:
            self._ask(session)
        elif len(self._wanted) == 1:
            # It is kept whatever it looks like: nothing is to be measured.
            self._seen[self._wanted[0]] = None
            self._wanted = ()

    @property
    def left(self) -> int:
        """Traces that may still be asked for after those wanted now (count)."""
        spent = len(self._seen) + len(self._wanted)
        return self._traces - spent if self._session is not None else 0

    def requests(self) -> list[Request]:
        """What it wants to see now, against the input."""
        return [Request(self._entry.id, action, native=True) for action in self._wanted]

    def take(self, found: Mapping[Request, Measurement]) -> None:
        """Take what it wanted from what was found, and go on."""
        for request in self.requests():
            self._seen[request.action] = found[request]
            if self._session is not None:
                self._session.tell(self._utility(found[request]))
        self._wanted = ()
        if self._session is not None:
            self._ask(self._session)

    def choice(self) -> Choice:
        """What was seen, and the best of it."""
        kept = max(self._seen, key=self._rank) if len(self._seen) > 1 else next(iter(self._seen))
        seen = tuple(self._seen)
        return Choice(self._entry, self._taste, self._chooser, len(seen), kept, seen)

    def _ask(self, session: Session) -> None:
        """Ask a search until it wants something new; end it when it wants nothing new any more."""
        if len(self._seen) < self._traces:
            for _ in range(_REPEATS):
                action = canonical(session.ask())
                known = self._seen.get(action)
                if known is None:
                    self._wanted = (action,)
                    return
                session.tell(self._utility(known))
        self._session = None

    def _utility(self, measurement: Measurement) -> float:
        return measurement.utility(self._price, self._scoring)

    def _rank(self, action: Action) -> float:
        measurement = self._seen[action]
        if measurement is None or measurement.failure:
            return float("-inf")
        return self._utility(measurement)


def _choosing(
    chooser: Chooser, entry: Entry, taste: tuple[str, float], traces: int, scoring: ScoringConfig
) -> _Seat:
    # Actions that draw the same picture cost one trace.
    chosen = dict.fromkeys(canonical(action) for action in chooser.choose(entry, taste[1], traces))
    return _Seat(chooser.name, entry, taste, scoring, wanted=tuple(chosen))


def _searching(
    search: Search, entry: Entry, taste: tuple[str, float], traces: int, scoring: ScoringConfig
) -> _Seat:
    session = search.start(entry, taste[1], traces)
    return _Seat(search.name, entry, taste, scoring, session=session, traces=traces)
