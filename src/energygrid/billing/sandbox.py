"""Rates and the billing cycle of a sandbox's customers."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Tenant
from energygrid.billing import queries, schedules, tariffs
from energygrid.billing.cycles import Cycle, Period
from energygrid.billing.rates import Rate

_FIRST_DAY = date(2024, 12, 3)
_LENGTHS = (31, 28, 32, 29, 30, 32, 30, 30, 32, 29, 29, 33)
"""Cycle 1 of the Integration Guide, 2024-12-03 to 2025-12-02; later years repeat it (contracts/powerbox.md 1.7)."""

_HOLIDAYS = (
    *("2024-01-01", "2024-05-27", "2024-07-04", "2024-09-02", "2024-11-28", "2024-12-25"),
    *("2025-01-01", "2025-05-26", "2025-07-04", "2025-09-01", "2025-11-27", "2025-12-25"),
    *("2026-01-01", "2026-05-25", "2026-07-04", "2026-09-07", "2026-11-26", "2026-12-25"),
    *("2027-01-01", "2027-05-31", "2027-07-04", "2027-09-06", "2027-11-25", "2027-12-25"),
)


def _tou(name: str, amount: str, start: int, end: int, types: list[str], season: tuple[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "amount": amount,
        "startHour": start,
        "endHour": end,
        "dayTypes": types,
        "rateStart": season[0],
        "rateEnd": season[1],
    }


_SUMMER, _WINTER = ("06-01", "09-30"), ("10-01", "05-31")
_WORK, _FREE = ["WEEKDAY"], ["WEEKEND", "HOLIDAY"]
_ROUND = {
    "fixed": [
        {"name": "Service charge", "amount": "8.50", "per": "PERIOD", "taxable": True},
        {"name": "Low income assistance fund", "amount": "0.90", "per": "PERIOD", "taxable": False},
    ],
    "taxes": [{"name": "State sales tax (residential)", "rate": "0.04"}],
}

RATES: tuple[dict[str, Any], ...] = (
    {
        "rateCode": "RES1",
        "description": "Residential service, time of use",
        "fuel": "Electric",
        "validFrom": "2023-01-01",
        "type": "TOU",
        "holidays": list(_HOLIDAYS),
        "tou": [
            _tou("Summer off-peak", "0.0479", 23, 7, _WORK, _SUMMER),
            _tou("Summer mid-peak", "0.0922", 7, 15, _WORK, _SUMMER),
            _tou("Summer on-peak", "0.1660", 15, 19, _WORK, _SUMMER),
            _tou("Summer mid-peak", "0.0922", 19, 23, _WORK, _SUMMER),
            _tou("Summer off-peak", "0.0479", 0, 24, _FREE, _SUMMER),
            _tou("Winter off-peak", "0.0463", 19, 7, _WORK, _WINTER),
            _tou("Winter mid-peak", "0.0795", 7, 19, _WORK, _WINTER),
            _tou("Winter off-peak", "0.0463", 0, 24, _FREE, _WINTER),
        ],
        "adders": [
            {"name": "Distribution", "amountPerUnit": "0.06879"},
            {"name": "Energy waste reduction", "amountPerUnit": "0.00456"},
        ],
        **_ROUND,
    },
    {
        "rateCode": "RES2",
        "description": "Residential service, two tiers",
        "fuel": "Electric",
        "validFrom": "2023-01-01",
        "type": "TIERED",
        "tiers": [
            {"dailyAllowance": "22.1918", "amount": "0.0842"},
            {"dailyAllowance": None, "amount": "0.1031"},
        ],
        "adders": [{"name": "Distribution", "amountPerUnit": "0.06879"}],
        **_ROUND,
    },
    {
        "rateCode": "GAS1",
        "description": "Residential gas",
        "fuel": "Gas",
        "unitOfMeasure": "ccf",
        "validFrom": "2023-01-01",
        "type": "FLAT",
        "flatAmount": "0.4125",
        "adders": [{"name": "Distribution", "amountPerUnit": "0.38"}],
        **_ROUND,
    },
)


def load_fixtures(db: Connection, tenant: Tenant, now: datetime) -> None:
    """Rates RES1, RES2 and GAS1, and cycle 1 into the year after `now`; doing it again changes nothing."""
    for body in RATES:
        rate = Rate.model_validate(body)
        if not queries.rate_versions(db, tenant.id, rate.rate_code):
            tariffs.put_rate(db, tenant, rate, who=audit.SYSTEM, now=now)
    cycle = Cycle("1", "Cycle 1", is_bimonthly=False, periods=tuple(_periods(now.year + 1)))
    if queries.cycle(db, tenant.id, cycle.cycle_id) != cycle:
        schedules.put_cycle(db, tenant, cycle, who=audit.SYSTEM, now=now)


def _periods(last_year: int) -> Iterator[Period]:
    start = _FIRST_DAY
    while start.year < max(last_year, _FIRST_DAY.year + 2):
        for number, days in enumerate(_LENGTHS, 1):
            end = start + timedelta(days=days)
            yield Period(str(number), start, end)
            start = end
