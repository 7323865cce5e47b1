"""published-min/max is data time, updated-min/max when it was stored: contracts/greenbutton.md 3.2."""

from datetime import UTC, datetime

from tests.greenbutton.usage.conftest import KNOWN, Utility, at, link, text

from energygrid.greenbutton.window import Window
from energygrid.metering.readings import Flow

START = at(2026, 1, 1, 5)
DAY_S = 86_400


def known(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_readings_outside_the_data_time_are_cut_off_and_the_entry_keeps_its_id(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1] * 96 * 4)
    ctx = utility.share("m1")
    everything = utility.parsed(ctx)
    window = Window(published_min=START + DAY_S + 3600, published_max=START + 2 * DAY_S + 1800)
    cut = utility.parsed(ctx, window)
    assert [start for start, _, _ in cut.readings()] == list(range(START + DAY_S + 3600, START + 2 * DAY_S + 1800, 900))
    own = [link(each, "self") for each in everything.entries("IntervalBlock")]
    assert [link(each, "self") for each in cut.entries("IntervalBlock")] == own[1:3]


def test_an_interval_that_ends_after_the_window_is_not_in_it(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1] * 8)
    feed = utility.parsed(utility.share("m1"), Window(published_min=START + 1, published_max=START + 2699))
    assert [start for start, _, _ in feed.readings()] == [START + 900]


def test_a_window_from_the_second_to_the_second_last_day_gives_two_days_less(utility: Utility) -> None:
    """QRY001."""
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1] * 96 * 5)
    window = Window(published_min=START + DAY_S, published_max=START + 4 * DAY_S)
    assert len(utility.parsed(utility.share("m1"), window).entries("IntervalBlock")) == 3


def test_a_series_that_the_window_empties_drops_out_with_its_reading_type(utility: Utility) -> None:
    """FB_04 D025: a MeterReading has blocks; FB_01: the usage point and its time parameters stay."""
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1] * 96)
    utility.readings("m1", START + 10 * DAY_S, [0.2] * 96, flow=Flow.RECEIVED)
    feed = utility.parsed(utility.share("m1"), Window(published_min=START + 5 * DAY_S))
    assert feed.order() == ["UsagePoint", "LocalTimeParameters", "ReadingType", "MeterReading", "IntervalBlock"]
    assert text(feed.contents("ReadingType")[0], "flowDirection") == "19"


def test_a_series_whose_only_stored_day_lies_beside_the_window_drops_out_too(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1] * 4)
    feed = utility.parsed(utility.share("m1"), Window(published_min=START + 3600))
    assert feed.order() == ["UsagePoint", "LocalTimeParameters"]


def test_a_window_beyond_every_calendar_is_just_wide(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1] * 4)
    ctx = utility.share("m1")
    wide = Window(-62_135_596_800, 253_402_300_799, -62_135_596_800, 253_402_300_799)
    assert utility.parsed(ctx, wide).readings() == utility.parsed(ctx).readings()
    assert utility.parsed(ctx, Window(published_min=253_402_300_799)).readings() == []
    assert utility.parsed(ctx, Window(published_max=-1)).readings() == []


def test_updated_min_gives_what_was_stored_or_corrected_since(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1] * 96 * 30, known=known(2026, 2, 2))
    utility.readings("m1", START + 7 * DAY_S + 3600, [0.7], known=known(2026, 2, 20))
    ctx = utility.share("m1")
    everything = utility.parsed(ctx)
    since = utility.parsed(ctx, Window(updated_min=int(known(2026, 2, 20).timestamp())))
    assert len(everything.entries("IntervalBlock")) == 30
    changed = [link(each, "self") for each in since.entries("IntervalBlock")]
    # A stored day is a UTC day and touches two local ones.
    assert changed == [link(each, "self") for each in everything.entries("IntervalBlock")][6:8]
    assert (START + 7 * DAY_S + 3600, 900, 700_000) in since.readings()
    assert since.order()[:4] == ["UsagePoint", "LocalTimeParameters", "ReadingType", "MeterReading"]
    assert len(since.readings()) == 2 * 96


def test_updated_max_leaves_out_what_was_stored_later(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1] * 96 * 2, known=known(2026, 2, 2))
    utility.readings("m1", START + 10 * DAY_S, [0.1] * 96, known=known(2026, 2, 20))
    before = utility.parsed(utility.share("m1"), Window(updated_max=int(known(2026, 2, 20).timestamp())))
    assert {start // DAY_S for start, _, _ in before.readings()} == {(START + n * 900) // DAY_S for n in range(192)}


def test_nothing_new_is_a_feed_without_readings(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, [0.1] * 96)
    feed = utility.parsed(utility.share("m1"), Window(updated_min=int(KNOWN.timestamp()) + 1))
    assert feed.order() == ["UsagePoint", "LocalTimeParameters"]


def test_register_reads_follow_the_same_windows(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.registers("m1", {START: 1.0, START + DAY_S: 2.0})
    utility.registers("m1", {START + 2 * DAY_S: 3.0}, known=known(2026, 2, 20))
    ctx = utility.share("m1")
    data = utility.parsed(ctx, Window(published_min=START + 1))
    assert [instant for instant, _, _ in data.readings()] == [START + DAY_S, START + 2 * DAY_S]
    assert utility.parsed(ctx, Window(updated_min=int(known(2026, 2, 21).timestamp()))).readings() == []
