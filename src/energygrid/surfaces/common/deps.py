"""What endpoints of every surface ask for by type.

These are `async def` and never block: a dependency that needed a thread of its own would cost as much as the endpoint.
"""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from energygrid.database.engine import Database
from energygrid.services import Services

__all__ = ["Db", "Here", "Now", "RequestId", "Services", "services_of"]


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _services(request: Request) -> Services:
    return services_of(request)


async def _database(request: Request) -> Database:
    return services_of(request).database


async def _now() -> datetime:
    return datetime.now(UTC)


async def _request_id(request: Request) -> str:
    """Given to each request by the root application; also in the log and in every answer."""
    return str(request.scope.get("energygrid.request_id", "-"))


Here = Annotated[Services, Depends(_services)]
Db = Annotated[Database, Depends(_database)]
Now = Annotated[datetime, Depends(_now)]
RequestId = Annotated[str, Depends(_request_id)]
