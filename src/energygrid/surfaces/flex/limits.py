"""How often, and how often at once, one key may call.

Counted in this process, so an installation of n processes lets through up to n times as much. Consumption uploads have
a bucket of their own and do not also eat from the general one. Source: contracts/flexibility.md 1.1.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from energygrid.errors import Throttled

_MOST_KEYS = 50_000


@dataclass(frozen=True, slots=True)
class Limit:
    per_second: float
    concurrent: int

    @property
    def burst(self) -> int:
        return max(1, math.floor(self.per_second))


@dataclass(slots=True)
class _Bucket:
    arrival: float
    under_way: int = 0


@dataclass(slots=True)
class Pass:
    """One admitted request, until it is given back.

    remaining  requests that may come at once after this one
    reset_s    seconds until all of them may
    """

    remaining: int
    reset_s: int
    _bucket: _Bucket = field(repr=False)

    def give_back(self) -> None:
        self._bucket.under_way -= 1


class Limiter:
    """Token buckets as instants of theoretical arrival (GCRA). Never blocks; for use on one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def admit(self, key: str, kind: str, limit: Limit) -> Pass:
        """Count one request; raises Throttled RATE_LIMITED or TOO_MANY_AT_ONCE, which count nothing."""
        now = self._clock()
        bucket = self._buckets.setdefault((key, kind), _Bucket(now))
        self._buckets.move_to_end((key, kind))
        if bucket.under_way >= limit.concurrent:
            at_once = f"{limit.concurrent} requests of this key are under way"
            raise Throttled("TOO_MANY_AT_ONCE", f"{at_once}; wait for one to end", retry_after=1)
        interval = 1 / limit.per_second
        arrival = max(bucket.arrival, now)
        ahead = arrival - now - interval * (limit.burst - 1)
        if ahead > 1e-9:
            raise Throttled(
                "RATE_LIMITED",
                f"more than {limit.per_second:g} requests a second",
                retry_after=max(1, math.ceil(ahead)),
            )
        bucket.arrival = arrival + interval
        bucket.under_way += 1
        self._forget(now)
        used = math.ceil((bucket.arrival - now) / interval - 1e-9)
        return Pass(max(0, limit.burst - used), math.ceil(bucket.arrival - now), bucket)

    def _forget(self, now: float) -> None:
        while len(self._buckets) > _MOST_KEYS:
            key, oldest = next(iter(self._buckets.items()))
            if oldest.under_way or oldest.arrival > now:
                return
            del self._buckets[key]
