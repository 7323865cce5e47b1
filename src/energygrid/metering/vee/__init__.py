"""Validation, estimation and editing of interval data: rules V01 to V15 and the ladder E1 to E5 (powerbox.md 4.7)."""
