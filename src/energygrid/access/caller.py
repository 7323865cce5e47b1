"""Who is asking, and for which tenant: the two values every use case starts from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel

Environment = Literal["sandbox", "staging", "production"]
Section = TypeVar("Section", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Tenant:
    """One utility on this installation.

    `settings` is the tenant's configuration as stored; each domain reads its own section of it as a typed model.
    """

    id: int
    key: str
    environment: Environment
    settings: Mapping[str, Any] = field(default_factory=dict)
    _sections: dict[str, BaseModel] = field(default_factory=dict, compare=False, repr=False)

    def section(self, name: str, model: type[Section]) -> Section:
        """The settings section `name`, parsed once; absent settings take the model's defaults."""
        parsed = self._sections.get(name)
        if parsed is None:
            parsed = self._sections[name] = model.model_validate(self.settings.get(name, {}))
        return cast("Section", parsed)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who a change is attributed to in the audit log, and the request or job it came with."""

    name: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Caller:
    """A checked access token.

    `sandbox` marks a client that may only read outside the sandbox. `claims` are the token's verified claims.
    """

    tenant: Tenant
    client_id: str
    scopes: frozenset[str]
    issuer: str
    subject: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sandbox: bool = False

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def actor(self, request_id: str) -> Actor:
        return Actor(self.client_id, request_id)
