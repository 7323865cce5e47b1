"""A database that is one rolled-back transaction, and an identity provider that tests can rotate and switch off."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import Connection

from energygrid.access.outgoing import Answer
from energygrid.errors import Unavailable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class OneTransaction:
    """Stands for a `Database`: reads and writes run on the connection of the test."""

    def __init__(self, db: Connection) -> None:
        self.reads = 0
        self._db = db

    def read(self, use_case: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.reads += 1
        return use_case(self._db, *args, **kwargs)

    def write(self, use_case: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return use_case(self._db, *args, **kwargs)


@pytest.fixture
def inside(db: Connection) -> OneTransaction:
    return OneTransaction(db)


def segment(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def epoch(at: datetime) -> int:
    return int(at.timestamp())


@dataclass
class Idp:
    """An identity provider at https://idp.example, as far as a resource server sees it."""

    issuer: str = "https://idp.example"
    keys: dict[str, Any] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    down: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    status: int = 200

    def __post_init__(self) -> None:
        self.rotate("first")

    def rotate(self, kid: str) -> None:
        """Replace all keys by a new one."""
        self.keys = {kid: ECKey.generate_key("P-256", private=True)}

    def published(self) -> list[dict[str, Any]]:
        return [{**key.as_dict(private=False), "kid": kid, "use": "sig"} for kid, key in self.keys.items()]

    def fetch(self, url: str) -> Answer:
        self.fetched.append(url)
        if self.down:
            raise Unavailable("UPSTREAM_UNREACHABLE", "the provider is down")
        if url.endswith("/.well-known/openid-configuration"):
            document = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
            return Answer(200, {}, json.dumps(document).encode())
        body = json.dumps({"keys": self.published()}).encode() if self.body is None else self.body
        return Answer(self.status, self.headers, body)

    def claims(self, **changed: object) -> dict[str, object]:
        """Claims of a good token; None leaves one out."""
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": "https://energygrid.example",
            "sub": "service-account",
            "client_id": "billing-system",
            "scope": "customer.sync hardware.bind openid",
            "jti": "one",
            "iat": epoch(NOW),
            "exp": epoch(NOW + timedelta(hours=1)),
        }
        return {name: value for name, value in (claims | changed).items() if value is not None}

    def token(self, *, header: dict[str, object] | None = None, payload: bytes | None = None, **claims: object) -> str:
        """A signed token; `header` adds to or replaces the header, `payload` is signed instead of the claims."""
        kid, key = next(iter(self.keys.items()))
        full = {"alg": "ES256", "typ": "at+jwt", "kid": kid, **(header or {})}
        full = {name: value for name, value in full.items() if value is not None}
        content = payload if payload is not None else json.dumps(self.claims(**claims)).encode()
        signed = f"{segment(full)}.{segment(content)}"
        return f"{signed}.{segment(jws.JWSRegistry.algorithms['ES256'].sign(signed.encode(), key))}"


@pytest.fixture
def idp() -> Idp:
    return Idp()
