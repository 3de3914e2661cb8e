"""Pydantic's errors in sentences."""

from __future__ import annotations

import difflib

from pydantic_core import ErrorDetails

from vtrain.config.problems import describe

_WANTED = {
    "int_type": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list ([a, b])",
    "dict_type": "a section (key: value)",
    "model_type": "a section (key: value)",
}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def explain(error: ErrorDetails) -> str:
    """What is wrong with a value, and the value that was given, as a sentence."""
    kind, context = error["type"], error.get("ctx", {})
    given = describe(error["input"])
    if kind in _WANTED:
        text = f"must be {_WANTED[kind]}, not {given}."
    elif kind == "missing":
        text = "missing."
    elif kind == "literal_error":
        text = _choice(context["expected"].replace("'", ""), given, str(error["input"]))
    elif kind == "too_short":
        text = f"needs {context['min_length']} item(s) or more, not {context['actual_length']}."
    elif kind == "string_pattern_mismatch":
        text = f"must match {context['pattern']}, and is {given}."
    elif kind == "string_too_short":
        text = "must not be empty."
    else:
        bounds = [f"{words} {context[name]}" for name, words in _BOUNDS.items() if name in context]
        text = f"must be {bounds[0]}, not {given}." if bounds else f"{error['msg']}."
    return text


def _choice(choices: str, given: str, wrong: str) -> str:
    names = choices.replace(" or ", ", ").split(", ")
    near = difflib.get_close_matches(wrong, names, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"must be {choices}, not {given}.{meant}"
