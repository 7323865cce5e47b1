"""What a third party does to its own registration and permissions, and the files it is led to."""

from typing import Any

import pytest
from lxml import etree
from tests.surfaces.greenbutton.paths import Party
from tests.surfaces.greenbutton.world import GreenButton, hrefs, titles

ESPI = "{http://naesb.org/espi}"
TYPE = {"Content-Type": "application/atom+xml"}


def own_path(here: GreenButton, which: str) -> str:
    if which == "application":
        return f"/ApplicationInformation/{here.party.third_party.application_id}"
    return f"/Authorization/{here.consent.id}"


@pytest.fixture
def application(greenbutton: GreenButton) -> str:
    return own_path(greenbutton, "application")


@pytest.fixture
def authorization(greenbutton: GreenButton) -> str:
    return own_path(greenbutton, "authorization")


def changed(root: etree._Element, **values: str) -> bytes:
    """The entry with other texts in some elements; an element that is not there is put where the schema wants it."""
    for name, value in values.items():
        found = root.find(f".//{ESPI}{name}")
        assert found is not None, name
        found.text = value
    return etree.tostring(root)


def put(here: GreenButton, path: str, token: str, body: bytes, **more: Any) -> Any:
    return here.get(path, token, method="PUT", content=body, headers=TYPE, **more)


def test_a_registration_says_where_everything_is_and_keeps_its_secrets(shared: GreenButton) -> None:
    entry = shared.atom(own_path(shared, "application"), shared.registration_token)
    base, public = shared.services.settings.resource_url, shared.services.settings.public_url.rstrip("/")
    own = {name: entry.findtext(f".//{ESPI}{name}") for name in (
        "dataCustodianResourceEndpoint",
        "dataCustodianBulkRequestURI",
        "authorizationServerTokenEndpoint",
        "registration_client_uri",
        "client_secret",
        "registration_access_token",
    )}  # fmt: skip
    party = shared.party.third_party
    assert own == {
        "dataCustodianResourceEndpoint": base,
        "dataCustodianBulkRequestURI": f"{base}/Batch/Bulk/{party.application_id}",
        "authorizationServerTokenEndpoint": f"{public}/DataCustodian/detroit/oauth/token",
        "registration_client_uri": f"{public}/oauth/register/{party.client_id}",
        "client_secret": "",
        "registration_access_token": "",
    }


def test_a_third_party_changes_what_it_says_of_itself(greenbutton: GreenButton, application: str) -> None:
    token = greenbutton.registration_token
    entry = greenbutton.atom(application, token)
    sent = changed(
        entry, client_name="Insights & Co", redirect_uri="https://tp.example/other", software_id="insights-2"
    )
    answer = put(greenbutton, application, token, sent)
    assert answer.status_code == 200
    now = greenbutton.atom(application, token)
    assert [now.findtext(f".//{ESPI}{name}") for name in ("client_name", "redirect_uri", "software_id")] == [
        "Insights & Co",
        "https://tp.example/other",
        "insights-2",
    ]
    assert now.findtext(f".//{ESPI}dataCustodianApplicationStatus") == "2"


def test_what_is_the_utilitys_to_say_stays_as_it_is(greenbutton: GreenButton, application: str) -> None:
    token = greenbutton.registration_token
    entry = greenbutton.atom(application, token)
    before = etree.tostring(entry)
    sent = changed(entry, dataCustodianApplicationStatus="4", dataCustodianId="toledo", client_id_issued_at="1")
    assert put(greenbutton, application, token, sent).status_code == 200
    assert etree.tostring(greenbutton.atom(application, token)) == before


def test_who_asks_for_more_data_than_it_was_let_is_reviewed_again(greenbutton: GreenButton, application: str) -> None:
    token = greenbutton.registration_token
    sent = changed(greenbutton.atom(application, token), scope="FB=4_5_15_16_17_51_54")
    assert put(greenbutton, application, token, sent).status_code == 200
    status = greenbutton.atom(application, token).findtext(f".//{ESPI}dataCustodianApplicationStatus")
    assert status == "1"


