"""The whole dance as others' code does it: a standard client library, and the requests of the client EDDIE.

Over a real socket, since libraries bring their own transport. Source: contracts/greenbutton.md section 6.
"""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
import uvicorn
from authlib.integrations.requests_client import OAuth2Session
from fastapi.testclient import TestClient

from energygrid.access.caller import Tenant
from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import Vault
from energygrid.app import create_app_for
from energygrid.database.engine import Database
from energygrid.services import Services
from energygrid.settings import Settings

from .dance import CALLBACK, SCOPE, VERIFIER, Dance, register


@pytest.fixture
def live(database: Database, committed_tenant: Tenant, settings: Settings, vault: Vault) -> Iterator[Dance]:
    """The product on a port of this machine; `at` is its whole address up to /oauth below the utility."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        here = settings.model_copy(update={"public_url": url})
        services = Services(database, here, vault, TokenChecker(database, here, vault))
        app = create_app_for(services)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        with TestClient(app) as http:
            made = register(services, committed_tenant)
            yield Dance(http, services, committed_tenant, made, at=f"{url}/DataCustodian/testville/oauth")
        server.should_exit = True
        thread.join()


def consent(live: Dance, url: str) -> str:
    """What the customer's browser does: to the authorisation endpoint, a yes on the page, back to the third party."""
    page = httpx2.get(url, follow_redirects=False)
    assert page.status_code == 303, page.text
    assert page.headers["location"].startswith(f"{live.services.settings.portal_base}/consent/")
    redirect = live.approve(page.headers["location"].rpartition("/")[2]).redirect
    assert redirect is not None
    return redirect


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")


def test_a_standard_library_finds_the_endpoints_and_does_the_whole_dance(live: Dance):
    told = httpx2.get(f"{live.services.settings.public_url}/.well-known/oauth-authorization-server").json()
    session = OAuth2Session(
        live.client_id,
        live.secret,
        scope=SCOPE,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint=told["token_endpoint"],
        revocation_endpoint_auth_method="client_secret_basic",
    )
    url, state = session.create_authorization_url(told["authorization_endpoint"], code_verifier=VERIFIER)
    back = consent(live, url)
    assert parse_qs(urlsplit(back).query)["iss"] == [told["issuer"]]
    token = session.fetch_token(authorization_response=back, state=state, code_verifier=VERIFIER)
    assert token["scope"] == SCOPE
    data = session.get(token["resourceURI"])
    assert data.status_code == 200
    assert b"<feed" in data.content

    newer = session.refresh_token(told["token_endpoint"], refresh_token=token["refresh_token"])
    assert newer["access_token"] != token["access_token"]
    assert session.get(newer["customerResourceURI"]).status_code == 200
    shown = session.introspect_token(told["introspection_endpoint"], token=newer["access_token"]).json()
    assert shown["active"]
    gone = session.revoke_token(told["revocation_endpoint"], token=newer["refresh_token"])
    assert gone.status_code == 200
    session.token = None
    after = httpx2.get(token["resourceURI"], headers={"Authorization": f"Bearer {newer['access_token']}"})
    assert after.status_code == 401


def test_a_standard_library_notices_a_forged_state(live: Dance):
    session = OAuth2Session(live.client_id, live.secret, scope=SCOPE, redirect_uri=CALLBACK)
    url, _ = session.create_authorization_url(f"{live.at}/authorize")
    back = consent(live, url)
    with pytest.raises(Exception, match=r"[Ss]tate"):
        session.fetch_token(f"{live.at}/token", authorization_response=back, state="another")


EDDIE = "FB=4;IntervalDuration=900;AdditionalScope=historical-2024-05-09_ongoing-2024-05-23_sou-default_noedit"


def test_eddie_gets_what_it_compares_and_cuts_out(live: Dance):
    """Multipart form, Basic, a scope compared with equals(), an id taken from the end of authorizationURI."""
    asked = {
        "response_type": "code",
        "client_id": live.client_id,
        "state": "8d4e",
        "redirect_uri": CALLBACK,
        "scope": EDDIE,
    }
    back = parse_qs(urlsplit(consent(live, f"{live.at}/authorize?{urlencode(asked)}")).query)
    assert ("code" in back) != ("error" in back)
    assert back["state"] == ["8d4e"]

    def token(**fields: str) -> httpx2.Response:
        parts = {name: (None, value.encode(), "text/plain;charset=UTF-8") for name, value in fields.items()}
        return httpx2.post(f"{live.at}/token", files=parts, auth=live.auth)

    answer = token(grant_type="authorization_code", code=back["code"][0], redirect_uri=CALLBACK)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["scope"] == EDDIE
    assert type(body["expires_in"]) is int
    authorization = body["authorizationURI"].rpartition("/")[2]
    assert body["resourceURI"].endswith(f"/Batch/Subscription/{authorization}")
    again = token(grant_type="refresh_token", refresh_token=body["refresh_token"])
    assert again.status_code == 200
    assert again.json()["scope"] == EDDIE


@pytest.mark.parametrize(
    "files",
    [
        {"grant_type": ("form.txt", b"authorization_code", "text/plain")},
        {"grant_type": (None, b"x" * 40_000)},
        {f"p{n}": (None, b"1") for n in range(60)},
        {"grant_type": (None, b"\xff\xfe")},
    ],
)
def test_a_multipart_body_is_bounded_and_holds_no_files(live: Dance, files: dict):
    answer = httpx2.post(f"{live.at}/token", files=files, auth=live.auth)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_of_two_redemptions_at_once_one_wins(live: Dance):
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK}
    for _ in range(5):
        code = live.code()
        start = threading.Barrier(4)

        def redeem(_: int, code: str = code, start: threading.Barrier = start) -> httpx2.Response:
            start.wait()
            return httpx2.post(f"{live.at}/token", data={**form, "code": code}, auth=live.auth)

        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(redeem, range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]


def test_a_refresh_token_shown_many_times_at_once_keeps_one_line_alive(live: Dance):
    """A client that retries in parallel is a client whose answers got lost: none of them ends the family."""
    token = live.tokens()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: httpx2.post(f"{live.at}/token", data=form, auth=live.auth), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    newest = [answer.json()["refresh_token"] for answer in answers]
    with ThreadPoolExecutor(6) as threads:
        used = list(
            threads.map(
                lambda each: httpx2.post(
                    f"{live.at}/token", data={"grant_type": "refresh_token", "refresh_token": each}, auth=live.auth
                ),
                newest,
            )
        )
    assert [answer.status_code for answer in used].count(200) == 1


def test_the_metadata_name_addresses_that_answer(live: Dance):
    told = httpx2.get(f"{live.services.settings.public_url}/.well-known/oauth-authorization-server").json()
    assert told["issuer"] == live.services.settings.public_url
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["espi_scopes_supported"][0].startswith("FB=1_2_3_4_")
    for name in ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"):
        assert told[name].startswith(told["issuer"])
        assert httpx2.request("OPTIONS", told[name]).status_code == 405
    assert httpx2.get(told["jwks_uri"]).json()["keys"]


def test_a_code_sent_to_the_other_address_of_the_same_server_is_the_same_code(live: Dance):
    root = replace(live, at=f"{live.services.settings.public_url}/oauth")
    answer = httpx2.post(
        f"{root.at}/token",
        data={"grant_type": "authorization_code", "code": live.code(), "redirect_uri": CALLBACK},
        auth=live.auth,
    )
    assert answer.status_code == 200
