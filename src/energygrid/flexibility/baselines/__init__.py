"""Baselines by dated rule sets: pure functions over arrays of days."""
