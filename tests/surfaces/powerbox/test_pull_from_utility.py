"""The client role (C1, P-2): pulling from a utility that hosts its own PowerBox, here a second running EnergyGrid."""

import base64
import datetime as dt
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.customers.payloads import customer, meter, site
from tests.surfaces.powerbox.conftest import PowerBox

from energygrid.access import clients, tenants
from energygrid.access.addresses import AllowList
from energygrid.access.audit import SYSTEM
from energygrid.access.outgoing import OutgoingClient
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.app import create_app_for
from energygrid.customers.connector import CisConnector, configure_cis
from energygrid.customers.payload import check_payload
from energygrid.customers.sandbox import load_fixtures
from energygrid.customers.settings import CustomerSettings
from energygrid.customers.sync import push_customer
from energygrid.database.engine import Database
from energygrid.errors import Unavailable
from energygrid.services import Services
from energygrid.settings import Settings

SECRET = "a-secret-of-the-utility_0123456789-abcdef"


@contextmanager
def running(app: Any, listener: socket.socket, **options: Any) -> Iterator[None]:
    """A real server on a socket that listens already."""
    config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@dataclass(frozen=True)
class Utility:
    """A utility that runs PowerBox itself."""

    address: str
    services: Services
    tenant: Any

    def push(self, payload: dict[str, Any]) -> None:
        checked = check_payload(payload, CustomerSettings())
        now = dt.datetime.now(dt.UTC)
        self.services.database.write(
            push_customer, self.tenant, checked, vault=self.services.vault, who=SYSTEM, now=now
        )


@pytest.fixture
def utility(new_database: Callable[[], Database], listener: socket.socket, tmp_path: Path) -> Iterator[Utility]:
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(data_dir=tmp_path, environment="sandbox", public_url=address)
    database, vault, now = new_database(), Vault(bytes(32)), dt.datetime.now(dt.UTC)
    services = Services(database, settings, vault, TokenChecker(database, settings, vault))
    tenant = database.write(tenants.create_tenant, "self-hosted", environment="sandbox", now=now)
    database.write(load_fixtures, tenant, vault, now)
    database.write(
        clients.create_client,
        vault,
        tenant,
        name="EnergyGrid",
        scopes=["customer.sync"],
        client_id="energygrid",
        secret=SecretStr(SECRET),
        who=SYSTEM,
        now=now,
    )
    with running(create_app_for(services), listener):
        yield Utility(address, services, tenant)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, environment="sandbox", outgoing_allow=["127.0.0.1/32"], outgoing_http=True)


@pytest.fixture
def puller(new_caller: Callable[..., PowerBox]) -> Callable[..., PowerBox]:
    """A production tenant whose truth is the utility's own PowerBox."""

    def make(address: str, secret: str = SECRET, **settings: Any) -> PowerBox:
        caller = new_caller("pulling", "production")
        tenant = caller.database.write(
            configure_cis,
            caller.tenant,
            caller.services.vault,
            {
                "mode": "powerbox_pull",
                "base_url": f"{address}/v1",
                "token_url": f"{address}/oauth/token",
                "client_id": "energygrid",
                "timeout_s": 5,
                "retry_after_s": 17,
            }
            | settings,
            client_secret=secret,
            who=SYSTEM,
            now=dt.datetime.now(dt.UTC),
        )
        return replace(caller, tenant=tenant)

    return make


def test_c01_a_pull_asks_the_utilitys_own_powerbox(utility: Utility, puller: Callable[..., PowerBox]) -> None:
    powerbox = puller(utility.address)
    first, again = powerbox.pull("?clientId=123456789"), powerbox.pull("?clientId=123456789")
    assert [answer.headers["PowerBox-Sync-Result"] for answer in (first, again)] == ["created", "unchanged"]
    assert first.json()["customerSites"][0]["meters"][0]["rateCode"] == "RES1"
    changed = first.json()
    changed["customerSites"][0]["meters"][0]["rateCode"] = "TOU"
    utility.push(changed)
    assert powerbox.pull("?clientId=123456789").headers["PowerBox-Sync-Result"] == "updated"
    assert powerbox.call("GET", "/powerbox/customer/123456789").json() == changed, "the mirror has what was pulled"


@pytest.mark.parametrize(
    ("client", "status", "code"),
    [("200000001", 403, "ACCOUNT_CLOSED"), ("200000002", 403, "ACCOUNT_LOCKED"), ("nobody", 404, "UNKNOWN_CLIENT")],
)
def test_the_utilitys_refusal_is_ours(
    utility: Utility, puller: Callable[..., PowerBox], client: str, status: int, code: str
) -> None:
    answer = puller(utility.address).pull(f"?clientId={client}")
    assert (answer.status_code, answer.content, answer.headers["PowerBox-Error-Code"]) == (status, b"", code)


