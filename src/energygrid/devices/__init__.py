"""Binding of customer devices to meters over the home area network."""
