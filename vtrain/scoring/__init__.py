"""How a trace looks: contour, colour, classical metrics, the appearance model and the utility."""
