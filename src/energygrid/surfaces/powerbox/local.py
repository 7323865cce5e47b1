"""What day it is for a utility."""

from datetime import date, datetime
from zoneinfo import ZoneInfo


def today(zone: str, now: datetime) -> date:
    return now.astimezone(ZoneInfo(zone)).date()
