"""Third parties register themselves and keep their registration (RFC 7591, RFC 7592)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from energygrid.access.audit import SYSTEM
from energygrid.access.consents import consents
from energygrid.access.tenants import create_tenant, set_section
from energygrid.access.third_parties import changing, invitations, third_parties
from energygrid.access.third_parties.facts import Status

from .conftest import Identity
from .dance import CALLBACK, SCOPE, Dance

METADATA: dict[str, Any] = {
    "client_name": "Energy App",
    "redirect_uris": [CALLBACK],
    "scope": f"{SCOPE} FB=4",
    "contacts": ["help@app.example"],
    "software_id": "energy-app",
    "software_version": "1.2",
    "logo_uri": "https://app.example/logo.png",
    "thirdPartyApplicationDescription": "shows what runs at night",
    "thirdPartyApplicationUse": 1,
    "unknown_member": {"is": "ignored"},
}


def rule(identity: Identity, **values: object) -> None:
    now = datetime.now(UTC)
    identity.database.write(set_section, identity.tenant, "sharing", values, who=SYSTEM, now=now)


def post(identity: Identity, token: str | None = None, **changed: object) -> Any:
    body = {name: value for name, value in (METADATA | changed).items() if value is not None}
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return identity.http.post("/oauth/register", json=body, headers=headers)


@pytest.fixture
def made(identity: Identity) -> dict[str, Any]:
    answer = post(identity)
    assert answer.status_code == 201, answer.text
    return answer.json()


def at(identity: Identity, made: dict[str, Any], method: str, token: str | None = None, **more: Any) -> Any:
    path = made["registration_client_uri"].removeprefix(identity.services.settings.public_url)
    bearer = made["registration_access_token"] if token is None else token
    return identity.http.request(method, path, headers={"Authorization": f"Bearer {bearer}"}, **more)


def test_a_registration_answers_its_keys_once_and_starts_under_review(identity: Identity, made: dict[str, Any]):
    assert made["client_secret_expires_at"] == 0
    assert len(made["client_secret"]) >= 43
    assert made["registration_access_token"].startswith("egr_")
    assert made["dataCustodianApplicationStatus"] == 1
    assert made["grant_types"] == ["authorization_code", "refresh_token", "client_credentials"]
    assert made["token_endpoint_auth_method"] == "client_secret_basic"
    kept = {name: value for name, value in METADATA.items() if name != "unknown_member"}
    assert {name: made[name] for name in kept} == kept
    answer = identity.http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=(made["client_id"], made["client_secret"])
    )
    assert answer.json()["resourceURI"].endswith(f"/Batch/Bulk/{made['application_id']}")
    read = at(identity, made, "GET").json()
    assert "client_secret" not in read
    assert made.items() >= read.items()


def test_neither_key_is_stored(identity: Identity, made: dict[str, Any]):
    stored = ""
    for table in ("client", "client_secret", "third_party", "audit_log"):
        rows = identity.database.read(lambda db, t=table: db.execute(text(f"SELECT {t}::text FROM {t}")).all())
        stored += str(rows)
    assert made["client_id"] in stored
    assert made["client_secret"] not in stored
    assert made["registration_access_token"] not in stored


def test_an_app_without_a_secret_gets_none_and_no_client_credentials(identity: Identity):
    made = post(identity, token_endpoint_auth_method="none", redirect_uris=["com.example.app:/callback"]).json()
    assert "client_secret" not in made
    assert made["grant_types"] == ["authorization_code", "refresh_token"]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uris": ["http://app.example/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example/callback#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://user:pw@app.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https:///callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["com.example.app:/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://app.example/ x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["myapp:/x"], "token_endpoint_auth_method": "none"}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://app.example/"}, "invalid_client_metadata"),
        ({"client_name": None}, "invalid_client_metadata"),
        ({"client_name": "a\nb"}, "invalid_client_metadata"),
        ({"scope": "FB=999"}, "invalid_client_metadata"),
        ({"scope": "openid"}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"logo_uri": "http://app.example/logo.png"}, "invalid_client_metadata"),
        ({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
        ({"thirdPartyNotifyUri": "https://127.0.0.1/notify"}, "invalid_client_metadata"),
        ({"thirdPartyNotifyUri": "https://169.254.169.254/latest"}, "invalid_client_metadata"),
        ({"thirdPartyNotifyUri": "http://app.example/notify"}, "invalid_client_metadata"),
        ({"thirdPartyApplicationUse": 9}, "invalid_client_metadata"),
        ({"utility": "nowhere"}, "invalid_client_metadata"),
    ],
)
def test_what_is_wrong_with_a_registration_has_the_error_of_rfc_7591(identity: Identity, changed: dict, error: str):
    answer = post(identity, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8080/cb", "http://localhost/cb", "http://[::1]:5000/cb"])
def test_plain_http_may_lead_back_to_the_customers_own_machine(identity: Identity, uri: str):
    assert post(identity, redirect_uris=[uri]).status_code == 201


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"x"', b"\xff", b"[" * 20_000, b'{"client_name":"' + b"x" * 40_000]
)
def test_a_body_that_is_no_metadata_is_refused(identity: Identity, body: bytes):
    answer = identity.http.post("/oauth/register", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert identity.http.post("/oauth/register", data={"client_name": "x"}).status_code == 400


def test_an_address_may_register_ten_times_an_hour(identity: Identity):
    assert [post(identity).status_code for _ in range(12)] == [201] * 10 + [429] * 2
    assert int(post(identity).headers["retry-after"]) > 0


def test_a_utility_may_ask_for_an_invitation_or_close_registration(identity: Identity):
    vault, now = identity.services.vault, datetime.now(UTC)
    rule(identity, registration="token")
    assert post(identity).status_code == 403
    good = invitations.invite(vault, identity.tenant.id, timedelta(days=1), now).get_secret_value()
    assert post(identity, good).status_code == 201
    old = invitations.invite(vault, identity.tenant.id, timedelta(days=1), now - timedelta(days=2)).get_secret_value()
    other = identity.database.write(create_tenant, "otherton", environment="sandbox", now=now)
    foreign = invitations.invite(vault, other.id, timedelta(days=1), now).get_secret_value()
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")
    longer = good.replace(good.split(".")[1], "9" * 12)
    for token in (old, forged, longer, "x"):
        answer = post(identity, token, utility="testville")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert post(identity, foreign, utility="testville").status_code == 401
    rule(identity, registration="closed")
    assert post(identity, good).status_code == 403


def test_where_there_are_several_utilities_one_must_be_named(identity: Identity):
    identity.database.write(create_tenant, "otherton", environment="sandbox", now=datetime.now(UTC))
    assert post(identity).json()["error"] == "invalid_client_metadata"
    made = post(identity, utility="OtherTon").json()
    party = identity.database.read(third_parties.find, made["client_id"])
    assert party.tenant.key == "otherton"


def test_the_registration_token_of_another_opens_nothing(identity: Identity, made: dict[str, Any]):
    other = post(identity).json()
    for token in (other["registration_access_token"], "egr_" + "x" * 43, "", made["client_secret"]):
        for method in ("GET", "PUT", "DELETE"):
            answer = at(identity, made, method, token or "-", **({"json": made} if method == "PUT" else {}))
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_a_registration_can_be_replaced(identity: Identity, made: dict[str, Any]):
    changed = made | {"client_name": "New Name", "redirect_uris": ["https://app.example/new"], "logo_uri": None}
    answer = at(identity, made, "PUT", json=changed)
    assert answer.status_code == 200, answer.text
    read = at(identity, made, "GET").json()
    assert read == answer.json()
    assert (read["client_name"], read["redirect_uris"]) == ("New Name", ["https://app.example/new"])
    assert "logo_uri" not in read


@pytest.mark.parametrize(
    "changed",
    [{"client_id": "other"}, {"client_id": None}, {"client_secret": "x" * 43}, {"token_endpoint_auth_method": "none"}],
)
def test_keys_and_the_way_of_authentication_are_not_the_clients_to_change(
    identity: Identity, made: dict[str, Any], changed: dict
):
    answer = at(identity, made, "PUT", json=made | changed)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


def test_who_asks_for_more_kinds_of_data_is_reviewed_again(identity: Identity, made: dict[str, Any]):
    now = datetime.now(UTC)
    identity.database.write(changing.set_status, made["client_id"], Status.LIVE, who=SYSTEM, now=now)
    less = at(identity, made, "PUT", json=made | {"scope": "FB=4_16"}).json()
    assert less["dataCustodianApplicationStatus"] == 2
    more = at(identity, made, "PUT", json=made | {"scope": "FB=4_16_17"}).json()
    assert more["dataCustodianApplicationStatus"] == 1


def test_leaving_ends_the_tokens_and_the_consents_for_ever(dance: Dance, identity: Identity):
    party = dance.made.third_party
    body = dance.tokens()
    made = {
        "registration_client_uri": f"{identity.services.settings.public_url}/oauth/register/{party.client_id}",
        "registration_access_token": dance.made.registration_token.get_secret_value(),
    }
    assert at(identity, made, "DELETE").status_code == 204
    assert at(identity, made, "GET").status_code == 401
    assert dance.refresh(body["refresh_token"]).status_code == 401
    assert dance.authorize().status_code == 302
    standing = identity.database.read(consents.of_client, dance.tenant.id, party.client_id)
    assert [each.revoked_by for each in standing] == [party.client_id]
    assert identity.database.read(third_parties.find, party.client_id).status == Status.REVOKED
