"""The sandbox surface: a tenant's virtual clock."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from energygrid.access import tenants
from energygrid.access.caller import Actor, Caller, Tenant
from energygrid.database.engine import Connection
from energygrid.devices import timers
from energygrid.errors import Invalid, Unauthenticated
from energygrid.flexibility.events import clock as events_clock
from energygrid.surfaces.common import routes
from energygrid.surfaces.common.bearer import check_bearer
from energygrid.surfaces.common.deps import Db, Now, RequestId, Services
from energygrid.surfaces.sandbox import errors

router = APIRouter(tags=["Clock"], responses=errors.RESPONSES)
_bearer = HTTPBearer(auto_error=False, scheme_name="bearerAuth", bearerFormat="JWT")

_YEAR_S = 366 * 86_400
_FARTHEST = timedelta(days=36_525)


async def _caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    if credentials is None:
        raise Unauthenticated("INVALID_TOKEN", "a bearer token is required")
    return await check_bearer(request, credentials.credentials)


TenantsClient = Annotated[Caller, Depends(_caller)]
"""Any client of the tenant whose clock it is."""


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class AdvanceIn(_Wire):
    advance_seconds: Annotated[float, Field(strict=True, ge=0, le=_YEAR_S, allow_inf_nan=False)]


class ClockOut(_Wire):
    """The tenant's virtual time, and how far it runs ahead of the real one."""

    now: datetime
    offset_seconds: float

    @classmethod
    def of(cls, tenant: Tenant, now: datetime) -> "ClockOut":
        at = tenants.tenant_now(tenant, now)
        return cls(now=at, offset_seconds=(at - now).total_seconds())


@router.get("/clock", operation_id="readClock")
def read_clock(caller: TenantsClient, db: Db, now: Now) -> ClockOut:
    """The virtual time of the caller's tenant."""
    return ClockOut.of(db.read(tenants.get_tenant, caller.tenant.id), now)


@router.post("/clock", operation_id="advanceClock")
def advance_clock(body: AdvanceIn, caller: TenantsClient, db: Db, now: Now, request_id: RequestId) -> ClockOut:
    """Let the tenant's clock jump ahead.

    Binds that fall due by then have moved on when the answer comes. Flexibility events start and end by jobs, which
    begin right after: read the event, or wait for its webhooks.
    """
    by = timedelta(seconds=body.advance_seconds)
    if ClockOut.of(db.read(tenants.get_tenant, caller.tenant.id), now).offset_seconds > _FARTHEST.total_seconds():
        raise Invalid("CLOCK_TOO_FAR", "the clock has been advanced by more than a century")
    tenant = db.write(_jump, caller.tenant, by, caller.actor(request_id), now)
    timers.advance_tenant(db, tenant, now)
    return ClockOut.of(tenant, now)


def _jump(db: Connection, tenant: Tenant, by: timedelta, who: Actor, now: datetime) -> Tenant:
    """The clock, and the jobs that follow from it, in one transaction."""
    tenant = tenants.advance_clock(db, tenant, by, who=who, now=now)
    events_clock.clock_moved(db, tenant)
    return tenant


def create_app(services: Services) -> FastAPI:
    app = FastAPI(
        title="EnergyGrid sandbox",
        version="1.0.0",
        description="Controls of a sandbox: the virtual clock that devices, timers and flexibility events follow.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    errors.install(app)
    routes.serve(app, [router])
    return app
