"""One feed over many consents of a third party (FB_35, FB_67)."""

from energygrid.greenbutton.bulk.feeds import feed
from energygrid.greenbutton.bulk.queries import Part
from energygrid.greenbutton.bulk.selections import Kind, Selection, create, drop, find, standing

__all__ = ["Kind", "Part", "Selection", "create", "drop", "feed", "find", "standing"]
