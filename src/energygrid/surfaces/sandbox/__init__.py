"""Controls that exist in a sandbox only."""

from energygrid.surfaces.sandbox.app import create_app

__all__ = ["create_app"]
