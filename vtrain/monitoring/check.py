"""One finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        name: What was looked at.
        status: `ok`, `warning` (works, but not well) or `problem` (does not work).
        detail: What was found.
        hint: What to do next; empty when nothing.
    """

    name: str
    status: Status
    detail: str
    hint: str = ""
