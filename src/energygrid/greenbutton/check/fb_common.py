"""FB_01, usage data common: feed, UsagePoint and LocalTimeParameters."""

from collections.abc import Iterator

from energygrid.greenbutton.check.document import Document
from energygrid.greenbutton.check.rules import Hit, atom_part, exists, present, rule, unique_self

exists("D006", 1, "UsagePoint")
exists("D136", 1, "LocalTimeParameters")
present("D008", 1, "UsagePoint", "ServiceCategory/kind", advice="write 0 for electricity, 1 for gas, 2 for water")
for _number, _part in {
    "D011": "id", "D012": "title", "D013": "self", "D015": "up", "D009": "published", "D010": "updated",
}.items():  # fmt: skip
    atom_part(_number, 1, "UsagePoint", _part)
for _number, _part in {
    "D138": "id", "D137": "title", "D139": "self", "D140": "up", "D141": "published", "D142": "updated",
}.items():  # fmt: skip
    atom_part(_number, 1, "LocalTimeParameters", _part)
unique_self("D014", 1, "UsagePoint")
unique_self("D143", 1, "LocalTimeParameters")


@rule("D000", 1, scope="batch", advice="answer a batch request with an Atom <feed>")
def is_a_feed(document: Document) -> Iterator[Hit]:
    """The document is an Atom feed"""
    if not document.is_feed:
        yield Hit(0, f"the root element is {document.kind}")


def _feed_part(name: str, document: Document) -> Iterator[Hit]:
    if document.is_feed and document.atom(name) is None:
        yield Hit(0, f"the feed has no <{name}>")


@rule("D001", 1, advice="add <id>urn:uuid:...</id>, the same for ever for this URL")
def feed_id(document: Document) -> Iterator[Hit]:
    """The feed has an <id>"""
    return _feed_part("id", document)


@rule("D002", 1, advice="add a <title> to the feed")
def feed_title(document: Document) -> Iterator[Hit]:
    """The feed has a <title>"""
    return _feed_part("title", document)


@rule("D003", 1, advice="add <updated>: the latest of the entries'")
def feed_updated(document: Document) -> Iterator[Hit]:
    """The feed has an <updated>"""
    return _feed_part("updated", document)


@rule("D004", 1, advice="give each resource an id of its own: UUID v5 of its self link")
def entry_ids(document: Document) -> Iterator[Hit]:
    """Ids of entries are unique"""
    seen: dict[str, int] = {}
    for entry in document.entries:
        name = entry.atom("id")
        if name in seen:
            yield Hit(entry.line, f"{entry.name()} has the id of the entry on line {seen[name]}: {name}")
        elif name:
            seen[name] = entry.line


@rule("D007", 1, scope="batch", advice="relate each UsagePoint to the self link of its LocalTimeParameters")
def one_local_time(document: Document) -> Iterator[Hit]:
    """Each UsagePoint is related to exactly one LocalTimeParameters of the feed"""
    selfs = document.self_counts["LocalTimeParameters"]
    for point in document.of("UsagePoint"):
        count = sum(href in selfs for href in point.related)
        if count != 1:
            yield Hit(point.line, f"{point.name()} is related to {count} LocalTimeParameters")


@rule("D016", 1, advice="add link rel=related to the list of the UsagePoint's MeterReadings")
def related_readings(document: Document) -> Iterator[Hit]:
    """Each UsagePoint is related to its list of MeterReadings"""
    for point in document.of("UsagePoint"):
        if not point.related:
            yield Hit(point.line, f"{point.name()} has no related link")


@rule("D135", 1, scope="batch", advice="relate its UsagePoint to it, or leave it out")
def local_time_is_used(document: Document) -> Iterator[Hit]:
    """Each LocalTimeParameters is related to by a UsagePoint"""
    related = document.related_counts["UsagePoint"]
    for time in document.of("LocalTimeParameters"):
        if time.self_href not in related:
            yield Hit(time.line, f"no UsagePoint is related to {time.name()}")
