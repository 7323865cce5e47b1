"""EnergyGrid: one self-hosted platform between a utility's back office and everyone entitled to its meter data."""

from importlib.metadata import version

__version__ = version("energygrid")
