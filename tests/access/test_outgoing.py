"""The guard against server-side request forgery: contracts/powerbox.md 5.8."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from energygrid.access.addresses import AllowList, is_public, plain
from energygrid.access.outgoing import Answer, OutgoingClient, resolve_host
from energygrid.errors import Invalid, Unavailable

PUBLIC = "93.184.215.14"


class Server:
    """A loopback server that answers every connection with the same bytes and keeps what it was asked."""

    def __init__(self, answer: bytes, *, pause: float = 0, context: ssl.SSLContext | None = None) -> None:
        self.answer, self.pause, self.context = answer, pause, context
        self.asked: list[bytes] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                with suppress(OSError), closing(connection):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        with closing(connection):
            asked = connection.recv(65_536)
            while asked.startswith(b"POST") and not asked.endswith(b"payload"):
                asked += connection.recv(65_536)
            self.asked.append(asked)
            if not self.pause:
                connection.sendall(self.answer)
                return
            for byte in self.answer:
                connection.sendall(bytes([byte]))
                time.sleep(self.pause)


@contextmanager
def serving(answer: bytes, **how: object) -> Iterator[Server]:
    server = Server(answer, **how)
    with closing(server.socket):
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Certificate and key of idp.example in one file, and the certificate alone as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("idp.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("authority") / "idp.pem"
    path.write_bytes(pem + private)
    return path, pem.decode()


def refuse_to_connect(address: tuple[str, int], timeout: float) -> socket.socket:
    pytest.fail(f"connected to {address}")


def guarded(*addresses: str) -> OutgoingClient:
    """A client that finds `addresses` for every host and must never connect."""
    return OutgoingClient(resolve=lambda *_: list(addresses), connect=refuse_to_connect)


def lan(**how: object) -> OutgoingClient:
    return OutgoingClient(AllowList.of(["127.0.0.0/8"]), allow_http=True, **how)


FORBIDDEN_ADDRESSES = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.255.0.9", "169.254.0.1",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1", "2001::1",
    "2001:0:7f00:1::", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::", "3fff::1",
    "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_an_address_that_is_not_public_is_never_called(address: str):
    with pytest.raises(Invalid) as caught:
        guarded(address).request("GET", "https://hook.example/")
    assert caught.value.code == "FORBIDDEN_ADDRESS"


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "172.32.0.1", "2606:4700::6810:84e5", "2a00::1"])
def test_ordinary_public_addresses_may_be_called(address: str):
    assert guarded(address).vet("https://hook.example/").addresses == (ip_address(address),)


@given(st.ip_addresses())
def test_whatever_is_public_here_is_global_for_the_standard_library_too(ip):
    if is_public(plain(str(ip))):
        assert ip.is_global
        assert not ip.is_multicast


def test_one_forbidden_address_among_public_ones_is_enough():
    with pytest.raises(Invalid):
        guarded(PUBLIC, "2606:4700::1", "10.0.0.1").request("GET", "https://hook.example/")


LOOPBACK_SPELLINGS = [
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/",
    "https://017700000001/", "https://0177.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[0:0:0:0:0:0:0:1]/", "https://localhost/", "https://LOCALHOST./", "https://127.0.0.1:8443/",
    "https://0/", "https://①②⑦.0.0.1/", "https://127。0。0。1/", "https://[::127.0.0.1]/", "https://0.0.0.0/",
]  # fmt: skip


@pytest.mark.parametrize("url", LOOPBACK_SPELLINGS)
def test_no_spelling_of_loopback_gets_through_the_real_resolver(url: str):
    with pytest.raises(Invalid):
        OutgoingClient(connect=refuse_to_connect).request("GET", url, timeout=5)


LOOPBACK = frozenset({"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"})


@pytest.mark.parametrize("url", ["http://127.0.0.1:5005/hook", "http://localhost:5005/", "https://[::1]:8443/"])
def test_a_sandbox_may_call_its_own_machine(url: str):
    assert all(ip.is_loopback for ip in OutgoingClient(loopback=True).vet(url).addresses)


@pytest.mark.parametrize("address", sorted({*FORBIDDEN_ADDRESSES} - LOOPBACK))
def test_and_nothing_else_on_its_network(address: str):
    client = OutgoingClient(loopback=True, resolve=lambda *_: [address], connect=refuse_to_connect)
    with pytest.raises(Invalid):
        client.request("GET", "https://hook.example/")


BAD_URLS = [
    "", "hook.example", "//hook.example/", "ftp://hook.example/", "file:///etc/passwd", "data:,x", "gopher://h/",
    "https://", "https:///path", "https://user@hook.example/", "https://user:pw@hook.example/", "https://@hook.example/",
    "https://hook.example:99999/", "https://hook.example:0/", "https://hook.example:x/", "https://hook.example:22/",
    "https://hook.example:8080/", "http://hook.example/", "http://hook.example:443/", "https://hook.example/a b",
    "https://hook.example/\r\nX: y", "https://hook.example\\@127.0.0.1/", "https://hook\t.example/",
    "https://hook%2eexample/", "https://[::1", "https://[fe80::1%25eth0]/", "https://hook.example/ä", "\0",
    "https://" + "a" * 64 + ".example/", "https://hook.example/" + "a" * 2_048, "https://hook.example/\x7f",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_names_https_a_host_and_a_path_and_nothing_else(url: str):
    with pytest.raises(Invalid):
        guarded(PUBLIC).request("GET", url)


def test_a_name_that_is_rebound_after_the_check_is_not_asked_again():
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    connected: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    client = OutgoingClient(resolve=lambda *_: next(answers), connect=connect)
    with pytest.raises(Unavailable):
        client.request("GET", "https://rebound.example/")
    assert connected == [(PUBLIC, 443)]
    with pytest.raises(Invalid):
        client.request("GET", "https://rebound.example/")
    assert connected == [(PUBLIC, 443)]


def test_the_operator_may_allow_a_network_or_a_host():
    by_network = OutgoingClient(AllowList.of(["10.1.0.0/16"]), resolve=lambda *_: ["10.1.2.3"])
    assert by_network.vet("https://ami.local:9443/").port == 9443
    by_host = OutgoingClient(AllowList.of(["AMI.local."]), resolve=lambda *_: ["10.9.9.9"])
    assert by_host.vet("https://ami.local:9443/").port == 9443
    for url in ("https://other.local/", "http://ami.local/"):
        with pytest.raises(Invalid):
            by_host.vet(url)


def test_no_allow_list_opens_the_metadata_service():
    client = OutgoingClient(AllowList.of(["0.0.0.0/0", "meta.local"]), resolve=lambda *_: ["169.254.169.254"])
    with pytest.raises(Invalid):
        client.vet("https://meta.local/")


def test_plain_http_reaches_only_what_the_operator_named():
    client = OutgoingClient(AllowList.of(["127.0.0.1"]), allow_http=True, resolve=lambda *_: [PUBLIC])
    with pytest.raises(Invalid):
        client.vet("http://hook.example/")


def test_an_answer_has_status_headers_and_body():
    with serving(b"HTTP/1.1 201 Created\r\nX-Kind: a\r\nContent-Length: 5\r\n\r\nhellothis is not read") as server:
        answer = lan().request(
            "POST", f"http://127.0.0.1:{server.port}/hook?a=b", {"Content-Type": "text/plain"}, b"payload"
        )
    assert answer == Answer(201, {"x-kind": "a", "content-length": "5"}, b"hello")
    asked = server.asked[0].decode()
    assert asked.startswith("POST /hook?a=b HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}\r\n" in asked
    assert asked.endswith("\r\n\r\npayload")


def test_each_header_is_sent_once_in_whichever_case_it_was_given():
    sent = {"USER-Agent": "Notices/1", "Accept-encoding": "gzip", "X-Id": "7"}
    with serving(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        lan().request("GET", f"http://127.0.0.1:{server.port}/", sent)
        lan().request("GET", f"http://127.0.0.1:{server.port}/", {})
    mine, usual = (sorted(asked.decode().lower().split("\r\n")[2:-2]) for asked in server.asked)
    assert mine == ["accept-encoding: identity", "connection: close", "user-agent: notices/1", "x-id: 7"]
    assert usual == ["accept-encoding: identity", "connection: close", "user-agent: energygrid"]


def test_a_redirect_is_an_answer_and_is_not_followed():
    with serving(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n") as server:
        answer = lan().request("GET", f"http://127.0.0.1:{server.port}/")
    assert (answer.status, len(server.asked)) == (302, 1)


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        assert lan().request("GET", f"http://127.0.0.1:{server.port}/").status == 204


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n" + b"0\r\n\r\n",
    ],
)
def test_nothing_is_read_past_the_limit(answer: bytes):
    with serving(answer) as server:
        url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(Unavailable, match="over 1000 bytes"):
            lan().request("GET", url, max_bytes=1_000)
        assert lan().request("GET", url, max_bytes=1_000, cut=True).body == b"x" * 1_000


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500, b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 500])
def test_one_deadline_covers_a_server_that_drips(answer: bytes):
    with serving(answer, pause=0.02) as server:
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            lan().request("GET", f"http://127.0.0.1:{server.port}/", timeout=0.3)
        assert caught.value.code == "UPSTREAM_TIMEOUT"
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 99999 no\r\n\r\n", b"HTTP/1.1 200 OK\r\nbroken"]
)
def test_an_answer_that_is_not_http_is_an_unreachable_host(answer: bytes):
    with serving(answer) as server, suppress(Unavailable):
        lan().request("GET", f"http://127.0.0.1:{server.port}/")


def test_nobody_listening_is_an_unreachable_host():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable):
        lan().request("GET", f"http://127.0.0.1:{port}/")


def test_an_unknown_host_is_unreachable():
    def unknown(host: str, port: int, timeout: float) -> list[str]:
        raise socket.gaierror("no such host")

    with pytest.raises(Unavailable):
        OutgoingClient(resolve=unknown).vet("https://nowhere.example/")


def pinned(port: int) -> Callable[[tuple[str, int], float], socket.socket]:
    """Stands for the internet: the public address is served by this machine's `port`."""

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        assert address == (PUBLIC, 443)
        return socket.create_connection(("127.0.0.1", port), timeout)

    return connect


def test_the_certificate_is_that_of_the_name_although_the_address_is_pinned(authority: tuple[Path, str]):
    path, pem = authority
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(path)
    named: list[str | None] = []
    serves.sni_callback = lambda _sock, name, _context: named.append(name)
    with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", context=serves) as server:

        def client(trust: Callable[[], ssl.SSLContext]) -> OutgoingClient:
            return OutgoingClient(resolve=lambda *_: [PUBLIC], connect=pinned(server.port), context=trust)

        def trusting() -> ssl.SSLContext:
            return ssl.create_default_context(cadata=pem)

        assert client(trusting).request("GET", "https://idp.example/keys").body == b"ok"
        assert named == ["idp.example"]
        assert b"Host: idp.example\r\n" in server.asked[0]
        with pytest.raises(Unavailable, match="ertificate"):
            client(trusting).request("GET", "https://other.example/keys")
        with pytest.raises(Unavailable, match="ertificate"):
            client(ssl.create_default_context).request("GET", "https://idp.example/keys")


def test_the_resolver_gives_up_in_time(monkeypatch: pytest.MonkeyPatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(5) and [])
    with pytest.raises(TimeoutError):
        resolve_host("slow.example", 443, 0.05)
    released.set()
