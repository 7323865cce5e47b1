"""Flexibility: assets, schemes, events, baselines, settlement."""
