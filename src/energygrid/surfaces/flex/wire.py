"""What bodies and lists of the flexibility API have in common. Source: contracts/flexibility.md 1.1."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, PlainSerializer, model_validator
from pydantic.alias_generators import to_camel

from energygrid.surfaces.flex.gate import ignored_fields

Item = TypeVar("Item")
_MOST_NOTED = 100


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(_stamp, return_type=str)]
"""UTC with milliseconds: 2026-01-15T17:00:00.000Z."""


def _wire_name(name: str) -> str:
    """camelCase, with UUID in capitals: assetUUIDs."""
    return re.sub(r"Uuid(?=s?$)", "UUID", to_camel(name))


class In(BaseModel):
    """A body: members that it does not know are ignored, and named in the answer's header."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=_wire_name)

    @model_validator(mode="before")
    @classmethod
    def _note_ignored(cls, body: Any) -> Any:
        noted = ignored_fields.get()
        if noted is not None and isinstance(body, dict) and len(noted) < _MOST_NOTED:
            known = {field.alias for field in cls.model_fields.values()}
            noted.extend(str(name) for name in body if name not in known)
        return body


class Out(BaseModel):
    """An answer, filled by the names of its attributes."""

    model_config = ConfigDict(frozen=True, alias_generator=_wire_name, validate_by_name=True, validate_by_alias=False)


class Pagination(Out):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "totalItems": 1,
                "itemCount": 1,
                "itemsPerPage": 100,
                "totalPages": 1,
                "currentPage": 1,
                "hasMore": False,
            }
        }
    )

    total_items: int
    item_count: int
    items_per_page: int
    total_pages: int
    current_page: int
    has_more: bool


class Page(Out, Generic[Item]):
    items: list[Item]
    pagination: Pagination


class Paging(BaseModel):
    """`page` counts from 1."""

    page: int
    page_size: int

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size

    def of(self, items: Sequence[Item], total: int) -> Page[Item]:
        """The page that holds `items` out of `total`."""
        pages = -(-total // self.page_size)
        return Page(
            items=list(items),
            pagination=Pagination(
                total_items=total,
                item_count=len(items),
                items_per_page=self.page_size,
                total_pages=pages,
                current_page=self.page,
                has_more=self.page < pages,
            ),
        )


def _paging(
    page: Annotated[int, Query(ge=1, le=1_000_000_000, examples=[1])] = 1,
    page_size: Annotated[int, Query(alias="pageSize", ge=1, le=1000, examples=[100])] = 10,
) -> Paging:
    return Paging(page=page, page_size=page_size)


Paged = Annotated[Paging, Depends(_paging)]
