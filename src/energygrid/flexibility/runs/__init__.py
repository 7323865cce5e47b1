"""Baselines and settlements of events over fleets of assets: jobs, revisions, evidence."""
