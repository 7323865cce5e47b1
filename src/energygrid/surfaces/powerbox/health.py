"""GET /powerbox/healthz: does my token work, and where am I (contract C23)."""

from fastapi import APIRouter
from starlette.responses import Response

from energygrid.surfaces.common.deps import Now
from energygrid.surfaces.powerbox.auth import AnyCaller
from energygrid.surfaces.powerbox.errors import problems, silent
from energygrid.surfaces.powerbox.wire import Health

router = APIRouter(tags=["Health"])


@router.get(
    "/powerbox/healthz",
    operation_id="checkHealth",
    response_model=Health,
    responses=problems() | silent(401),
)
async def check_health(caller: AnyCaller, now: Now) -> Response:
    """That the token is good. Unauthenticated probes are /livez and /readyz at the root."""
    body = Health(env=caller.tenant.environment, time=now)
    return Response(body.model_dump_json(), media_type="application/json")
