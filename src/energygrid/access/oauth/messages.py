"""What goes into the authorisation server and comes out of it, free of any web framework."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError, OAuth2Error

_GRANT_TYPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")


@dataclass(frozen=True, slots=True)
class OAuthRequest:
    """A form posted to one of the OAuth endpoints.

    address      network address of the caller, as far as it is known
    certificate  the caller's TLS certificate in DER, when a trusted hop presented it
    utility      key of the one tenant whose clients are known at the address it came to; None: all of them
    """

    form: Sequence[tuple[str, str]] = field(repr=False)
    authorization: str | None = field(default=None, repr=False)
    address: str = "-"
    certificate: bytes | None = field(default=None, repr=False)
    utility: str | None = None


@dataclass(frozen=True, slots=True)
class OAuthAnswer:
    status: int
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str]


class FormPayload(OAuth2Payload):  # type: ignore[misc]
    """The form's parameters, each once; an empty one counts as left out (RFC 6749 section 3.2)."""

    def __init__(self, form: Sequence[tuple[str, str]]) -> None:
        self._data = {name: value for name, value in form if value}
        self._datalist = {name: [value] for name, value in self._data.items()}

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> dict[str, list[str]]:
        return self._datalist


class FormRequest(OAuth2Request):  # type: ignore[misc]
    """An `OAuthRequest` as Authlib's grants read it."""

    def __init__(self, origin: OAuthRequest) -> None:
        # The scheme is judged where connections end, not from a URL that a proxy may have rewritten.
        super().__init__("POST", "https://identity.invalid/")
        self.origin = origin
        self.payload = FormPayload(origin.form)

    @property
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data


class InvalidClient(InvalidClientError):  # type: ignore[misc]
    """One answer for every reason, with the challenge that RFC 7617 asks for."""

    status_code = 401
    description = "client authentication failed"

    def get_headers(self) -> list[tuple[str, str]]:
        headers = [header for header in super().get_headers() if header[0] != "WWW-Authenticate"]
        return [*headers, ("WWW-Authenticate", 'Basic realm="EnergyGrid", charset="UTF-8"')]


class InvalidToken(OAuth2Error):  # type: ignore[misc]
    """A bearer token that opens nothing here (RFC 6750 section 3.1)."""

    error = "invalid_token"
    status_code = 401

    def get_headers(self) -> list[tuple[str, str]]:
        return [*super().get_headers(), ("WWW-Authenticate", 'Bearer realm="EnergyGrid", error="invalid_token"')]


class TooManyRequests(OAuth2Error):  # type: ignore[misc]
    error = "temporarily_unavailable"
    status_code = 429

    def __init__(self, description: str, retry_after: int) -> None:
        super().__init__(description)
        self._retry_after = retry_after

    def get_headers(self) -> list[tuple[str, str]]:
        return [*super().get_headers(), ("Retry-After", str(self._retry_after))]


def check_form(form: Sequence[tuple[str, str]]) -> None:
    """Raises InvalidRequestError for parameters given twice or with characters that RFC 6749 appendix A forbids."""
    names = [name for name, _ in form]
    if len(set(names)) != len(names):
        raise InvalidRequestError("a parameter is given more than once")
    values = dict(form)
    if (scope := values.get("scope")) and not _SCOPE.fullmatch(scope):
        raise InvalidRequestError("the scope is malformed")
    if (grant_type := values.get("grant_type")) and not _GRANT_TYPE.fullmatch(grant_type):
        raise InvalidRequestError("the grant_type is malformed")
