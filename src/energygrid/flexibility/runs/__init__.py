"""Baselines and settlements of fleets: jobs, revisions, evidence."""

from energygrid.flexibility.runs.restating import close_due, readings_changed, restate
from energygrid.flexibility.runs.running import clock_moved, run_part, start

__all__ = ["clock_moved", "close_due", "readings_changed", "restate", "run_part", "start"]