def test_p2_a_cis_that_does_not_answer_is_503_unless_stale_is_ok(
    listener: socket.socket, puller: Callable[..., PowerBox]
) -> None:
    port = listener.getsockname()[1]
    listener.close()
    powerbox = puller(f"http://127.0.0.1:{port}")
    checked = check_payload(customer("c1", site("p1", meter("m1"))), CustomerSettings())
    an_hour_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    vault = powerbox.services.vault
    powerbox.database.write(push_customer, powerbox.tenant, checked, vault=vault, who=SYSTEM, now=an_hour_ago)
    down = powerbox.pull("?clientId=c1")
    assert (down.status_code, down.content, down.headers["Retry-After"]) == (503, b"", "17")
    assert down.headers["PowerBox-Error-Code"] == "UPSTREAM_UNAVAILABLE"
    stale = powerbox.pull("?clientId=c1", headers={"Prefer": "respond-async, stale-ok"})
    assert (stale.status_code, stale.json()["clientId"]) == (200, "c1")
    assert 3600 <= int(stale.headers["Age"]) < 3700
    assert powerbox.pull("?clientId=c2", headers={"Prefer": "stale-ok"}).status_code == 404


def test_a_wrong_secret_is_the_utility_not_answering(utility: Utility, puller: Callable[..., PowerBox]) -> None:
    answer = puller(utility.address, "another-secret-of-the-utility_0123456789").pull("?clientId=123456789")
    assert (answer.status_code, answer.content) == (503, b"")


def test_a_withdrawn_token_is_fetched_anew(utility: Utility, puller: Callable[..., PowerBox]) -> None:
    powerbox = puller(utility.address)
    assert powerbox.pull("?clientId=123456789").status_code == 200
    kept = powerbox.http.app.state.cis._tokens
    for name in kept:
        kept[name] = replace(kept[name], value="withdrawn")
    assert powerbox.pull("?clientId=123456789").status_code == 200
    assert "withdrawn" not in repr(kept)


def test_secrets_rest_sealed(puller: Callable[..., PowerBox]) -> None:
    assert SECRET not in json.dumps(dict(puller("http://127.0.0.1:9").tenant.settings))


def test_login_asks_the_utility(utility: Utility, puller: Callable[..., PowerBox]) -> None:
    """The token is our consumer's; the utility, a stranger to its issuer, answers with the guide's number."""
    powerbox = puller(utility.address)
    answer = powerbox.call("POST", "/powerbox/login")
    assert (answer.status_code, answer.json()) == (401, {"errorCode": 1})


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"clientId":"c1"}', json.dumps(customer("c2", site("p1"))).encode(), b"x" * (2 << 20)],
    ids=["nothing", "half", "array", "incomplete", "another client", "endless"],
)
def test_an_answer_that_is_no_customer_changes_nothing(
    listener: socket.socket, puller: Callable[..., PowerBox], body: bytes
) -> None:
    async def token(_: Request) -> Response:
        return Response(b'{"access_token":"t","expires_in":3600}')

    async def broken(_: Request) -> Response:
        return Response(body)

    routes = [Route("/oauth/token", token, methods=["POST"]), Route("/v1/powerbox/customer", broken, methods=["POST"])]
    with running(Starlette(routes=routes), listener):
        powerbox = puller(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert powerbox.pull("?clientId=c1").status_code == 503
        assert powerbox.call("GET", "/powerbox/customer/c1").status_code == 404


class Authority:
    """A private certificate authority."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        builder = self._builder(self._name, self._key.public_key())
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._certificate = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name: str) -> tuple[str, str]:
        """Certificate and private key in PEM, for 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = self._builder(subject, key.public_key()).add_extension(names, critical=False)
        certificate = builder.add_extension(authority, critical=False).sign(self._key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()

    def _builder(self, subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def test_c13_mutual_tls_with_basic_as_the_guide_asks(
    listener: socket.socket, puller: Callable[..., PowerBox], tmp_path: Path
) -> None:
    authority = Authority()
    certificate, key = authority.issue("utility")
    for name, text in (("ca.pem", authority.pem), ("server.pem", certificate), ("server.key", key)):
        (tmp_path / name).write_text(text)
    expected = "Basic " + base64.b64encode(f"energygrid:{SECRET}".encode()).decode()

    async def answer(request: Request) -> Response:
        granted = request.headers.get("authorization") == expected
        body = json.dumps(customer(request.query_params["clientId"], site("p1"))).encode()
        return Response(body if granted else b"", 200 if granted else 401)

    app = Starlette(routes=[Route("/v1/powerbox/customer", answer, methods=["POST"])])
    tls = {
        "ssl_certfile": tmp_path / "server.pem",
        "ssl_keyfile": tmp_path / "server.key",
        "ssl_ca_certs": str(tmp_path / "ca.pem"),
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }
    shown, shown_key = authority.issue("energygrid")
    with running(app, listener, **tls):
        powerbox = puller(f"https://127.0.0.1:{listener.getsockname()[1]}", auth="mtls_basic", certificate=shown)
        vault = powerbox.services.vault
        outgoing = OutgoingClient(
            AllowList.of(["127.0.0.1/32"]), context=lambda: ssl.create_default_context(cadata=authority.pem)
        )
        settings = dict(powerbox.tenant.settings["cis"])
        without_key = CisConnector(outgoing, vault)
        with pytest.raises(Unavailable):
            without_key.fetch_customer(powerbox.tenant, "c1")
        tenant = powerbox.database.write(
            configure_cis,
            powerbox.tenant,
            vault,
            settings,
            private_key=shown_key,
            who=SYSTEM,
            now=dt.datetime.now(dt.UTC),
        )
        checked = CisConnector(outgoing, vault).fetch_customer(tenant, "c1")
    assert checked.payload.client_id == "c1"
