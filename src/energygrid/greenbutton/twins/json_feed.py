"""Feeds and entries as JSON: `application/espi+json`.

A feed is {id, title, updated, links, entries}; an entry has Atom's members, `resource`, and the resource's own elements
under their names in XML, enumerations as their codes; what may be repeated is an array.
Source: contracts/greenbutton.md 8 (the draft of 4.1, which lacks `resource`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from energygrid.greenbutton.atom import USAGE, Content, Entry, Link, Scalar, stamp, urn
from energygrid.greenbutton.feed import Feed
from energygrid.greenbutton.usage.codes import DEFAULT_QUALITY
from energygrid.greenbutton.usage.runs import NO_COST, IntervalRun

_REPEATED = frozenset(
    {
        "DRProgram",
        "DemandResponseProgram",
        "IntervalReading",
        "MeterMultipliers",
        "PricingStructures",
        "ReadingQuality",
        "aggregateNodeRef",
        "contacts",
        "costAdditionalDetailLastPeriod",
        "extension",
        "futureStatus",
        "grant_types",
        "notifications",
        "pnodeRef",
        "positionPoints",
        "programDate",
        "redirect_uri",
        "statementRef",
        "tariffRiderRef",
    }
)
_REPEATED_IN = {"ApplicationInformation": frozenset({"scope"}), "UsagePoints": frozenset({"UsagePoint"})}
_ATOM = frozenset({"id", "title", "published", "updated", "links", "resource"})
_encode = msgspec.json.encode


def json_entry(entry: Entry) -> bytes:
    return _encode(_entry(entry)) + b"\n"


def json_feed(feed: Feed) -> Iterator[bytes]:
    head = {
        "id": urn(feed.href),
        "title": feed.title,
        "updated": stamp(feed.updated),
        "links": _links([Link("self", feed.href, feed.kind)]),
    }
    yield _encode(head)[:-1] + b',"entries":['
    separator = b"\n"
    for each in feed.entries():
        written = _run(each) if isinstance(each, IntervalRun) else _encode(_entry(each))
        if written:
            yield separator + written
            separator = b",\n"
    yield b"\n]}\n"


def _entry(entry: Entry) -> dict[str, Any]:
    fields = _members(entry.resource, entry.content)
    taken = {f"{entry.resource}.{name}" if name in _ATOM else name: value for name, value in fields.items()}
    return _atom(entry) | taken


def _atom(entry: Entry) -> dict[str, Any]:
    return {
        "resource": entry.resource,
        "id": entry.id,
        "title": entry.resource,
        "published": stamp(entry.published),
        "updated": stamp(entry.updated),
        "links": _links(entry.links()),
    }


def _links(links: Sequence[Link]) -> list[Mapping[str, str]]:
    return [{"href": link.href, "rel": link.rel, "type": link.type} for link in links]


def _members(parent: str, content: Content) -> dict[str, Any]:
    repeated = _REPEATED | _REPEATED_IN.get(parent, frozenset())
    members: dict[str, Any] = {}
    for name, value in content:
        written = _value(name, value)
        if name in repeated:
            members.setdefault(name, []).append(written)
        else:
            members[name] = written
    return members


def _value(name: str, value: "Scalar | Content") -> Any:
    return _members(name, value) if isinstance(value, tuple) else value


def _run(run: IntervalRun) -> bytes:
    """The blocks of a run, joined by commas. Their heads are written as any entry's, their readings by columns."""
    readings = _readings(run)
    bounds = run.bounds.tolist()
    blocks = []
    for at, head in enumerate(_heads(run)):
        block = _entry(head) | {"IntervalReading": readings[bounds[at] : bounds[at + 1]]}
        blocks.append(_encode(block))
    return b",\n".join(blocks)


def _heads(run: IntervalRun) -> Iterator[Entry]:
    """The blocks without their readings."""
    starts, lengths = run.periods
    facts = (run.ids, run.published, run.updated, starts, lengths)
    for block, published, updated, start, length in zip(*(column.tolist() for column in facts), strict=True):
        yield Entry(
            resource="IntervalBlock",
            namespace=USAGE,
            href=f"{run.up}/{block}",
            up=run.up,
            related=run.related,
            published=datetime.fromtimestamp(published, UTC),
            updated=datetime.fromtimestamp(updated, UTC),
            content=(("interval", (("duration", length), ("start", start))),),
        )


def _readings(run: IntervalRun) -> list[dict[str, Any]]:
    columns = (run.duration.tolist(), run.start.tolist(), run.value.tolist())
    readings: list[dict[str, Any]] = [
        {"timePeriod": {"duration": duration, "start": start}, "value": value}
        for duration, start, value in zip(*columns, strict=True)
    ]
    for at in (run.quality != DEFAULT_QUALITY).nonzero()[0].tolist():
        readings[at]["ReadingQuality"] = [{"quality": int(run.quality[at])}]
    for name, column in (("cost", run.cost), ("tou", run.tou)):
        if column is not None:
            for at in (column != NO_COST).nonzero()[0].tolist():
                readings[at][name] = int(column[at])
    return readings
