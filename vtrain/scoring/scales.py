"""Scales and sizes of the contour measure, for those who do not need its compiled loops."""

from __future__ import annotations

import numpy as np

PAD = 8
"""Pixels of padding round a plane, at least the reach of every loop here (px)."""
FINE_SIGMA = 0.75
"""Smoothing before the fine gradient (px at twice the input's size)."""
COARSE_SIGMA = 2.5
"""Smoothing of the coarse tensor (px at twice the input's size)."""
FINE_RADIUS, COARSE_RADIUS = 3, 7
GATE = np.float32(2.0)
"""Coarse gradient at which an edge counts half (Lab units per px)."""
FAINTEST = np.float32(1e-3)
"""Squared fine gradient below which there is no edge at all ((Lab units per px)^2)."""
VISIBLE = np.float32(2.0)
"""Fine gradient that an edge must have beyond to count as one that is seen (Lab units per px)."""
NEAR = 3
"""Distance within which an edge of the reference explains one of the trace (px)."""
