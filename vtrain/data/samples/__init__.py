"""Procedural sample logos: seeded, any number, four categories, as SVG text.

They stand in for a corpus where there is none, so that every command can be tried and tested
offline. Each logo depends on (seed, category, index) alone: asking for more never changes the
first ones.
"""

from vtrain.data.samples.write import sample_svg, write_samples

__all__ = ["sample_svg", "write_samples"]
