"""Delivered energy and money: pure functions over baselines and readings."""
