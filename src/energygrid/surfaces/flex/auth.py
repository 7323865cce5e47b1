"""Who calls: the key that the gate has let in."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader

from energygrid.access.api_keys.keys import ApiKey

_key = APIKeyHeader(name="x-api-key", scheme_name="apiKey", description="Your key.", auto_error=False)
_tenant = APIKeyHeader(name="tenant", scheme_name="tenant", description="UUID of your tenant.", auto_error=False)


async def _caller(
    request: Request, _: Annotated[str | None, Depends(_key)], __: Annotated[str | None, Depends(_tenant)]
) -> ApiKey:
    key: ApiKey = request.state.key
    return key


FlexCaller = Annotated[ApiKey, Depends(_caller)]
