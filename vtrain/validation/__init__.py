"""Judging a policy on images it has not seen: protocol, statistics, baselines, reports."""
