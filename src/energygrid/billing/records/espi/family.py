"""Which resources of a feed belong together: by their paths, as an agreement's place and the meter at it do."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator

from energygrid.metering.told import Told

_NAMES_A_METER = ("ServiceLocation", "Meter")


class Family:
    """`meters` are those that the mirror knows."""

    def __init__(self, told: Iterable[Told], meters: Container[str]) -> None:
        self._meters = meters
        self._by_path: dict[str, Told] = {}
        self._below: dict[tuple[str, str], list[Told]] = defaultdict(list)
        for each in told:
            self._by_path.setdefault(each.path, each)
            for path in _ancestors(each.path):
                self._below[path, each.kind].append(each)

    def above(self, told: Told, kind: str) -> Told | None:
        """The nearest of a kind that it belongs to."""
        there = (self._by_path.get(path) for path in _ancestors(told.path))
        return next((each for each in there if each is not None and each.kind == kind), None)

    def below(self, told: Told, kind: str) -> list[Told]:
        return self._below.get((told.path, kind), []) if told.path else []

    def meter_of(self, told: Told) -> str | None:
        """The known meter that a resource is about: by its own names, else the only one at its place or agreement."""
        own = self._named(told)
        if own is not None or not told.path:
            return own
        for path in (told.path, *_ancestors(told.path)):
            if "/CustomerAgreement/" not in path:
                break
            near = {self._named(each) for kind in _NAMES_A_METER for each in self._below.get((path, kind), ())}
            holder = self._by_path.get(path)
            near |= {None if holder is None or holder is told else self._named(holder)}
            near -= {None}
            if near:
                return near.pop() if len(near) == 1 else None
        return None

    def _named(self, told: Told) -> str | None:
        return next((name for name in told.names if name in self._meters), None)


def _ancestors(path: str) -> Iterator[str]:
    """The nearest first."""
    while path := path.rpartition("/")[0]:
        yield path
