"""Feeds: what a list or a batch answers, in no particular format, and as Atom XML.

Nothing is read before the entries are asked for, except what the version needs; then they are read in pages, so a feed
of any length takes the same memory, and no connection is held between two pages.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from energygrid.billing.records.facts import PowerQualityRow
from energygrid.billing.records.known import Known
from energygrid.database.engine import Database
from energygrid.errors import NotFound
from energygrid.greenbutton.atom import XML_FEED_TAIL, Entry, xml_entry, xml_feed_head
from energygrid.greenbutton.entitlement import SharedMeter
from energygrid.greenbutton.usage import entries as usage
from energygrid.greenbutton.usage import intervals
from energygrid.greenbutton.usage.context import Context
from energygrid.greenbutton.usage.costs import priced
from energygrid.greenbutton.usage.outline import Outline, outline, require_unchanged, series_with_data
from energygrid.greenbutton.usage.power_quality import power_quality_entries, reported
from energygrid.greenbutton.usage.run_xml import xml_run
from energygrid.greenbutton.usage.runs import IntervalRun
from energygrid.greenbutton.usage.served import ServedMeter
from energygrid.greenbutton.usage.spans import instants
from energygrid.greenbutton.usage.summaries import summary_entries
from energygrid.greenbutton.window import EVERYTHING, Window

Item: TypeAlias = Entry | IntervalRun
"""A run stands for all its blocks."""

TITLE = "Green Button Usage Feed"
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed to be written.

    href      the URL that was asked for, with its query
    kind      the type of its self link
    updated   when anything of it last changed
    version   equal for two feeds only if their bytes are
    entries   reads them anew each time; raises Unavailable("DATA_CHANGED") at its end rather than let two states mix
    readings  how many interval readings there are at most
    """

    title: str
    href: str
    kind: str
    updated: datetime
    version: str
    entries: Callable[[], Iterator[Item]] = field(repr=False)
    readings: int = 0


def xml(feed: Feed) -> Iterator[bytes]:
    """The first piece has the first entry; the others are of some 500 KiB."""
    held = [xml_feed_head(feed.title, feed.href, feed.kind, feed.updated)]
    size = _CHUNK
    for item in feed.entries():
        for text in xml_run(item) if isinstance(item, IntervalRun) else (xml_entry(item),):
            held.append(text)
            size += len(text)
            if size >= _CHUNK:
                yield b"".join(held)
                held, size = [], 0
    held.append(XML_FEED_TAIL)
    yield b"".join(held)


def feed_of(title: str, href: str, kind: str, entries: Sequence[Entry]) -> Feed:
    """A feed of entries that are there already."""
    updated = max((entry.updated for entry in entries), default=datetime.fromtimestamp(0, UTC))
    version = hashlib.sha256(repr((title, href, entries)).encode()).hexdigest()
    return Feed(title, href, kind, updated, version, lambda: iter(entries))


def subscription_feed(
    database: Database, ctx: Context, window: Window = EVERYTHING, *, usage_point: str | None = None, href: str
) -> Feed:
    """Everything in the usage namespace, of one usage point if one is named.

    Raises NotFound("UNKNOWN_RESOURCE") for a usage point that is not the entitlement's.
    """
    meters: Sequence[SharedMeter] = ctx.entitlement.meters
    if usage_point is not None:
        meter = ctx.entitlement.meter(usage_point)
        if meter is None:
            raise _unknown("usage point", usage_point)
        meters = [meter]
    found = database.read(outline, ctx, meters, window)
    return Feed(
        title=TITLE,
        href=href,
        kind="espi-feed/Subscription",
        updated=found.updated,
        version=_version(found, href),
        entries=lambda: _subscription(database, ctx, found),
        readings=found.readings,
    )


def interval_blocks(
    database: Database, ctx: Context, meter: SharedMeter, reading_id: str, window: Window = EVERYTHING, *, href: str
) -> Feed:
    """All blocks of a MeterReading. Raises NotFound("UNKNOWN_RESOURCE")."""
    found = database.read(outline, ctx, [meter], window)
    series = next((each for each in found.meters[0].series if each.id == reading_id), None)
    if series is None:
        raise _unknown("meter reading", reading_id)
    extent = found.extents.get(series.series.id)

    def entries() -> Iterator[Item]:
        if extent is not None:
            for run in intervals.runs(database, series, instants(meter, window), window, extent, found.as_of):
                yield priced(run, series, found.tariffs.get(meter.meter_id))
        database.read(require_unchanged, ctx, found)

    return Feed(TITLE, href, "espi-feed/IntervalBlock", found.updated, _version(found, href), entries, found.readings)


def _subscription(database: Database, ctx: Context, found: Outline) -> Iterator[Item]:
    zones: set[str] = set()
    for meter in found.meters:
        yield from _meter(database, ctx, found, meter, zones)
    database.read(require_unchanged, ctx, found)


def _meter(database: Database, ctx: Context, found: Outline, meter: ServedMeter, zones: set[str]) -> Iterator[Item]:
    """A usage point and all that is below it, in an order in which every client understands each entry as it comes."""
    shared, zone, tariff = meter.meter, meter.zone, found.tariffs.get(meter.meter.meter_id)
    bills: list[Entry] = []
    if found.bills.size:
        bills = database.read(summary_entries, ctx, meter, tariff, EVERYTHING)
    quality: list[Known[PowerQualityRow]] = []
    if found.power_quality.size:
        quality = database.read(reported, ctx, [shared], {shared.meter_id: zone}).get(shared.meter_id, [])
    yield usage.usage_point(ctx, meter, has_bills=bool(bills), has_power_quality=bool(quality))
    if zone not in zones:
        zones.add(zone)
        yield usage.local_time_parameters(ctx, zone)
    spans = instants(shared, found.window)
    for series, extent in series_with_data(found, meter):
        told = False
        for run in intervals.runs(database, series, spans, found.window, extent, found.as_of):
            if not told:
                told = True
                yield usage.reading_type(ctx, series)
                yield usage.meter_reading(ctx, series)
            yield priced(run, series, tariff)
    if bills and found.window != EVERYTHING:
        bills = database.read(summary_entries, ctx, meter, tariff, found.window)
    yield from bills
    yield from power_quality_entries(ctx, shared, quality, zone, found.window)


def _version(found: Outline, href: str) -> str:
    return hashlib.sha256(f"{found.version} {href}".encode()).hexdigest()


def _unknown(what: str, name: str) -> NotFound:
    return NotFound("UNKNOWN_RESOURCE", f"there is no {what} {name[:64]}")
