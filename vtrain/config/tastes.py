"""The price of size for each named taste, where no configuration says otherwise.

Apart from the sections, so that using a policy needs no schema.
"""

from __future__ import annotations

TASTES = {"fidelity": 0.15, "balanced": 1.2, "compact": 3.2}
"""Lambda by name, in the order of rising price."""
MOST_LAMBDA = 8.0
"""Beyond it only size would count."""
