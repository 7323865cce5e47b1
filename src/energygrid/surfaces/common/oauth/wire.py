"""The shapes of RFC 6749, 7009, 7662, 7517 and 8414 as this server uses them."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from energygrid.access.third_parties.registration import Metadata


class TokenOut(BaseModel):
    """RFC 6749 section 5.1; the addresses are of Green Button's tokens."""

    access_token: str
    token_type: Annotated[str, Field(examples=["Bearer"])]
    expires_in: int
    scope: str
    refresh_token: str | None = None
    resourceURI: str | None = None
    customerResourceURI: str | None = None
    authorizationURI: str | None = None


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
    espi: Annotated[str | None, Field(description="access or client: the kind of a Green Button token")] = None
    authorization: Annotated[str | None, Field(description="id of the Authorization it stands for")] = None


class KeySetOut(BaseModel):
    keys: list[dict[str, Any]]


_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


def form(properties: dict[str, str], required: list[str]) -> dict[str, Any]:
    """OpenAPI of a form body: each property with its meaning."""
    schema = {
        "type": "object",
        "required": required,
        "properties": {name: {"type": "string", "description": meaning} for name, meaning in properties.items()},
    }
    content = {_URLENCODED: {"schema": schema}, _MULTIPART: {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def metadata_body(description: str) -> dict[str, Any]:
    """OpenAPI of client metadata (RFC 7591 section 2)."""
    schema = Metadata.model_json_schema(by_alias=True)
    content = {"application/json": {"schema": {"type": "object", "properties": schema["properties"]}}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


CREDENTIALS = {"client_id": "instead of HTTP Basic", "client_secret": "instead of HTTP Basic"}
TOKEN_FORM = form(
    {
        "grant_type": "client_credentials, authorization_code or refresh_token",
        "scope": "separated by spaces; of Green Button: an ESPI scope string, or left out",
        "code": "of an authorization",
        "redirect_uri": "the one the code was made for",
        "code_verifier": "PKCE",
        "refresh_token": "the last one that was answered",
        **CREDENTIALS,
    },
    ["grant_type"],
)
ONE_TOKEN_FORM = form(
    {"token": "an access or refresh token", "token_type_hint": "ignored unless known", **CREDENTIALS}, ["token"]
)
