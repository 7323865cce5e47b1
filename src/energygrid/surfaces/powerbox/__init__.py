"""PowerBox as a utility's back office sees it."""

from energygrid.surfaces.powerbox.app import create_app

__all__ = ["create_app"]
