"""The sandbox's household under a consent."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from energygrid.access import audit
from energygrid.access.caller import Tenant
from energygrid.access.consents import consents
from energygrid.access.vault import Vault
from energygrid.greenbutton.entitlement import entitlement_of
from energygrid.greenbutton.sandbox import household
from energygrid.greenbutton.sandbox.household import SandboxCustomer
from energygrid.greenbutton.usage.context import Context

BASE = "https://dc.example.org/DataCustodian/espi/1_1/resource"
ALL = "FB=4_5_15_51;IntervalDuration=900"

Share = Callable[..., Context]


@pytest.fixture
def home(db: Connection, vault: Vault, tenant: Tenant, now: datetime) -> SandboxCustomer:
    return household.load(db, vault, tenant, now - timedelta(hours=1))


@pytest.fixture
def share(db: Connection, vault: Vault, tenant: Tenant, now: datetime, home: SandboxCustomer) -> Share:
    """Gives a consent on the household and returns what it opens."""

    def give(scope: str = ALL, *, meters: object = None, later: timedelta = timedelta(), **limits: datetime) -> Context:
        consent = consents.give(
            db,
            tenant.id,
            client_id="third-party",
            customer_id=home.customer_id,
            requested_scope=scope,
            scope=scope,
            meters=meters or home.meters,  # type: ignore[arg-type]
            who=audit.SYSTEM,
            now=now,
            **limits,
        )
        return Context(vault, BASE, entitlement_of(db, vault, tenant, consent), now + later)

    return give
