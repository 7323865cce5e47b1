"""Calls to addresses that somebody else chose: webhooks, key sets of identity providers, a utility's own systems.

The guard against server-side request forgery stands here once. A name is resolved once, every address it has is judged,
and the connection goes to exactly the address that was judged, while Host, SNI and certificate stay those of the name.
No redirect is followed, no proxy is taken from the environment, nothing is read past the limit, and one deadline covers
the whole call, however slowly the other side drips.
"""

import http.client
import socket
import ssl
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from energygrid.access.addresses import Address, AllowList, is_public, plain
from energygrid.access.deadlines import Deadline, DeadlinedSocket
from energygrid.errors import Invalid, Unavailable

_LONGEST_URL = 2_048
_PUBLIC_PORTS = frozenset({443, 8443})
_CHUNK = 16_384
_USUAL = {"user-agent": ("User-Agent", "EnergyGrid")}
_ALWAYS = {"accept-encoding": ("Accept-Encoding", "identity"), "connection": ("Connection", "close")}

Resolve = Callable[[str, int, float], list[str]]
"""Host, port and seconds to the addresses of the host; raises OSError."""
Connect = Callable[[tuple[str, int], float], socket.socket]


class Answer(NamedTuple):
    """What the other side said; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What we show of ourselves under mutual TLS, in PEM."""

    certificate: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL whose every address was judged."""

    secure: bool
    host: str
    port: int
    path: str
    addresses: tuple[Address, ...]


class OutgoingClient:
    """One client for a process; safe for many threads, keeps nothing between calls."""

    def __init__(
        self,
        allow: AllowList = AllowList(),  # noqa: B008 - immutable
        *,
        allow_http: bool = False,
        loopback: bool = False,
        context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        resolve: Resolve | None = None,
        connect: Connect = socket.create_connection,
    ) -> None:
        """`allow_http` lets plain http reach what `allow` names; `loopback` lets any call reach this machine itself.

        The last three are for private CAs and for tests.
        """
        self._allow = allow
        self._allow_http = allow_http
        self._loopback = loopback
        self._new_context = context
        self._resolve = resolve or resolve_host
        self._connect = connect

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Made for the first call: the system's certificates take longer to read than most processes wait for any."""
        return self._new_context()

    def vet(self, url: str, *, timeout: float = 5.0) -> Target:
        """Parse `url`, resolve its host and judge every address.

        Raises Invalid("BAD_URL" or "FORBIDDEN_ADDRESS") and Unavailable("UPSTREAM_UNREACHABLE") for an unknown host.
        """
        secure, host, port, path = _parse(url)
        try:
            addresses = tuple(dict.fromkeys(plain(text) for text in self._resolve(host, port, timeout)))
        except ValueError as error:
            raise Invalid("FORBIDDEN_ADDRESS", f"{host} is not an address that may be called", host=host) from error
        except OSError as error:
            raise Unavailable("UPSTREAM_UNREACHABLE", f"{host} cannot be resolved", host=host) from error
        if not addresses:
            raise Unavailable("UPSTREAM_UNREACHABLE", f"{host} has no address", host=host)
        for ip in addresses:
            self._judge(secure, host, port, ip)
        return Target(secure, host, port, path, addresses)

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        timeout: float = 10.0,
        max_bytes: int = 65_536,
        cut: bool = False,
        client_cert: ClientCertificate | None = None,
    ) -> Answer:
        """Send one request and return its answer, whatever its status; a redirect is an answer like any other.

        A body longer than `max_bytes` is cut when `cut`, else refused as Unavailable("UPSTREAM_ANSWER_TOO_LARGE").
        Raises what `vet` raises, and Unavailable("UPSTREAM_UNREACHABLE" or "UPSTREAM_TIMEOUT").
        """
        deadline = Deadline(timeout)
        target = self.vet(url, timeout=timeout)
        context = None
        if target.secure:
            context = self._context if client_cert is None else _showing(client_cert, self._new_context())
        try:
            with self._open(target, deadline) as raw:
                raw.settimeout(deadline.left())
                sock = raw if context is None else context.wrap_socket(raw, server_hostname=target.host)
                try:
                    return _exchange(sock, deadline, target, method, headers or {}, body, max_bytes, cut=cut)
                finally:
                    sock.close()
        except TimeoutError as error:
            raise Unavailable("UPSTREAM_TIMEOUT", f"{target.host} took over {timeout:g} s", host=target.host) from error
        except (OSError, http.client.HTTPException) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            raise Unavailable("UPSTREAM_UNREACHABLE", f"{target.host}: {reason}", host=target.host) from error

    def _judge(self, secure: bool, host: str, port: int, ip: Address) -> None:
        if self._loopback and ip.is_loopback:
            return
        if self._allow.names(host, ip):
            if secure or self._allow_http:
                return
            raise Invalid("BAD_URL", "this address is called with https only", host=host)
        if not is_public(ip):
            raise Invalid("FORBIDDEN_ADDRESS", f"{host} is not an address that may be called", host=host)
        if not secure:
            raise Invalid("BAD_URL", "only https addresses are called", host=host)
        if port not in _PUBLIC_PORTS:
            raise Invalid("BAD_URL", f"port {port} is not one of {sorted(_PUBLIC_PORTS)}", host=host)

    def _open(self, target: Target, deadline: Deadline) -> socket.socket:
        """Connect to the first judged address that answers."""
        failure: OSError | None = None
        for ip in target.addresses:
            try:
                return self._connect((str(ip), target.port), deadline.left())
            except OSError as error:
                failure = error
        raise failure or OSError("no address")


