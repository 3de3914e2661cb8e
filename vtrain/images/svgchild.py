"""Render one SVG in a process of its own; a script that `vtrain.images.svg` runs, not a module.

The renderer can abort the process (a panic while a panic unwinds), overflow the stack or take all
memory, and none of that can be caught from inside. Standard input holds one line of JSON with the
renderer's options and then the SVG; standard output is the PNG. Exit code 3: the SVG is refused,
with the reason on standard error.
"""

from __future__ import annotations

import json
import resource
import sys

import resvg_py

MEMORY_LIMIT = 4 * 2**30  # bytes of address space
REFUSED = 3


def main() -> int:
    """Render standard input; gives the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    options = json.loads(sys.stdin.buffer.readline())
    try:
        png = resvg_py.svg_to_bytes(svg_string=sys.stdin.buffer.read().decode(), **options)
    except ValueError as error:
        sys.stderr.write(str(error))
        return REFUSED
    sys.stdout.buffer.write(png)
    return 0


if __name__ == "__main__":
    sys.exit(main())
