"""Category and brand of an image, from where it lies and what it is called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from vtrain.config.data import DataConfig
from vtrain.config.section import Category

# Words that tell variants of one logo apart, not brands.
_VARIANTS = frozenset(
    {"icon", "icons", "logo", "logos", "logotype", "logomark", "wordmark", "mark", "symbol"}
    | {"brand", "light", "dark", "mono", "round", "white", "black", "color", "colour", "new"}
)
# Icon sets that open every file name with their own.
_SETS = frozenset(
    {"logos", "logo", "devicon", "devico2", "fluent", "twemoji", "mit", "flatcol", "brand"}
)
_SIZE = re.compile(r"\d+x\d+|\d+px|\d+w|(16|24|32|48|64|96|128|192|256|384|512|1024|2048)")
_COPY = re.compile(r"\s*\(\d+\)$|@\d+x$")
_WORD = re.compile(r"[^\W_]+")


def category_of(folders: Sequence[str], config: DataConfig) -> Category | None:
    """The category that the nearest folder names; None when none does.

    Args:
        folders: Folder names, the nearest first.
        config: Holds `category_names`, compared in lower case.
    """
    names = {name.casefold(): category for name, category in config.category_names.items()}
    for folder in folders:
        category = names.get(folder.casefold())
        if category is not None:
            return category
    return None


def brand_of(stem: str) -> str:
    """The brand in a file's name without its suffix.

    The name is cut into words; the icon set in front, words for variants (``icon``, ``dark``) and
    sizes go, unless nothing would be left; the rest is joined, so that ``dot-net`` and ``dotnet``
    are one. It rather joins two brands than parts one: a split must not leak.

    >>> brand_of("logos-bitrise-icon")
    'bitrise'
    """
    plain = unicodedata.normalize("NFKC", _COPY.sub("", stem)).casefold()
    words = _WORD.findall(plain)
    if not words:
        return (plain or stem).encode("utf-8", "backslashreplace").decode()
    rest = words[1:] if words[0] in _SETS and len(words) > 1 else words
    core = [word for word in rest if word not in _VARIANTS]
    while len(core) > 1 and _SIZE.fullmatch(core[-1]):
        core.pop()
    return "".join(core or rest)
