"""Interval blocks as columns: what writers of XML and of the twins have in common."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from energygrid.greenbutton.atom import USAGE, Content, Entry, Link
from energygrid.greenbutton.usage.codes import DEFAULT_QUALITY, ReadingCodes
from energygrid.metering.readings import Int64s

NO_COST = -(2**62)
"""In `cost` and `tou`: there is none."""


@dataclass(frozen=True, slots=True)
class IntervalRun:
    """Successive blocks of one MeterReading, oldest first; b blocks with n readings in all, none of them missing.

    usage_point, meter_reading  ids on the wire
    reading    address of the MeterReading
    codes      what its ReadingType says; a value is `value` times 10 to `codes.uom.power` of `codes.uom.code`
    ids        (b,) ids of the blocks
    published, updated  (b,) epoch seconds
    bounds     (b + 1,) block i has the readings bounds[i] to bounds[i + 1]
    start, duration, value  (n,) epoch seconds, seconds, whole numbers
    quality    (n,) QualityOfReading; it is written where it is not DEFAULT_QUALITY
    cost, tou  (n,) hundred-thousandths of the currency, number of the time of use; NO_COST where there is none
    """

    usage_point: str
    meter_reading: str
    reading: str
    codes: ReadingCodes
    ids: Int64s
    published: Int64s
    updated: Int64s
    bounds: Int64s
    start: Int64s
    duration: Int64s
    value: Int64s
    quality: Int64s
    cost: Int64s | None = None
    tou: Int64s | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def up(self) -> str:
        """The list of blocks; a block's own address is this, / and its id."""
        return f"{self.reading}/IntervalBlock"

    @property
    def related(self) -> tuple[Link, ...]:
        return (Link("related", self.reading, "espi-entry/MeterReading"),)

    @property
    def periods(self) -> tuple[Int64s, Int64s]:
        """(b,) first start of each block, and seconds from there to the end of its last reading."""
        first, last = self.bounds[:-1], self.bounds[1:] - 1
        start = self.start[first]
        return start, self.start[last] + self.duration[last] - start

    def entries(self) -> Iterator[Entry]:
        """The same one by one, as other resources come."""
        starts, lengths = self.periods
        for at, block in enumerate(self.ids.tolist()):
            low, high = self.bounds[at : at + 2].tolist()
            interval: Content = (("duration", int(lengths[at])), ("start", int(starts[at])))
            readings = tuple(("IntervalReading", self._reading(position)) for position in range(low, high))
            yield Entry(
                resource="IntervalBlock",
                namespace=USAGE,
                href=f"{self.up}/{block}",
                up=self.up,
                related=self.related,
                published=datetime.fromtimestamp(int(self.published[at]), UTC),
                updated=datetime.fromtimestamp(int(self.updated[at]), UTC),
                content=(("interval", interval), *readings),
            )

    def _reading(self, at: int) -> Content:
        quality = int(self.quality[at])
        parts: list[tuple[str, int | Content]] = []
        if self.cost is not None and self.cost[at] != NO_COST:
            parts.append(("cost", int(self.cost[at])))
        if quality != DEFAULT_QUALITY:
            parts.append(("ReadingQuality", (("quality", quality),)))
        parts.append(("timePeriod", (("duration", int(self.duration[at])), ("start", int(self.start[at])))))
        parts.append(("value", int(self.value[at])))
        if self.tou is not None and self.tou[at] != NO_COST:
            parts.append(("tou", int(self.tou[at])))
        return tuple(parts)
