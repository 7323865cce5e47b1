"""Feeds that are built ahead: 202 first, then the same bytes for everybody who asks the same.

The HTTP surface calls `request` in a writing transaction, for a whole feed (no paging), after it has made sure that the
caller may see it, and gets one of three answers:

    Built     serve `read(...)`: the finished bytes
    Building  202 with `retry_after` (whole seconds)
    None      answer at once: no build came of it, and a client never waits for ever
"""

from energygrid.greenbutton.ahead.building import build, fail, read
from energygrid.greenbutton.ahead.recipes import Recipe
from energygrid.greenbutton.ahead.requests import QUEUE, TASK, Building, Built, drop, forget, progress, request

__all__ = [
    "QUEUE",
    "TASK",
    "Building",
    "Built",
    "Recipe",
    "build",
    "drop",
    "fail",
    "forget",
    "progress",
    "read",
    "request",
]
