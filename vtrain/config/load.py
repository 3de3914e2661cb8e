"""Loading: defaults, then files from left to right, then ``--set`` overrides.

Sections merge key by key and lists are replaced. Every source is checked on its own and then all
of them together, so that one error names every problem there is, each with its place.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
from pydantic_core import ErrorDetails

from vtrain.config.explain import explain
from vtrain.config.keys import section_at, suggestion
from vtrain.config.problems import Key, Place, Problem, dotted
from vtrain.config.schema import Config
from vtrain.config.source import Source, read_override, read_source
from vtrain.config.validation import ProtocolConfig
from vtrain.errors import ConfigError

DEFAULT = "default"
"""The origin of a value that no source gave."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration and where each value came from.

    Args:
        config: The configuration.
        origins: For each dotted key ``default``, ``FILE:LINE`` or ``--set``.
    """

    config: Config
    origins: dict[str, str]


def load_config(sources: Sequence[str] = (), overrides: Sequence[str] = ()) -> LoadedConfig:
    """Merge the defaults, named configs or files, and overrides.

    Args:
        sources: Names that come with the program (``smoke``) or paths; later ones win.
        overrides: ``section.key=value``, the value in YAML; these win over files.

    Raises:
        ConfigError: Something is wrong; the message lists all of it with file, line and column.
    """
    read = [read_source(*find_source(source)) for source in sources]
    read += [read_override(override) for override in overrides]
    problems = [problem for source in read for problem in source.problems]
    readable = not problems
    # Whether stages are used depends on whether any are given, so none are given here.
    data = Config().model_dump(mode="json", exclude={"curriculum"})
    for source in read:
        source.data = _fill(source.data)
        problems += _check(source)
        data = _merge(data, source.data)
    config, errors = _validate(data)
    if readable:  # else what is missing may only be unread
        problems += [_together(error, read) for error in errors if error["type"] == "value_error"]
    order = {source.place.name: number for number, source in enumerate(read)}
    problems.sort(key=lambda it: (order.get(it.place.name, -1), it.place.line, it.place.column))
    if config is None or problems:
        raise _error(problems)
    return LoadedConfig(config, _origins(config, read))


def read_config(path: Path) -> Config:
    """Read a resolved configuration, such as a run's `config.yaml`, exactly as it was written.

    Raises:
        ConfigError: It is missing or wrong.
    """
    source = read_source(path, str(path))
    source.data = _fill(source.data)
    config, errors = _validate(source.data)
    problems = [*source.problems, *(_problem(error, source) for error in errors)]
    if config is None or problems:
        raise _error(problems)
    return config


def read_protocol(path: Path) -> ProtocolConfig:
    """Read a protocol of validation from a file of its own; the file's name is its name.

    Raises:
        ConfigError: It is missing or wrong; the message lists all of it with file, line and column.
    """
    read = read_source(path, str(path))
    above: Key = ("validation", "protocols", 0)
    item = {"name": path.stem, **(read.data or {})}
    source = Source(
        read.place,
        {"validation": {"protocols": [item]}},
        keys={(*above, *key): place for key, place in read.keys.items()},
        values={(*above, *key): place for key, place in read.values.items()},
    )
    config, errors = _validate(source.data)
    problems = [*read.problems, *(_problem(error, source) for error in errors)]
    if config is None or problems:
        raise _error(problems)
    return config.validation.protocols[0]


def known_configs() -> dict[str, Path]:
    """The configs that come with the program, by name."""
    package = Path(__file__).parents[1]
    for folder in (package / "configs", package.parent / "configs"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return {}


def find_source(source: str) -> tuple[Path, str]:
    """The file behind a name or path, and what to call it.

    Raises:
        ConfigError: There is no such config; the message lists the names there are.
    """
    known = known_configs()
    path = Path(source)
    if source in known:
        name = os.path.relpath(known[source])
        return known[source], str(known[source]) if name.startswith("..") else name
    if source and path.exists():
        return path, source
    near = difflib.get_close_matches(path.stem, known, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    raise ConfigError(
        f"There is no config {source!r}: it is neither a file nor one of {', '.join(known)}.",
        hint=f"{meant}Write one with 'vtrain config init FILE'.",
    )


def flatten(data: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """The keys and values of nested sections; lists are values."""
    for name, value in data.items():
        key = (*above, name)
        if isinstance(value, Mapping) and value:
            yield from flatten(value, key)
        else:
            yield key, value


def _fill(data: Mapping[str, Any], above: Key = ()) -> dict[str, Any]:
    """`data` with sections that are empty (``ppo:`` alone on its line) as empty mappings."""
    filled: dict[str, Any] = {}
    for name, value in data.items():
        key = (*above, name)
        if section_at(key) is not None and (value is None or isinstance(value, dict)):
            filled[name] = _fill(value or {}, key)
        else:
            filled[name] = value
    return filled


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(below, dict) and isinstance(value, Mapping):
            merged[name] = _merge(below, value)
        else:
            merged[name] = value
    return merged


def _validate(data: Mapping[str, Any]) -> tuple[Config | None, list[ErrorDetails]]:
    # Strict, by way of JSON, where lists may become tuples: "3" is not a number, true is not 1.
    try:
        return Config.model_validate_json(json.dumps(data), strict=True), []
    except pydantic.ValidationError as error:
        return None, error.errors(include_url=False)


def _check(source: Source) -> list[Problem]:
    _, errors = _validate(source.data)
    return [_problem(error, source) for error in errors if error["type"] != "value_error"]


def _place(key: Key, source: Source) -> Place:
    for length in range(len(key), 0, -1):
        found = source.values.get(key[:length])
        if found is not None:
            return found
    return source.place


def _problem(error: ErrorDetails, source: Source) -> Problem:
    key: Key = error["loc"]
    if error["type"] == "extra_forbidden":
        place = source.keys.get(key) or _place(key, source)
        return Problem(place, dotted(key), f"unknown key. {suggestion(key)}")
    if error["type"] == "value_error":
        place = source.keys.get(key) or _place(key, source)
        return Problem(place, dotted(key), f"{error['ctx']['error']}.")
    return Problem(_place(key, source), dotted(key), explain(error))


def _together(error: ErrorDetails, read: Sequence[Source]) -> Problem:
    """Place what is wrong between keys at the section, in the last source that spoke of it.

    An item of a list has no place of its own: the list's is taken.
    """
    key: Key = error["loc"]
    for length in range(len(key), 0, -1):
        involved = [source for source in read if key[:length] in source.keys]
        if involved:
            return _problem(error, involved[-1])
    return _problem(error, Source(Place(DEFAULT)))


def _error(problems: Iterable[Problem]) -> ConfigError:
    lines = [str(problem) for problem in dict.fromkeys(problems)]
    count = f"{len(lines)} problems" if len(lines) != 1 else "One problem"
    return ConfigError(
        "\n".join([f"{count} in the configuration:", *lines]),
        hint="'vtrain config show' prints every key with its value and meaning.",
    )


def _origins(config: Config, read: Sequence[Source]) -> dict[str, str]:
    origins = {}
    for key, _ in flatten(config.model_dump(mode="json")):
        places = [source.values[key] for source in read if key in source.values]
        origins[dotted(key)] = places[-1].origin if places else DEFAULT
    return origins
