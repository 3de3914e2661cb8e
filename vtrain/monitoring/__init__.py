"""Watching a run: samples of what it uses, their summary, reports, checks of the machine.

Everything here only reads the run's files and the system. Nothing that happens here may change
what training does.
"""
