"""Judge an SVG before it is rendered: no outside resources, and a bounded cost.

The renderer runs in this process and cannot be interrupted. Seen without these checks: a crash
by stack overflow from a few hundred nested groups; minutes in layers, turbulence and morphology;
local files drawn through ``<image href>``; gigabytes of text from expanded entities. So the
document is parsed here first, references are followed, and what a renderer would have to do is
added up: nesting, elements, and the pixels of layers, filters and images.
"""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse
from dataclasses import dataclass, field
from xml.parsers import expat

from vtrain.errors import ImageRefused
from vtrain.images.raster import header_size
from vtrain.images.types import Limits

_MAX_BYTES = 16_000_000
_MAX_NESTING = 64  # resvg's stack overflows between 200 and 400 with a stack of 8 MiB
_MAX_ELEMENTS = 200_000  # after references are followed
_MAX_LAYER_PIXELS = 2e9  # about six seconds of compositing
_MAX_ENTITY = 1024  # characters; Illustrator's entities are namespace URLs

_LAYER_WORDS = ("opacity", "mask", "clip-path", "filter", "mix-blend-mode", "isolation")
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^'\")]+)")
# Filter primitives, their cost in layers. Those left out are refused: their cost depends on their
# numbers (convolution, lighting) and logos do not use them.
_FILTERS = {
    "feblend": 1, "fecolormatrix": 1, "fecomponenttransfer": 1, "fecomposite": 1,
    "fedropshadow": 4, "feflood": 1, "fegaussianblur": 3, "femerge": 1, "femergenode": 0,
    "feoffset": 1, "fefuncr": 0, "fefuncg": 0, "fefuncb": 0, "fefunca": 0, "fetile": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SvgCheck:
    """What the check found in an SVG that may be rendered."""

    has_text: bool
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Element:
    tag: str
    cost: float = 0.0  # pixels of layers
    children: list[_Element] = field(default_factory=list)
    references: list[tuple[str, int]] = field(default_factory=list)  # id, times drawn


@dataclass(frozen=True, slots=True)
class _Total:
    elements: int
    cost: float
    nesting: int


def check_svg(text: str, side: int, *, name: str, limits: Limits) -> SvgCheck:
    """Refuse an SVG that reaches outside itself or would cost too much.

    Args:
        text: The document.
        side: Longest side of the render (px), which prices layers.
        name: For messages.
        limits: `max_pixels` bounds embedded images.

    Returns:
        What the renderer and the user need to know.

    Raises:
        ImageRefused: ``too-large``, ``invalid-svg``, ``unsafe-svg``, ``external-resource`` or
            ``too-costly``.
    """
    if len(text) > _MAX_BYTES:
        raise ImageRefused(name, "too-large", f"an SVG may have {_MAX_BYTES:,} characters at most")
    reader = _Reader(side, name=name, limits=limits)
    root = reader.parse(text)
    total = _Expansion(reader).total(root, 0)
    if total.elements > _MAX_ELEMENTS or total.cost > _MAX_LAYER_PIXELS:
        raise ImageRefused(
            name,
            "too-costly",
            f"it would draw {total.elements:,} elements and {total.cost:.1e} px of layers",
        )
    return SvgCheck("text" in reader.tags, tuple(reader.notes()))


class _Reader:
    """Builds the tree of elements with expat, refusing as early as possible."""

    def __init__(self, side: int, *, name: str, limits: Limits) -> None:
        self.by_id: dict[str, _Element] = {}
        self.tags: set[str] = set()
        self.stylesheet = ""
        self.layer = float(side * side)
        self._name = name
        self._limits = limits
        self._root: _Element | None = None
        self._open: list[_Element] = []
        self._characters = 0
        self._count = 0

    def parse(self, text: str) -> _Element:
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.EntityDeclHandler = self._entity
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        try:
            parser.Parse(text.encode("utf-8", "surrogatepass"), True)  # noqa: FBT003 - expat's API
        except expat.ExpatError as error:
            raise self.refuse("invalid-svg", f"it is not well-formed XML: {error}") from error
        if self._root is None or self._root.tag != "svg":
            raise self.refuse("invalid-svg", "its root element is not <svg>")
        return self._root

    def refuse(self, reason: str, detail: str) -> ImageRefused:
        return ImageRefused(self._name, reason, detail)

    def notes(self) -> list[str]:
        notes = []
        if "script" in self.tags:
            notes.append("scripts ignored")
        if "text" in self.tags:
            notes.append("live text drawn in DejaVu")
        if "foreignobject" in self.tags:
            notes.append("foreignObject ignored")
        if self.tags & {"animate", "animatetransform", "animatemotion", "set"}:
            notes.append("animation ignored")
        return notes

    def _entity(
        self,
        name: str,
        is_parameter: bool,  # noqa: FBT001 - expat calls it by position
        value: str | None,
        _base: str | None,
        system: str | None,
        _public: str | None,
        _notation: str | None,
    ) -> None:
        if system is not None or is_parameter:
            raise self.refuse("unsafe-svg", f"it declares the external entity {name[:40]!r}")
        if value is not None and (len(value) > _MAX_ENTITY or "&" in value):
            raise self.refuse("unsafe-svg", f"its entity {name[:40]!r} expands too far")

    def _data(self, data: str) -> None:
        self._characters += len(data)
        if self._characters > 2 * _MAX_BYTES:
            raise self.refuse("unsafe-svg", "its entities expand too far")
        if self._open and self._open[-1].tag == "style":
            self.stylesheet += data

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS:
            raise self.refuse("too-costly", f"it has more than {_MAX_ELEMENTS:,} elements")
        if len(self._open) >= _MAX_NESTING:
            raise self.refuse("too-costly", f"its elements nest deeper than {_MAX_NESTING}")
        self._characters += sum(map(len, attributes.values()))
        element = _Element(name.rpartition(":")[2].lower())
        self.tags.add(element.tag)
        self._price(element, attributes)
        if "id" in attributes:
            self.by_id.setdefault(attributes["id"], element)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _price(self, element: _Element, attributes: dict[str, str]) -> None:
        tag = element.tag
        style = attributes.get("style", "")
        for key, value in attributes.items():
            local = key.rpartition(":")[2].lower()
            if local in _LAYER_WORDS:
                element.cost += self.layer
            if local == "href":
                self._link(element, value.strip())
            if "url(" in value:
                # A marker is drawn at every vertex; two characters are the shortest one.
                often = len(attributes.get("d", attributes.get("points", ""))) // 2
                times = max(1, often) if "marker" in key or "marker" in value else 1
                element.references += [(found, times) for found in _REFERENCE.findall(value)]
        if any(word in style for word in _LAYER_WORDS):
            element.cost += self.layer
        if tag.startswith("fe"):
            element.cost += self.layer * self._filter_cost(tag, attributes)

    def _filter_cost(self, tag: str, attributes: dict[str, str]) -> float:
        if tag in _FILTERS:
            return _FILTERS[tag]
        numbers = [
            float(number)
            for number in re.findall(
                r"\d+(?:\.\d+)?",
                attributes.get("radius", "") + " " + attributes.get("numOctaves", ""),
            )
        ]
        if tag == "femorphology":
            # Each pixel looks at a window; logos thicken or thin by a few units.
            return 1.0 + 4.0 * max(numbers, default=0.0) ** 2
        if tag == "feturbulence":
            return 4.0 * max(numbers, default=1.0)
        raise self.refuse("too-costly", f"it uses the filter primitive {tag!r}, which is not read")

    def _link(self, element: _Element, target: str) -> None:
        if element.tag in ("a", "script", "style"):
            return  # neither followed nor run
        if target.startswith("#"):
            element.references.append((target[1:], 1))
        elif element.tag == "image" and target.lower().startswith("data:"):
            element.cost += self._embedded(target)
        elif target:
            raise self.refuse(
                "external-resource", f"its <{element.tag}> takes {target[:60]!r} from outside"
            )

    def _embedded(self, target: str) -> float:
        """Pixels of an image embedded as a data URI (RFC 2397)."""
        header, _, body = target.partition(",")
        try:
            data = (
                base64.b64decode("".join(urllib.parse.unquote(body).split()))
                if header.lower().endswith(";base64")
                else urllib.parse.unquote_to_bytes(body)
            )
        except (binascii.Error, ValueError) as error:
            raise self.refuse("invalid-svg", "an embedded image is not valid base64") from error
        kinds = (
            (b"\x89PNG", "PNG"),
            (b"\xff\xd8\xff", "JPEG"),
            (b"GIF8", "GIF"),
            (b"RIFF", "WEBP"),
        )
        kind = next((kind for magic, kind in kinds if data.startswith(magic)), None)
        if kind is None:
            raise self.refuse("unsafe-svg", "it embeds something other than PNG, JPEG, GIF, WebP")
        width, height = header_size(data, kind, name=self._name)
        if width * height > self._limits.max_pixels:
            raise self.refuse("too-large", f"it embeds an image of {width} x {height} px")
        return float(width * height)


class _Expansion:
    """Adds up elements, layers and nesting with every reference followed."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._known: dict[int, _Total] = {}
        self._active: set[int] = set()
        sheet = reader.stylesheet
        self._styled_layers = any(word in sheet for word in _LAYER_WORDS)
        self._styled = [(found, 1) for found in sorted(set(_REFERENCE.findall(sheet)))]

    def total(self, element: _Element, depth: int) -> _Total:
        key = id(element)
        if key in self._known:
            return self._known[key]
        if key in self._active:  # a loop: the renderer breaks it
            return _Total(0, 0.0, 0)
        if depth > 2 * _MAX_NESTING:
            raise self._too_deep()
        self._active.add(key)
        elements, cost, nesting = 1, element.cost, 0
        if self._styled_layers:
            cost += self._reader.layer
        parts = [(child, 1) for child in element.children]
        for name, times in element.references:
            if name in self._reader.by_id:
                parts.append((self._reader.by_id[name], times))
        for part, times in parts:
            inner = self.total(part, depth + 1)
            elements += inner.elements * times
            cost += inner.cost * times
            nesting = max(nesting, inner.nesting)
        if nesting + 1 > _MAX_NESTING:
            raise self._too_deep()
        self._active.discard(key)
        self._known[key] = _Total(elements, cost, nesting + 1)
        return self._known[key]

    def _too_deep(self) -> ImageRefused:
        return self._reader.refuse("too-costly", f"its elements nest deeper than {_MAX_NESTING}")
