"""A large answer leaves as it is made: the first bytes at once, and nothing held for a caller who has gone."""

import threading
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree
from tests.surfaces.greenbutton.callers import Caller, endless, lent, with_entries
from tests.surfaces.greenbutton.world import FIRST_DAY, GreenButton, valid

from energygrid.errors import Unavailable
from energygrid.greenbutton.feed import Feed

DAYS = 60


@pytest.fixture(scope="module")
def large(shared: GreenButton) -> GreenButton:
    """With a feed of some megabytes, which is more than is ever sent whole."""
    start = int(FIRST_DAY.timestamp()) + 5 * 86_400
    shared.utility.readings("E1", start, [0.5] * (96 * DAYS))
    return shared


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_it_leaves_in_pieces_that_are_the_whole(large: GreenButton, coding: str) -> None:
    caller = Caller(large, headers={"accept-encoding": coding}).ask(f"/Batch/Subscription/{large.consent.id}")
    body = b"".join(caller.pieces)
    root = valid(body if coding == "identity" else zlib.decompress(body, 47))
    assert len(list(root.iter("{*}IntervalReading"))) == 96 * (4 + DAYS) + 96 + 48
    assert len(caller.pieces) > 2
    assert b"content-length" not in caller.answered
    assert caller.ended
    assert lent(large) == [0, 0]


def test_the_first_piece_leaves_before_the_last_is_read(large: GreenButton, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a feed that never ends, pieces come nevertheless."""
    ended = threading.Event()
    endless(monkeypatch, ended)
    caller = Caller(large, hangs_up_after=3).ask(f"/Batch/Subscription/{large.consent.id}")
    assert (caller.status, len(caller.pieces) >= 3, caller.ended) == (200, True, False)
    assert ended.is_set(), "the work goes on for a caller who has gone"
    assert lent(large) == [0, 0]


def test_callers_who_hang_up_leave_no_connection_behind(large: GreenButton) -> None:
    """More of them than the pool has connections."""
    for after in range(33):
        caller = Caller(large, hangs_up_after=after % 3 + 1).ask(f"/Batch/Subscription/{large.consent.id}")
        assert caller.status == 200
    assert lent(large) == [0, 0]
    assert large.get(f"/Subscription/{large.consent.id}/UsagePoint").status_code == 200


def test_a_fault_on_the_way_breaks_off_and_does_not_end_as_if_it_were_whole(
    large: GreenButton, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sees the exception and closes the connection without an end of the body."""

    def entries(feed: Feed) -> Iterator[Any]:
        yield from feed.entries()
        raise Unavailable("DATA_CHANGED", "newer data came")

    with_entries(monkeypatch, entries)
    caller = Caller(large)
    with pytest.raises(Exception):  # noqa: B017,PT011 - whichever way the frameworks hand it on
        caller.ask(f"/Batch/Subscription/{large.consent.id}")
    assert caller.status == 200
    assert not caller.ended
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(b"".join(caller.pieces))
    assert lent(large) == [0, 0]


def test_a_head_of_a_large_feed_reads_nothing(large: GreenButton, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    endless(monkeypatch, ended)
    answer = large.get(f"/Batch/Subscription/{large.consent.id}", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert not ended.is_set()


@pytest.mark.parametrize("path", ["/Batch/Subscription/{}", "/Subscription/{}/UsagePoint", "/LocalTimeParameters/1"])
def test_a_head_has_no_body_on_the_wire(large: GreenButton, path: str) -> None:
    caller = Caller(large, method="HEAD").ask(path.format(large.consent.id))
    assert (caller.status in {200, 404}, caller.pieces, caller.ended) == (True, [], True)
