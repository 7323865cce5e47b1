"""Members that many bodies have, and the ids of their examples."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, StringConstraints

from energygrid.surfaces.flex.wire import Out

ASSET = "8b0f8f3e-2f3c-4d55-9a5e-0f6f6b7c9d10"
SCHEME = "3f9c1f5e-6a31-4f0a-8d52-7c1f0e2b4a66"
PORTFOLIO = "c2b7e1d4-95a0-4c7e-b6f1-2d3e4f5a6b7c"
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")]
"""Text with something in it, on one line."""
Line = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
State = Literal["OPT_IN", "OPT_OUT", "DUPLICATED", "REJECTED", "READY"]


def _aware(instant: datetime) -> datetime:
    """An instant without a zone is UTC."""
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    if aware < _EARLIEST:
        raise ValueError("this is long ago")
    return aware.astimezone(UTC)


def example(body: Any) -> ConfigDict:
    """Of a model, for the OpenAPI document."""
    return ConfigDict(json_schema_extra={"example": body})


Given = Annotated[datetime, AfterValidator(_aware)]


class AssetRef(Out):
    uuid: UUID
    asset_id: str
