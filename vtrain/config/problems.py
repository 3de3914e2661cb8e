"""What is wrong with a configuration, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Key = tuple[str | int, ...]
"""The way to a value: section and key names, and positions in lists."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key or value was written; `line` and `column` count from 1, 0 for a flag."""

    name: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name

    @property
    def origin(self) -> str:
        """The short form that `vtrain config show --origin` prints."""
        return f"{self.name}:{self.line}" if self.line else "--set"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration."""

    place: Place
    key: str
    text: str

    def __str__(self) -> str:
        parts = (str(self.place), self.key, self.text) if self.key else (str(self.place), self.text)
        return printable(": ".join(parts))


def describe(value: Any) -> str:
    """`value` for a message: short, and safe to print."""
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def dotted(key: Key) -> str:
    """`key` as people write it: ``curriculum.stages[0].name``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def printable(text: str) -> str:
    """`text` with control characters escaped, so that a file cannot steer the terminal."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