def _parse(url: str) -> tuple[bool, str, int, str]:
    """Secure, host, port and path of a URL that names nothing but these."""
    if len(url) > _LONGEST_URL:
        raise Invalid("BAD_URL", f"a URL has at most {_LONGEST_URL} characters")
    if any(character <= " " or character in "\\\x7f" for character in url):
        raise Invalid("BAD_URL", "a URL holds no spaces, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".").encode("idna").decode("ascii")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        path.encode("ascii")
    except ValueError as error:
        raise Invalid("BAD_URL", "this is not a URL") from error
    if parts.scheme not in {"https", "http"} or not host or "%" in host:
        raise Invalid("BAD_URL", "a URL starts with https:// and a host name")
    if "@" in parts.netloc:
        raise Invalid("BAD_URL", "a URL carries no user name or password")
    if port == 0:
        raise Invalid("BAD_URL", "port 0 cannot be called")
    secure = parts.scheme == "https"
    return secure, host, port or (443 if secure else 80), path


def _once(headers: Mapping[str, str]) -> dict[str, str]:
    """With ours beside them, each name once in whatever case, spelt as the caller does: some receivers read letters."""
    given = {name.lower(): (name, value) for name, value in headers.items()}
    return dict((_USUAL | given | _ALWAYS).values())


def _exchange(
    sock: socket.socket,
    deadline: Deadline,
    target: Target,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    max_bytes: int,
    *,
    cut: bool,
) -> Answer:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.default_port = 443 if target.secure else 80  # the port that the Host header leaves out
    connection.sock = DeadlinedSocket(sock, deadline)
    connection.request(
        method,
        target.path,
        body=body or None,
        headers=_once(headers),
    )
    response = connection.getresponse()
    content = bytearray()
    while len(content) <= max_bytes and (chunk := response.read1(min(_CHUNK, max_bytes + 1 - len(content)))):
        content += chunk
    if len(content) > max_bytes and not cut:
        raise Unavailable("UPSTREAM_ANSWER_TOO_LARGE", f"{target.host} sent over {max_bytes} bytes", host=target.host)
    return Answer(
        response.status,
        {name.lower(): value for name, value in response.getheaders()},
        bytes(content[:max_bytes]),
    )


def _showing(shown: ClientCertificate, context: ssl.SSLContext) -> ssl.SSLContext:
    # OpenSSL reads a certificate from files only.
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain.pem"), Path(folder, "key.pem")
        chain.write_text(shown.certificate)
        key.touch(mode=0o600)
        key.write_text(shown.private_key)
        try:
            context.load_cert_chain(chain, key)
        except ssl.SSLError as error:
            raise Invalid("BAD_CLIENT_CERTIFICATE", "certificate and private key do not belong together") from error
    return context


_resolvers = ThreadPoolExecutor(4, thread_name_prefix="resolve")


def resolve_host(host: str, port: int, timeout: float) -> list[str]:
    """All addresses of `host`. The system's resolver knows no deadline of its own, so it runs beside."""
    lookup = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    return [str(found[4][0]) for found in lookup.result(timeout)]
