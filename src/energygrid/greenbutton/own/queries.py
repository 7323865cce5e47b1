"""Statements on how far readings reach."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ARRAY, BigInteger, Connection, any_, func, literal, select

from energygrid.metering.tables import reading_block


def block_days(db: Connection, series_ids: Sequence[int]) -> dict[int, tuple[date, date]]:
    """First and last day block of each series that has any."""
    day = reading_block.c.day
    query = (
        select(reading_block.c.series_id, func.min(day).label("first"), func.max(day).label("last"))
        .where(reading_block.c.series_id == any_(literal(list(series_ids), ARRAY(BigInteger))))
        .group_by(reading_block.c.series_id)
    )
    return {row.series_id: (row.first, row.last) for row in db.execute(query)}
