"""The root application: mounts, health, figures, documents, request log."""

import io
import json
import re
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from energygrid import logs
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.app import create_app_for
from energygrid.database.engine import Database
from energygrid.services import Services
from energygrid.settings import Settings


@pytest.fixture
def open_root(database: Database, settings: Settings, vault: Vault) -> Iterator[Callable[..., TestClient]]:
    """Make the root application with some settings changed, seen from an address."""
    opened: list[TestClient] = []

    def make(address: str = "127.0.0.1", **changes: object) -> TestClient:
        changed = settings.model_copy(update=changes)
        services = Services(database, changed, vault, TokenChecker(database, changed, vault))
        client = TestClient(create_app_for(services), raise_server_exceptions=False, client=(address, 5000))
        client.__enter__()
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def root(open_root: Callable[..., TestClient]) -> TestClient:
    return open_root()


def test_the_process_is_live_and_with_a_migrated_database_ready(root: TestClient) -> None:
    assert root.get("/livez").text == "ok\n"
    assert root.get("/readyz").json() == {"status": "ok"}


def test_a_database_that_lacks_migrations_is_not_ready(root: TestClient, database: Database) -> None:
    database.write(lambda db: db.execute(text("UPDATE alembic_version SET version_num = '0003'")))
    answer = root.get("/readyz")
    assert answer.status_code == 503
    assert "0004" in answer.json()["reason"]


def test_the_landing_page_links_every_document_and_all_its_links_work(root: TestClient) -> None:
    page = root.get("/")
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert {"/docs/powerbox", "/v1/openapi.json", "/docs/identity", "/oauth/openapi.json", "/portal/"} <= set(links)
    for link in links:
        assert root.get(link).status_code == 200, link


@pytest.mark.parametrize("surface", ["powerbox", "identity", "sandbox"])
def test_the_documents_need_nothing_from_outside(root: TestClient, surface: str) -> None:
    page = root.get(f"/docs/{surface}")
    assert "http" not in page.text.replace("http-equiv", "")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    for link in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        assert root.get(link).status_code == 200, link
    openapi = re.search(r'data-openapi="([^"]+)"', page.text)
    assert openapi is not None
    assert root.get(openapi[1]).json()["openapi"].startswith("3.")


@pytest.mark.parametrize("path", ["/nothing", "/docs/nothing", "/assets/nothing", "/assets/..%2Fpages.py", "/v10"])
def test_what_is_not_there_is_404(root: TestClient, path: str) -> None:
    assert root.get(path).status_code == 404


def test_each_surface_answers_404_and_405_in_its_own_format(root: TestClient) -> None:
    powerbox, identity = root.get("/v1/nothing"), root.get("/oauth/nothing")
    assert powerbox.headers["PowerBox-Error-Code"] == "UNKNOWN_PATH"
    assert "PowerBox-Error-Code" not in identity.headers
    assert (powerbox.status_code, identity.status_code) == (404, 404)
    for path in ("/v1/powerbox/healthz", "/oauth/jwks.json"):
        answer = root.request("PATCH", path)
        assert (answer.status_code, "GET" in answer.headers["allow"]) == (405, True)


def test_figures_are_for_this_machine_and_the_networks_that_were_named(open_root: Callable[..., TestClient]) -> None:
    assert "energygrid_requests_total" in open_root().get("/metrics").text
    assert open_root("192.0.2.7").get("/metrics").status_code == 404
    assert open_root("192.0.2.7", admin_networks=["192.0.2.0/24"]).get("/metrics").status_code == 200


def test_a_surface_moves_to_a_host_name_of_its_own(open_root: Callable[..., TestClient]) -> None:
    root = open_root(powerbox_host="api.utility.example")
    there = {"Host": "api.utility.example"}
    assert root.get("/v1/powerbox/healthz", headers=there).status_code == 401
    assert root.get("/v1/powerbox/healthz").status_code == 404
    assert root.get("/oauth/jwks.json").status_code == 200


def test_an_answer_carries_the_request_id_of_the_log(root: TestClient) -> None:
    assert root.get("/livez", headers={"X-Request-Id": "given-1"}).headers["x-request-id"] == "given-1"
    made = root.get("/livez", headers={"X-Request-Id": "not an id\u00e9".encode("latin-1")}).headers["x-request-id"]
    assert re.fullmatch(r"req_[\w-]{16}", made)
    powerbox = root.get("/v1/powerbox/healthz", headers={"X-Request-Id": "given-2"})
    assert powerbox.headers["PowerBox-Request-Id"] == "given-2"


def test_the_sandbox_controls_exist_in_a_sandbox_alone(open_root: Callable[..., TestClient]) -> None:
    assert open_root().get("/sandbox/clock").status_code == 401
    assert open_root(environment="production").get("/sandbox/clock").status_code == 404


def test_log_lines_are_json_without_secrets(settings: Settings) -> None:
    out = io.StringIO()
    logs.configure(settings.model_copy(update={"log_format": "json", "log_level": "info"}), out)
    try:
        import logging  # noqa: PLC0415

        import structlog  # noqa: PLC0415

        structlog.get_logger("test").info(
            "sent Bearer abcdefghijklmnop",
            installCode="83FED3407A93",
            client_secret="s3cr3t",
            header="eyJhbGciOiJF.eyJzdWIi.c2ln",
            meter="m1",
        )
        logging.getLogger("some.library").warning("token eyJhbGciOiJF.eyJzdWIi.c2ln refused")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers = []
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["installCode"], first["client_secret"], first["header"]) == ("[redacted]",) * 3
    assert first["event"] == "sent [redacted]"
    assert first["meter"] == "m1"
    assert second["event"] == "token [redacted] refused"
