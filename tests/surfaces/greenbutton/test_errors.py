"""What a caller is told when it cannot be served."""

import logging
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.surfaces.greenbutton.conftest import mounted
from tests.surfaces.greenbutton.world import RESOURCE, GreenButton

from energygrid.database.engine import Database
from energygrid.greenbutton.customer import views
from energygrid.services import Services


def test_every_error_reads_as_oauths_and_as_a_problem(shared: GreenButton) -> None:
    address = f"/Batch/Subscription/{shared.consent.id}?depth=x"
    plain = shared.get(address)
    assert plain.headers["content-type"] == "application/json"
    assert plain.headers["cache-control"] == "no-store"
    body = plain.json()
    assert body == {
        "error": "invalid_param",
        "error_description": "depth is not a whole number of 0 or more",
        "url": f"{shared.services.settings.resource_url}{address}",
        "type": "urn:energygrid:greenbutton:BAD_PARAMETER",
        "title": "Bad Request",
        "status": 400,
        "requestId": "-",
        "parameter": "depth",
    }
    problem = shared.get(address, headers={"Accept": "application/problem+json, */*;q=0.1"})
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json() == body | {"detail": body["error_description"], "code": "BAD_PARAMETER"}


@pytest.mark.parametrize("path", ["", "/Nothing", "/Batch", "/Batch/Subscription/1/2", "/Non-ESPI/statements"])
def test_a_path_that_is_not_there_is_not_found_without_asking_for_a_token(shared: GreenButton, path: str) -> None:
    answer = shared.http.get(RESOURCE + path)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


def test_a_fault_of_ours_names_a_reference_and_shows_nothing(
    shared: GreenButton, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(views, "resources", broken)
    with caplog.at_level(logging.ERROR):
        answer = shared.get(f"/Batch/RetailCustomer/{shared.consent.id}")
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "reference" in answer.json()["error_description"]
    for inside in ("secret detail", "ZeroDivisionError", "Traceback", "views"):
        assert inside not in answer.text
    [record] = [each for each in caplog.records if "unexpected error" in each.message]
    assert answer.json()["requestId"] in record.getMessage()
    assert record.exc_info is not None


@pytest.fixture
def without_database(shared: GreenButton) -> Any:
    """Another process whose database does not answer, with tokens that it has seen."""
    was = shared.services
    nowhere = Database(was.database.url.set(port=1), pool_size=1)
    services = Services(nowhere, was.settings, was.vault, was.tokens)
    with mounted(services) as http:
        yield http
    nowhere.close()


@pytest.mark.parametrize("path", ["/Batch/Subscription/{}", "/RetailCustomer/{}/Customer", "/LocalTimeParameters"])
def test_without_its_database_it_says_when_to_come_again(
    shared: GreenButton, without_database: TestClient, path: str
) -> None:
    token = shared.access_token()
    shared.get("/LocalTimeParameters", token)
    address = RESOURCE + path.format(shared.consent.id)
    answer = without_database.get(address, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_the_service_status_tells_whether_the_database_answers(
    shared: GreenButton, without_database: TestClient
) -> None:
    for token in (shared.client_token(), shared.api_token()):
        answer = shared.get("/ReadServiceStatus", token)
        assert answer.headers["content-type"] == "application/xml; charset=utf-8"
        assert b'<ServiceStatus xmlns="http://naesb.org/espi"><currentStatus>1</currentStatus>' in answer.content
        down = without_database.get(f"{RESOURCE}/ReadServiceStatus", headers={"Authorization": f"Bearer {token}"})
        assert down.status_code == 200
        assert b"<currentStatus>0</currentStatus>" in down.content


@pytest.mark.parametrize(("strict", "expected"), [(False, 401), (True, 403)])
def test_the_strict_reading_of_2018_refuses_a_batch_without_a_token_with_403(
    shared: GreenButton, strict: bool, expected: int
) -> None:
    was = shared.services
    settings = was.settings.model_copy(update={"greenbutton_strict_2018": strict})
    with mounted(Services(was.database, settings, was.vault, was.tokens)) as http:
        answer = http.get(f"{RESOURCE}/Batch/Subscription/{shared.consent.id}")
        assert answer.status_code == expected
        assert ("www-authenticate" in answer.headers) == (expected == 401)
        assert http.get(f"{RESOURCE}/Subscription/{shared.consent.id}/UsagePoint").status_code == 401
        wrong = {"Authorization": f"Bearer {shared.client_token()}"}
        assert http.get(f"{RESOURCE}/Batch/Subscription/{shared.consent.id}", headers=wrong).status_code == 403


@pytest.mark.parametrize("header", ["Basic dTpw", "Bearer", "Bearer ", "x", "Token abc"])
def test_what_is_no_bearer_token_is_401(shared: GreenButton, header: str) -> None:
    answer = shared.http.get(f"{RESOURCE}/LocalTimeParameters", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_body_that_is_too_large_is_refused(shared: GreenButton) -> None:
    address = f"/Authorization/{shared.consent.id}"
    huge = b" " * (shared.services.settings.body_limit + 1)
    answer = shared.get(address, shared.client_token(), method="PUT", content=huge)
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")
