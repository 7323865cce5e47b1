"""Baselines and settlements of fleets: jobs, revisions, evidence."""

from energygrid.flexibility.runs.restating import close_due, readings_changed, restate
from energygrid.flexibility.runs.running import run_part, start

__all__ = ["close_due", "readings_changed", "restate", "run_part", "start"]
