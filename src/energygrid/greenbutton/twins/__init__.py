"""The same feeds in other representations: JSON, CSV and Parquet, under the same filters and the same permission.

CSV and Parquet hold readings only. Each is written from the feed's own entries and columns, so that nothing can differ
but the form. JSON follows the draft of contracts/greenbutton.md 8, with the name of each entry's resource added.
"""

from collections.abc import Callable, Iterator, Mapping

from energygrid.greenbutton.feed import Feed, xml
from energygrid.greenbutton.twins.json_feed import json_entry, json_feed
from energygrid.greenbutton.twins.tables import csv, parquet

__all__ = ["WRITERS", "csv", "json_entry", "json_feed", "parquet"]

WRITERS: Mapping[str, Callable[[Feed], Iterator[bytes]]] = {
    "xml": xml,
    "json": json_feed,
    "csv": csv,
    "parquet": parquet,
}
"""By representation: the bytes of a feed, in pieces, with the same memory whatever its size."""
