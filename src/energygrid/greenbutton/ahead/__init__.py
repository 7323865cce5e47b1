"""Feeds that are built ahead: 202 first, then the same bytes for everybody who asks the same.

The HTTP surface calls `request` in a writing transaction and gets one of three answers:

    Built     serve `read(...)`: the finished bytes, gzip
    Building  202 with `retry_after` (whole seconds)
    None      answer at once: no build came of it, and a client never waits for ever
"""

from energygrid.greenbutton.ahead.building import build, read
from energygrid.greenbutton.ahead.recipes import Recipe
from energygrid.greenbutton.ahead.requests import Building, Built, drop, forget, progress, request

__all__ = ["Building", "Built", "Recipe", "build", "drop", "forget", "progress", "read", "request"]
