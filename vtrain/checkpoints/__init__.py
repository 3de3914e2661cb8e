"""Checkpoints: written whole, verified before they are read, pruned last."""
