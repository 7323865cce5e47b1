"""The MPAN of an asset: what is given, kept and said of it."""

import re

from energygrid.errors import Invalid
from energygrid.flexibility import mpan

_AS_MPAN = re.compile(r"[0-9]{13}|[0-9]{21}")


def given(mpan_given: str | None, asset_id: str) -> str | None:
    """The MPAN that is given, else the asset's id where it is written as one: 13 or 21 digits, spaces aside."""
    if mpan_given is not None and mpan_given.strip():
        return mpan_given
    return asset_id if _AS_MPAN.fullmatch("".join(asset_id.split())) else None


def kept(written: str) -> str:
    """Its 13 digits, or what was written where it has none."""
    try:
        return mpan.core(written)
    except Invalid:
        return "".join(written.split())


def fault(written: str) -> str | None:
    """What is wrong with it: a code, a colon and a sentence."""
    try:
        mpan.core(written)
    except Invalid as error:
        return f"{error.facts['reason']}: {error.message}"
    return None
