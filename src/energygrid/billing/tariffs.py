"""Storing and reading rates."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row

from energygrid.access import audit
from energygrid.access.caller import Actor, Tenant
from energygrid.billing import coverage, queries
from energygrid.billing.coverage import Finding
from energygrid.billing.rates import DayType, Rate
from energygrid.errors import NotFound

Status = Literal["complete", "incomplete"]


@dataclass(frozen=True, slots=True)
class StoredRate:
    """One version and what its check found; `incomplete` prices only the hours that have one price."""

    rate: Rate
    status: Status
    findings: tuple[Finding, ...]
    changed_at: datetime


def put_rate(db: Connection, tenant: Tenant, rate: Rate, *, who: Actor, now: datetime) -> StoredRate:
    """Store the version that begins on `valid_from`, in place of one that began on the same day.

    Hours without exactly one price do not refuse it: it is stored as incomplete, with its findings.
    """
    findings = coverage.check(rate)
    status: Status = "incomplete" if findings else "complete"
    queries.put_rate(
        db,
        {
            "tenant_id": tenant.id,
            "rate_code": rate.rate_code,
            "valid_from": rate.valid_from,
            "status": status,
            "document": rate.model_dump(mode="json", by_alias=True, exclude_unset=True),
            "findings": [_stored(each) for each in findings],
            "changed_at": now,
        },
    )
    audit.record(
        db,
        tenant.id,
        actor=who.name,
        action="rate.put",
        subject=f"rate/{rate.rate_code}",
        request_id=who.request_id,
        now=now,
        facts={"validFrom": rate.valid_from.isoformat(), "status": status},
    )
    return StoredRate(rate, status, tuple(findings), now)


def versions(db: Connection, tenant: Tenant, rate_code: str) -> list[StoredRate]:
    """Every version, oldest first, each ending where the next begins; raises NotFound("UNKNOWN_RATE")."""
    found = _versions(queries.rate_versions(db, tenant.id, rate_code))
    if not found:
        raise NotFound("UNKNOWN_RATE", f"there is no rate {rate_code}", rateCode=rate_code)
    return found


def list_rates(db: Connection, tenant: Tenant, *, after: str = "", limit: int = 100) -> dict[str, list[StoredRate]]:
    """Versions by code, in order of the codes; go on with `after` = the last code seen."""
    by_code: dict[str, list[Row[Any]]] = {}
    for row in queries.rate_page(db, tenant.id, after, limit):
        by_code.setdefault(row.rate_code, []).append(row)
    return {code: _versions(rows) for code, rows in by_code.items()}


def in_force(found: Iterable[StoredRate], day: date) -> StoredRate | None:
    """The version for a local day, None when there is none."""
    for each in found:
        last = each.rate.valid_to
        if each.rate.valid_from <= day and (last is None or day <= last):
            return each
    return None


def _versions(rows: Iterable[Row[Any]]) -> list[StoredRate]:
    found: list[StoredRate] = []
    for row in reversed(list(rows)):
        rate = Rate.model_validate(row.document)
        if found:
            cut = found[-1].rate.valid_from - timedelta(days=1)
            if rate.valid_to is None or rate.valid_to > cut:
                rate = rate.model_copy(update={"valid_to": cut})
        found.append(StoredRate(rate, row.status, tuple(map(_read, row.findings)), row.changed_at))
    return found[::-1]


def _stored(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "dayType": finding.day_type.value,
        "startHour": finding.start_hour,
        "endHour": finding.end_hour,
        "firstDate": finding.first_date.isoformat(),
        "lastDate": finding.last_date.isoformat(),
        "days": finding.days,
    }


def _read(stored: dict[str, Any]) -> Finding:
    return Finding(
        stored["code"],
        DayType(stored["dayType"]),
        stored["startHour"],
        stored["endHour"],
        date.fromisoformat(stored["firstDate"]),
        date.fromisoformat(stored["lastDate"]),
        stored["days"],
    )
