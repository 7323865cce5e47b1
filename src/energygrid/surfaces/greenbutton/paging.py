"""A part of a feed while it is read: the levels and the page that were asked for."""

from collections.abc import Iterator
from dataclasses import replace

from energygrid.greenbutton.atom import Entry
from energygrid.greenbutton.feed import Feed
from energygrid.greenbutton.usage.run_xml import part
from energygrid.greenbutton.usage.runs import IntervalRun
from energygrid.surfaces.greenbutton.asked import Asked

_LEVELS = {"UsagePoint": 1, "LocalTimeParameters": 1, "IntervalBlock": 3}
"""Below the subscription; whatever else a usage point has is on level 2."""


def cut(feed: Feed, asked: Asked) -> Feed:
    """Entries of the first `depth` levels, of these `max_results` from `start_index` on."""
    if asked.depth is None and asked.max_results is None and asked.start_index == 1:
        return feed
    return replace(feed, entries=lambda: _paged(_levels(feed, asked.depth), asked))


def _levels(feed: Feed, depth: int | None) -> Iterator[Entry | IntervalRun]:
    for each in feed.entries():
        level = 3 if isinstance(each, IntervalRun) else _LEVELS.get(each.resource, 2)
        if depth is None or level <= depth:
            yield each


def _paged(entries: Iterator[Entry | IntervalRun], asked: Asked) -> Iterator[Entry | IntervalRun]:
    first = asked.start_index - 1
    last = None if asked.max_results is None else first + asked.max_results
    at = 0
    for each in entries:
        if last is not None and at >= last:
            return
        count = len(each) if isinstance(each, IntervalRun) else 1
        low, high = max(first - at, 0), count if last is None else min(last - at, count)
        if low < high:
            yield part(each, low, high) if isinstance(each, IntervalRun) else each
        at += count
