"""One request under one of the tokens, and what it asks for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from starlette.requests import Request

from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.greenbutton.bearers import (
    OwnRead,
    Presented,
    SharedRead,
    Visit,
    log_bulk,
    log_shared,
    read_bulk,
    read_own,
    read_shared,
)
from energygrid.greenbutton.bulk import Kind, Selection
from energygrid.greenbutton.usage.context import Context
from energygrid.services import Services
from energygrid.surfaces.common.deps import services_of
from energygrid.surfaces.greenbutton.address import resource_path
from energygrid.surfaces.greenbutton.asked import Asked, asked_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    request: Request
    asked: Asked
    visit: Visit

    @classmethod
    def of(cls, request: Request, presented: Presented) -> "Call":
        """Raises Invalid("BAD_PARAMETER")."""
        here = services_of(request)
        visit = Visit(
            presented=presented,
            path=resource_path(request),
            query=request.scope["query_string"].decode("latin-1"),
            base=here.settings.resource_url,
            vault=here.vault,
            request_id=str(request.scope.get("energygrid.request_id", "-")),
            now=datetime.now(UTC),
        )
        return cls(request, asked_of(request), visit)

    @property
    def here(self) -> Services:
        return services_of(self.request)

    @property
    def accepts(self) -> str:
        return self.request.headers.get("accept", "")

    def shared(self, authorization: str | None, read: SharedRead[T]) -> tuple[Context, T]:
        """What an access token opens; `authorization` is the one that the address names, if it names one."""
        database = self.here.database
        context, found = database.read(read_shared, self.visit, authorization, read)
        database.append(log_shared, self.visit, context)
        return context, found

    def bulk(self, bulk_id: str, kind: Kind | None) -> tuple[ThirdParty, Selection]:
        """What a bulk feed of the third party holds, under its client token."""
        database = self.here.database
        party, selection = database.read(read_bulk, self.visit, bulk_id, kind)
        database.append(log_bulk, self.visit, selection)
        return party, selection

    def own(self, read: OwnRead[T], *, changes: bool = False) -> T:
        """What is a third party's own, under its registration or client token."""
        database = self.here.database
        return (database.write if changes else database.read)(read_own, self.visit, read)
