"""Which representation and which coding of it a caller wants (RFC 9110 section 12)."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache

from energygrid.errors import Invalid


class Form(StrEnum):
    """The representations of a resource, by the names of `twins.WRITERS`: the same data under the same filters."""

    ATOM = "xml"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES: Mapping[str, Form] = {
    "application/atom+xml": Form.ATOM,
    "application/xml": Form.ATOM,
    "text/xml": Form.ATOM,
    "application/espi+json": Form.JSON,
    "application/json": Form.JSON,
    "text/csv": Form.CSV,
    "application/vnd.apache.parquet": Form.PARQUET,
}
"""In the order of our preference."""

_IGNORED = "application/problem+json"
"""Says how errors are to look, not answers."""


class Coding(StrEnum):
    ZSTD = "zstd"
    GZIP = "gzip"
    IDENTITY = "identity"


_QUALITY = re.compile(r"q=([01](?:\.\d{0,3})?)")


@lru_cache(maxsize=1024)
def media_type(accept: str, forms: tuple[Form, ...]) -> str:
    """The media type to answer with; raises Invalid("NOT_ACCEPTABLE")."""
    offered = [name for name, form in MEDIA_TYPES.items() if form in forms]
    wanted = [(name, quality) for name, quality in _weighted(accept) if name != _IGNORED]
    if not wanted:
        return offered[0]
    best = max(offered, key=lambda name: (_quality_of(name, wanted), -offered.index(name)))
    if _quality_of(best, wanted) <= 0:
        raise Invalid("NOT_ACCEPTABLE", f"this resource is to be had as {', '.join(offered)}")
    return best


@lru_cache(maxsize=1024)
def coding(accept_encoding: str) -> Coding:
    """The smallest coding that the caller likes best; as it is when nothing else is welcome."""
    wanted = dict(_weighted(accept_encoding.replace("x-gzip", "gzip")))
    rest = wanted.get("*", 0.0)
    likes = {each: wanted.get(each, rest) for each in (Coding.ZSTD, Coding.GZIP)}
    best = max(likes, key=lambda each: likes[each])
    return best if likes[best] > 0 and likes[best] >= wanted.get("identity", 0.0) else Coding.IDENTITY


def _quality_of(name: str, wanted: Sequence[tuple[str, float]]) -> float:
    """That of the most specific range which the type falls in."""
    for pattern in (name, f"{name.partition('/')[0]}/*", "*/*"):
        found = [quality for each, quality in wanted if each == pattern]
        if found:
            return max(found)
    return 0.0


def _weighted(header: str) -> list[tuple[str, float]]:
    weighted = []
    for part in header.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name:
            found = (_QUALITY.fullmatch(each.replace(" ", "")) for each in parameters)
            weighted.append((name, next((float(match[1]) for match in found if match), 1.0)))
    return weighted
