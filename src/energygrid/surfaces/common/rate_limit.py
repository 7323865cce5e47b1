"""Rates that callers of a surface must keep, counted in this process.

Each process counts for itself, so an installation of n processes lets through up to n times the rate: the limit
protects the machine it runs on. What must hold across processes and restarts (failed sign-ins) is in
`energygrid.access.throttle`.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from energygrid.errors import Throttled

_MOST_KEYS = 50_000


class RateLimits:
    """GCRA: per key one instant, the theoretical arrival time. Never blocks; for use on one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._arrival: OrderedDict[str, float] = OrderedDict()

    def require(self, key: str, per_second: float, *, burst: int | None = None) -> None:
        """Count one use of `key`; raises Throttled RATE_LIMITED when it comes too early.

        burst  how many may come at once after a quiet time; by default one second's worth
        """
        now = self._clock()
        interval = 1 / per_second
        tolerance = interval * (max(1, burst if burst is not None else math.ceil(per_second)) - 1)
        arrival = max(self._arrival.get(key, now), now)
        if arrival - now > tolerance + 1e-9:
            wait = max(1, math.ceil(arrival - now - tolerance))
            raise Throttled("RATE_LIMITED", f"more than {per_second:g} requests a second", retry_after=wait)
        self._arrival[key] = arrival + interval
        self._arrival.move_to_end(key)
        if len(self._arrival) > _MOST_KEYS:
            self._arrival.popitem(last=False)