@pytest.mark.parametrize(
    "values",
    [
        {"client_id": "another"},
        {"thirdPartyNotifyUri": "https://127.0.0.1/notices"},
        {"thirdPartyNotifyUri": "http://tp.example/notices"},
        {"redirect_uri": "javascript:alert(1)"},
        {"scope": "FB=nonsense"},
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(shared: GreenButton, values: dict[str, str]) -> None:
    token = shared.registration_token
    entry = shared.atom(own_path(shared, "application"), token)
    before = etree.tostring(entry)
    answer = put(shared, own_path(shared, "application"), token, changed(entry, **values))
    assert answer.status_code == 400, answer.text
    assert etree.tostring(shared.atom(own_path(shared, "application"), token)) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<a/>",
        b'<Authorization xmlns="http://naesb.org/espi"/>',
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        b"<a>" * 5000,
    ],
)
@pytest.mark.parametrize("path", ["application", "authorization"])
def test_what_is_no_such_resource_is_400(shared: GreenButton, path: str, body: bytes) -> None:
    token = shared.registration_token if path == "application" else shared.client_token()
    answer = put(shared, own_path(shared, path), token, body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "root:" not in answer.text


@pytest.mark.parametrize("way", ["DELETE", "PUT"])
def test_a_permission_that_is_given_back_is_over_at_once(
    greenbutton: GreenButton, authorization: str, way: str
) -> None:
    token, access = greenbutton.client_token(), greenbutton.access_token()
    batch = f"/Batch/Subscription/{greenbutton.consent.id}"
    assert greenbutton.get(batch, access).status_code == 200
    for _ in range(2):
        body = changed(greenbutton.atom(authorization, token), status="0") if way == "PUT" else None
        answer = greenbutton.get(authorization, token, method=way, content=body)
        assert answer.status_code == 200
        assert etree.fromstring(answer.content).findtext(f".//{ESPI}status") == "0"
    assert greenbutton.get(batch, access).status_code == 401
    assert greenbutton.atom(authorization, token).findtext(f".//{ESPI}status") == "0"
    assert titles(greenbutton.atom("/Authorization", token)) == ["Authorization"] * 2
    refused = changed(greenbutton.atom(authorization, token), status="1")
    assert put(greenbutton, authorization, token, refused).status_code == 403


@pytest.mark.parametrize("header", [{"Accept": "text/csv"}, {"Authorization": "Bearer x"}])
@pytest.mark.parametrize("which", ["application", "authorization"])
def test_what_cannot_be_answered_is_not_done(shared: GreenButton, which: str, header: dict[str, str]) -> None:
    token = shared.registration_token if which == "application" else shared.client_token()
    path = own_path(shared, which)
    before = shared.get(path, token).content
    answer = shared.get(path, token, method="DELETE", headers=header)
    assert answer.status_code == (406 if "Accept" in header else 401)
    assert shared.get(path, token).content == before


@pytest.mark.parametrize("which", ["application", "authorization"])
def test_a_change_is_made_whatever_the_caller_knows(shared: GreenButton, which: str) -> None:
    token = shared.registration_token if which == "application" else shared.client_token()
    path = own_path(shared, which)
    entry = shared.get(path, token)
    answer = shared.get(
        path, token, method="PUT", content=entry.content, headers=TYPE | {"If-None-Match": entry.headers["etag"]}
    )
    assert (answer.status_code, answer.content) == (200, entry.content)


@pytest.mark.parametrize("values", [{"scope": "FB=4_5_15_16_17_51_54"}, {"status": "2"}])
def test_only_the_customer_changes_what_a_permission_covers(shared: GreenButton, values: dict[str, str]) -> None:
    token = shared.client_token()
    entry = shared.atom(own_path(shared, "authorization"), token)
    before = etree.tostring(entry)
    answer = put(shared, own_path(shared, "authorization"), token, changed(entry, **values))
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    assert etree.tostring(shared.atom(own_path(shared, "authorization"), token)) == before


def test_a_registration_that_is_ended_takes_every_permission_with_it(
    greenbutton: GreenButton, application: str
) -> None:
    token, client, access = greenbutton.registration_token, greenbutton.client_token(), greenbutton.access_token()
    answer = greenbutton.get(application, token, method="DELETE")
    assert answer.status_code == 200
    assert etree.fromstring(answer.content).findtext(f".//{ESPI}dataCustodianApplicationStatus") == "4"
    for path, each in ((application, token), ("/Authorization", client), ("/LocalTimeParameters", access)):
        assert greenbutton.get(path, each).status_code == 401, path


def test_a_third_party_sees_its_own_authorization_and_those_of_customers(greenbutton: GreenButton) -> None:
    greenbutton.consented("C2")
    held = greenbutton.atom("/Authorization", greenbutton.client_token())
    assert [each.text for each in held.iter(f"{ESPI}grant_type")] == [*["authorization_code"] * 2, "client_credentials"]
    own = held.findall("{*}entry")[-1]
    assert own.findtext(f".//{ESPI}scope") == "FB=34_35"
    bulk = greenbutton.atom(str(own.findtext(f".//{ESPI}resourceURI")), greenbutton.client_token())
    assert titles(bulk).count("UsagePoint") == 3


def test_a_statement_is_led_to_by_a_link_and_saved_not_shown(shared: GreenButton) -> None:
    address = Party(shared).addresses["/Non-ESPI/statements/{statement_uid}"]
    batch = shared.get(f"/Batch/RetailCustomer/{shared.consent.id}")
    assert address in batch.text
    answer = shared.get(address)
    assert (answer.status_code, answer.content) == (200, b"<b>bill</b>")
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["x-content-type-options"] == "nosniff"
    saved = "attachment; filename=\"Rechnung_.html\"; filename*=UTF-8''Rechnung%20%C3%BC.html"
    assert answer.headers["content-disposition"] == saved
    known = shared.get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert known.status_code == 304
    head = shared.get(address, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_statements_cannot_be_listed_and_links_lead_nowhere_else(shared: GreenButton) -> None:
    assert shared.get("/Non-ESPI/statements").status_code == 404
    batch = shared.atom(f"/Batch/RetailCustomer/{shared.consent.id}")
    base = shared.services.settings.resource_url
    for href in hrefs(batch, "self") + hrefs(batch, "up") + hrefs(batch, "related"):
        assert href.startswith(f"{base}/"), href
        assert shared.get(href).status_code == 200, href
