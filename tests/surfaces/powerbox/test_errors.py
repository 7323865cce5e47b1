"""One renderer for every error of PowerBox (C4, C5, P-4)."""

from typing import Any

import pytest
from fastapi import FastAPI
from tests.surfaces.powerbox.conftest import PowerBox

from energygrid.errors import Conflict, Denied, Invalid, NotFound, Throttled, Unavailable

PROBLEM = {"Accept": "application/problem+json"}


def raising(powerbox: PowerBox, error: Exception, path: str = "/raises") -> Any:
    """What the surface answers when an operation raises `error`."""
    app = powerbox.http.app
    assert isinstance(app, FastAPI)

    def raises() -> None:
        raise error

    app.add_api_route(path, raises)
    return powerbox.http.get(path)


@pytest.mark.parametrize("path", ["/powerbox/customer", "/powerbox/bind"])
def test_c04_published_operations_refuse_without_a_body(powerbox: PowerBox, path: str) -> None:
    for scopes, status, code in (((), 401, "INVALID_TOKEN"), (("rates.write",), 403, "INSUFFICIENT_SCOPE")):
        headers = {"Content-Type": "application/json"}
        if scopes:
            headers["Authorization"] = f"Bearer {powerbox.token(*scopes)}"
        answer = powerbox.http.post(path, headers=headers, content=b"{}")
        assert (answer.status_code, answer.content) == (status, b"")
        assert answer.headers["PowerBox-Error-Code"] == code


def test_c04_and_c05_a_400_names_its_code_as_a_string(powerbox: PowerBox) -> None:
    answer = powerbox.push({})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert answer.json() == {
        "errorCode": "MISSING_FIELD",
        "message": "clientId is missing",
        "errors": [
            {"field": "clientId", "message": "is missing"},
            {"field": "customerSites", "message": "is missing"},
        ],
    }


def test_c04_problem_json_for_those_who_accept_it(powerbox: PowerBox) -> None:
    answers = [
        powerbox.push({}, headers=PROBLEM),
        powerbox.pull("?clientId=nobody", headers=PROBLEM),
        powerbox.http.post("/powerbox/customer", headers=PROBLEM),
        powerbox.http.post("/powerbox/login", headers=PROBLEM),
        powerbox.http.get("/nowhere", headers=PROBLEM),
    ]
    for answer in answers:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["status"] == answer.status_code
        assert problem["code"] == answer.headers["PowerBox-Error-Code"]
        assert problem["type"] == f"urn:energygrid:powerbox:{problem['code']}"
        assert problem["requestId"] == answer.headers["PowerBox-Request-Id"]
    assert [answer.status_code for answer in answers] == [400, 404, 401, 401, 404]
    assert answers[0].json()["errors"]


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Invalid("INVALID_PAYLOAD", "wrong"), 400, None),
        (Conflict("METER_ALREADY_BOUND", "bound", retry_after=30), 400, "30"),
        (Denied("ACCOUNT_CLOSED", "closed"), 403, None),
        (NotFound("UNKNOWN_METER", "unknown"), 404, None),
        (Conflict("IDEMPOTENCY_IN_FLIGHT", "at it"), 409, "1"),
        (Invalid("TOO_LARGE", "large"), 413, None),
        (Invalid("UNSUPPORTED_FORMAT", "what"), 415, None),
        (Invalid("IDEMPOTENCY_MISMATCH", "other"), 422, None),
        (Throttled("RATE_LIMITED", "slow down", retry_after=7), 429, "7"),
        (Unavailable("UPSTREAM_UNAVAILABLE", "gone", retry_after=30), 503, "30"),
    ],
)
def test_p4_each_error_has_its_status(
    powerbox: PowerBox, error: Exception, status: int, retry_after: str | None
) -> None:
    answer = raising(powerbox, error)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert answer.headers["PowerBox-Error-Code"] == answer.json()["errorCode"] == error.code


def test_a_fault_of_ours_names_the_request_and_nothing_else(powerbox: PowerBox) -> None:
    answer = raising(powerbox, RuntimeError("the password is hunter2"))
    assert (answer.status_code, answer.json()["errorCode"]) == (500, "INTERNAL")
    assert answer.headers["PowerBox-Request-Id"] in answer.json()["message"]
    assert "hunter2" not in answer.text


def test_the_surface_has_its_own_404(powerbox: PowerBox) -> None:
    answer = powerbox.http.get("/powerbox/nothing")
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "UNKNOWN_PATH")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/powerbox/customer", "POST"),
        ("HEAD", "/powerbox/healthz", "GET"),
        ("PUT", "/powerbox/customer/42", "DELETE, GET"),
        ("PATCH", "/powerbox/customer/a/b", "DELETE, GET"),
        ("DELETE", "/powerbox/ingest/jobs/job_x/ack", "POST"),
        ("OPTIONS", "/powerbox/bind", "POST"),
        ("PUT", "/powerbox/meters/7/bind", "GET"),
    ],
)
def test_a_wrong_method_is_405_with_those_that_are_right(
    powerbox: PowerBox, method: str, path: str, allowed: str
) -> None:
    answer = powerbox.http.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.headers["PowerBox-Error-Code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("path", ["/powerbox/healthz", "/powerbox/customer", "/powerbox/login", "/nowhere", "/raises"])
def test_every_answer_names_its_request_and_is_not_cached(powerbox: PowerBox, path: str) -> None:
    answers = [powerbox.http.get(path), powerbox.call("POST", path), powerbox.call("GET", path)]
    ids = [answer.headers["PowerBox-Request-Id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


@pytest.mark.parametrize(
    "query", ["?clientId=", "?clientId=a%20b", "?clientId=%00", "?include=x", "?clientId=" + "x" * 65]
)
def test_a_wrong_parameter_is_400(powerbox: PowerBox, query: str) -> None:
    answer = powerbox.pull(query)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "INVALID_PAYLOAD")
    assert answer.json()["errors"][0]["field"].startswith("query.")
