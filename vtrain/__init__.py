"""Train and use policies that choose how a logo is vectorised."""

__version__ = "0.1.0"
