"""Rates in versions: what begins later ends what began before."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from energygrid.access.caller import Actor, Tenant
from energygrid.billing import tariffs
from energygrid.billing.rates import Rate
from energygrid.errors import NotFound

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def put(db: Connection, tenant: Tenant, amount: str, **body: Any) -> tariffs.StoredRate:
    rate = Rate.model_validate({"rateCode": "EFR_D1.11", "type": "FLAT", "flatAmount": amount, **body})
    return tariffs.put_rate(db, tenant, rate, who=Actor("test", "req_1"), now=NOW)


def test_a_later_version_ends_the_one_before(db: Connection, tenant: Tenant) -> None:
    put(db, tenant, "0.10", validFrom="2025-01-01")
    put(db, tenant, "0.30", validFrom="2027-01-01", validTo="2027-06-30")
    put(db, tenant, "0.20", validFrom="2026-01-01")
    found = tariffs.versions(db, tenant, "EFR_D1.11")
    assert [(str(v.rate.flat_amount), v.rate.valid_to) for v in found] == [
        ("0.10", date(2025, 12, 31)),
        ("0.20", date(2026, 12, 31)),
        ("0.30", date(2027, 6, 30)),
    ]
    for day, amount in ((date(2025, 12, 31), "0.10"), (date(2026, 1, 1), "0.20"), (date(2027, 6, 30), "0.30")):
        version = tariffs.in_force(found, day)
        assert version is not None
        assert str(version.rate.flat_amount) == amount
    assert tariffs.in_force(found, date(2027, 7, 1)) is None
    assert tariffs.in_force(found, date(2024, 12, 31)) is None


def test_the_same_first_day_replaces_a_version(db: Connection, tenant: Tenant) -> None:
    put(db, tenant, "0.10", validFrom="2025-01-01")
    put(db, tenant, "0.11", validFrom="2025-01-01")
    (only,) = tariffs.versions(db, tenant, "EFR_D1.11")
    assert str(only.rate.flat_amount) == "0.11"


def test_codes_are_listed_in_pages(db: Connection, tenant: Tenant) -> None:
    for code in ("B", "A", "C"):
        put(db, tenant, "0.1", rateCode=code, validFrom="2025-01-01")
    assert list(tariffs.list_rates(db, tenant, limit=2)) == ["A", "B"]
    assert list(tariffs.list_rates(db, tenant, after="B", limit=2)) == ["C"]


def test_an_unknown_code(db: Connection, tenant: Tenant) -> None:
    with pytest.raises(NotFound) as error:
        tariffs.versions(db, tenant, "NONE")
    assert error.value.code == "UNKNOWN_RATE"
