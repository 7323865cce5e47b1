"""A supplier's assets, portfolios and schemes inside one transaction, and events made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, insert, select

from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.flexibility.events import events
from energygrid.flexibility.events.event import Draft, Event
from energygrid.flexibility.registry.tables import (
    flex_asset,
    flex_consent,
    flex_portfolio,
    flex_scheme,
    flex_scheme_asset,
    flex_user,
)
from energygrid.messaging.tables import outbox_event

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
DRAFT = Draft(
    name="Evening peak",
    type="TURN_DOWN",
    starts_at=NOW + timedelta(hours=5),
    ends_at=NOW + timedelta(hours=6),
)


@dataclass
class Stage:
    """One tenant's flexibility; everything that it makes is written past the use cases of the registry."""

    db: Connection
    tenant: Tenant

    def assets(self, count: int, *, portfolio: UUID | None = None, **members: object) -> list[UUID]:
        uuids = [uuid4() for _ in range(count)]
        user = {"tenant_id": self.tenant.id, "uuid": uuid4(), "user_id": f"user-{uuids[0]}", "created_at": NOW}
        self.db.execute(insert(flex_user).values(**user))
        shared = {
            "tenant_id": self.tenant.id,
            "user_id": user["user_id"],
            "name": "home",
            "asset_type": "SMARTMETER",
            "zone": "Europe/London",
            "postcode": "NE81AA",
            "location": b"",
            "hh_settled": False,
            "mpan_status": "PENDING",
            "owner_kind": "asset",
            "portfolio_uuid": portfolio,
            "created_at": NOW,
            "updated_at": NOW,
        } | members
        rows = [
            shared | {"uuid": uuid, "owner_id": str(uuid), "asset_id": f"{number:03}-{uuid}"}
            for number, uuid in enumerate(uuids)
        ]
        self.db.execute(insert(flex_asset), rows)
        return uuids

    def portfolio(self) -> UUID:
        uuid = uuid4()
        row = {"name": "north", "status": "ACTIVE", "created_at": NOW, "updated_at": NOW}
        self.db.execute(insert(flex_portfolio).values(tenant_id=self.tenant.id, uuid=uuid, **row))
        return uuid

    def scheme(self, states: dict[UUID, str] | None = None, **facts: object) -> UUID:
        uuid = uuid4()
        row = {"name": f"scheme {uuid}", "facts": facts, "created_at": NOW, "updated_at": NOW}
        self.db.execute(insert(flex_scheme).values(tenant_id=self.tenant.id, uuid=uuid, **row))
        for asset, state in (states or {}).items():
            member = {"asset_uuid": asset, "state": state, "changed_at": NOW}
            self.db.execute(insert(flex_scheme_asset).values(tenant_id=self.tenant.id, scheme_uuid=uuid, **member))
        return uuid

    def withdraw(self, asset: UUID) -> None:
        """The user of the asset has withdrawn consent to its meter data."""
        row = {"uuid": uuid4(), "user_id": "u", "asset_uuid": asset, "scope": "METER_DATA", "source": "API"}
        times = {"granted_at": NOW - timedelta(days=9), "withdrawn_at": NOW - timedelta(days=1)}
        self.db.execute(insert(flex_consent).values(tenant_id=self.tenant.id, **row, **times))

    def event(self, *portfolios: UUID, scheduled: bool = True, now: datetime = NOW, **members: Any) -> Event:
        draft = replace(DRAFT, portfolios=portfolios, **members)
        return events.create(self.db, self.tenant, draft, scheduled=scheduled, who=SYSTEM, now=now)

    def told(self, *subjects: UUID) -> list[str]:
        """Types of the messages on these resources, all by default, in the order of their records."""
        query = select(outbox_event.c.type, outbox_event.c.subject).where(outbox_event.c.tenant_id == self.tenant.id)
        rows = self.db.execute(query.order_by(outbox_event.c.serial))
        wanted: Sequence[str] = [str(each) for each in subjects]
        return [row.type for row in rows if not wanted or row.subject in wanted]


@pytest.fixture
def stage(db: Connection, tenant: Tenant) -> Stage:
    return Stage(db, tenant)
