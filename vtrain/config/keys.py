"""The keys that a configuration has, and what a wrong one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, TypeGuard, get_args, get_origin

from vtrain.config.problems import Key, dotted
from vtrain.config.schema import Config
from vtrain.config.section import Section


def section_at(key: Key) -> type[Section] | None:
    """The section that stands at `key`; None where a plain value stands or nothing can."""
    annotation: Any = Config
    for part in key:
        annotation = _below(annotation, part)
    return annotation if _is_section(annotation) else None


def all_keys(section: type[Section] = Config, above: str = "") -> Iterator[str]:
    """Every dotted key; those of a list's items as ``curriculum.stages[].name``."""
    for name, field in section.model_fields.items():
        key = f"{above}.{name}" if above else name
        yield key
        annotation: Any = field.annotation
        if get_origin(annotation) is tuple and _is_section(get_args(annotation)[0]):
            annotation, key = get_args(annotation)[0], f"{key}[]"
        if _is_section(annotation):
            yield from all_keys(annotation, key)


def suggestion(key: Key) -> str:
    """What to write instead of the unknown `key`, as a sentence."""
    name, above = str(key[-1]), key[:-1]
    section = section_at(above)
    siblings = list(section.model_fields) if section else []
    known = list(all_keys())
    if "." in name and name in known:
        first, _, rest = name.partition(".")
        return f"Sections are nested in a file: write '{first}:' and below it '{rest}: ...'."
    elsewhere = [other for other in known if _last(other) == name]
    if elsewhere:
        return f"It belongs to another section: {' or '.join(elsewhere)}."
    near = difflib.get_close_matches(name, siblings, n=1)
    if near:
        return f"Did you mean {dotted((*above, near[0]))}?"
    leaves = difflib.get_close_matches(name, {_last(other) for other in known}, n=1, cutoff=0.75)
    if leaves:
        meant = [other for other in known if _last(other) == leaves[0]]
        return f"Did you mean {' or '.join(meant)}?"
    where = f"keys of {dotted(above)}" if above else "sections and keys at the top"
    return f"The {where} are {', '.join(siblings)}."


def _is_section(annotation: Any) -> TypeGuard[type[Section]]:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _below(annotation: Any, part: str | int) -> Any:
    if _is_section(annotation):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field else None
    if get_origin(annotation) is tuple and isinstance(part, int):
        return get_args(annotation)[0]
    return None


def _last(key: str) -> str:
    return key.rpartition(".")[2]
