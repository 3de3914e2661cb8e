"""From pixels to SVG and back: the parameter table, preparation, VTracer and the renderer."""
