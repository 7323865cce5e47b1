"""Ids of the published tutorial's fixture. The client and the meter share a number, as they do there."""

TUTORIAL_CLIENT = "123456789"
TUTORIAL_PREMISE = "5113305555"
TUTORIAL_METER = "123456789"
