"""The shapes of RFC 6749, 7009, 7662, 7517 and 8414 as this server uses them."""

from typing import Annotated, Any

from pydantic import BaseModel, Field


class TokenOut(BaseModel):
    """RFC 6749 section 5.1."""

    access_token: str
    token_type: Annotated[str, Field(examples=["Bearer"])]
    expires_in: int
    scope: str


class ErrorOut(BaseModel):
    """RFC 6749 section 5.2."""

    error: Annotated[str, Field(examples=["invalid_client"])]
    error_description: str | None = None


class IntrospectionOut(BaseModel):
    """RFC 7662 section 2.2; a token that is not the client's own is `active: false` and nothing else."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    jti: str | None = None
    tenant: str | None = None


class KeySetOut(BaseModel):
    keys: list[dict[str, Any]]


def form(properties: dict[str, str], required: list[str]) -> dict[str, Any]:
    """OpenAPI of a form body: each property with its meaning."""
    schema = {
        "type": "object",
        "required": required,
        "properties": {name: {"type": "string", "description": meaning} for name, meaning in properties.items()},
    }
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


CREDENTIALS = {"client_id": "instead of HTTP Basic", "client_secret": "instead of HTTP Basic"}
TOKEN_FORM = form({"grant_type": "client_credentials", "scope": "separated by spaces", **CREDENTIALS}, ["grant_type"])
ONE_TOKEN_FORM = form(
    {"token": "the access token", "token_type_hint": "ignored unless known", **CREDENTIALS}, ["token"]
)
