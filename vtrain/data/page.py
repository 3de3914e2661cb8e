"""The corpus as one HTML page to browse: pictures, what is known of each, and filters."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence

from PIL import Image

from vtrain.config.section import CATEGORIES
from vtrain.data.records import SPLITS, Alike, Detail, Rejected
from vtrain.data.store import ImageStore
from vtrain.html import Markup, element, image, page, table
from vtrain.images import reduce

_THUMBNAIL = 112  # px
_REJECTED = 500
"""Rejected files listed at most; the catalog holds all."""

_STYLE = """
form { position: sticky; top: 0; background: var(--page); padding: .6rem 0; display: flex;
  gap: .8rem; flex-wrap: wrap; align-items: center; border-bottom: 1px solid var(--line);
  z-index: 1; }
select, input { font: inherit; padding: .15rem .3rem; }
.grid { display: flex; flex-wrap: wrap; gap: .8rem; margin-top: 1rem; }
.card { width: 134px; font-size: .74rem; line-height: 1.35; overflow-wrap: anywhere; }
.card .tile { height: 122px; display: flex; align-items: center; justify-content: center;
  border: 1px solid #ccc; padding: 5px; box-sizing: border-box; background:
  repeating-conic-gradient(#fff 0 25%, #ececec 0 50%) 0 0 / 16px 16px; }
.card.warn .tile { border: 2px solid #b58900; }
.card b { display: block; font-weight: 600; }
.hidden { display: none; }
"""

_SCRIPT = """
const cards = [...document.querySelectorAll('.card')];
const fields = [...document.querySelectorAll('form [name]')];
const shown = document.getElementById('shown');
function update() {
  let count = 0;
  for (const card of cards) {
    const fits = fields.every(field => {
      if (!field.value) return true;
      if (field.name === 'text') {
        return card.dataset.text.includes(field.value.toLowerCase());
      }
      return card.dataset[field.name].split(',').includes(field.value);
    });
    card.classList.toggle('hidden', !fits);
    count += fits;
  }
  shown.textContent = count;
}
// A filter in the address, such as #reason=cut-off&split=test, can be kept and sent.
for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
  const field = fields.find(field => field.name === name);
  if (field) field.value = value;
}
for (const field of fields) {
  field.addEventListener('input', () => {
    const set = fields.filter(field => field.value).map(field => [field.name, field.value]);
    history.replaceState(null, '', '#' + new URLSearchParams(set));
    update();
  });
}
document.querySelector('form').addEventListener('submit', event => event.preventDefault());
update();
"""


def browse_page(
    details: Iterable[Detail],
    rejected: Sequence[Rejected],
    alike: Sequence[Alike],
    store: ImageStore,
    *,
    images: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> str:
    """The page.

    Args:
        details: The images to show, in the order of the page.
        rejected: What was left out.
        alike: Which images look alike.
        store: Where the pixels are.
        images: Images that could be shown (count).
        on_progress: Called with the images drawn and wanted.

    Raises:
        DataError: A picture is missing from the store.
    """
    shown = list(details)
    twins = {id_ for pair in alike for id_ in (pair.first, pair.second)}
    cards = []
    for number, detail in enumerate(shown, 1):
        cards.append(_card(detail, store, twin=detail.entry.id in twins))
        if on_progress is not None:
            on_progress(number, len(shown))
    formats = sorted({detail.metadata.format for detail in shown})
    reasons = sorted(
        {reason for detail in shown for reason in detail.entry.reasons.split(",") if reason}
    )
    title = "Corpus"
    total = f"{len(shown)} of {images}" if len(shown) < images else str(images)
    return page(
        title,
        element("h1", title),
        element(
            "p", f"{total} images, {len(rejected)} files left out. A marked frame is a warning."
        ),
        element(
            "form",
            _select("category", CATEGORIES),
            _select("split", SPLITS),
            _select("quality", ("ok", "warn")),
            _select("reason", reasons),
            _select("format", formats),
            _select("origin", ("folder", "image", "default")),
            _select("twin", ("yes", "no")),
            element("input", name="text", type="search", placeholder="name or brand"),
            element("span", element("b", str(len(shown)), id="shown"), " shown", kind="quiet"),
        ),
        element("div", *cards, kind="grid"),
        element("h2", "Left out"),
        *_left_out(rejected),
        style=_STYLE,
        script=_SCRIPT,
    )


_LABELS = {"origin": "category from", "twin": "looks like another"}


def _select(name: str, values: Sequence[str]) -> Markup:
    options = [element("option", "any", value="")]
    options += [element("option", value, value=value) for value in values]
    label = _LABELS.get(name, name)
    return element("label", f"{label} ", element("select", *options, name=name))


def _card(detail: Detail, store: ImageStore, *, twin: bool) -> Markup:
    entry, known = detail.entry, detail.metadata
    buffer = io.BytesIO()
    Image.fromarray(reduce(store.input(entry.id), _THUMBNAIL)).save(
        buffer, "WEBP", lossless=True, method=0
    )
    size = f"{known.source_width} x {known.source_height}"
    facts = f"{known.format} {size}, {known.colours} colours, stroke {known.stroke_50:.1f} px"
    lines = [f"{entry.category}, {entry.split}", facts]
    if entry.reasons:
        lines.append(entry.reasons.replace(",", ", "))
    return element(
        "div",
        element("div", image(buffer.getvalue(), "image/webp", entry.brand), kind="tile"),
        element("b", entry.name),
        *(part for line in lines for part in (line, Markup("<br>"))),
        kind=f"card {entry.quality}",
        **{
            "data-category": entry.category,
            "data-split": entry.split,
            "data-quality": entry.quality,
            "data-reason": entry.reasons,
            "data-format": known.format,
            "data-origin": entry.category_from,
            "data-twin": "yes" if twin else "no",
            "data-text": f"{entry.name} {entry.brand}".lower(),
        },
    )


def _left_out(rejected: Sequence[Rejected]) -> list[Markup]:
    if not rejected:
        return [element("p", "Nothing.", kind="quiet")]
    rows = ((item.name, item.reason, item.detail) for item in rejected[:_REJECTED])
    parts = [table(("file", "reason", "detail"), rows)]
    if len(rejected) > _REJECTED:
        parts.append(element("p", f"and {len(rejected) - _REJECTED} more", kind="quiet"))
    return parts
