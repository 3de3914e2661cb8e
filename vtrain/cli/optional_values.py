"""Options whose value may be left out, which Typer itself does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typer.core import TyperGroup


class OptionalValueGroup(TyperGroup):
    """A group some of whose options may come without their value."""

    left_out: ClassVar[Mapping[str, str]] = {}
    """The value of each such option when it has none."""

    # `ctx` is Any: the public name of click's context has moved between versions of Typer.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, with the values that were left out filled in."""
        filled = []
        for place, word in enumerate(args):
            filled.append(word)
            following = args[place + 1] if place + 1 < len(args) else "-"
            if word in self.left_out and following.startswith("-"):
                filled.append(self.left_out[word])
        return super().parse_args(ctx, filled)
