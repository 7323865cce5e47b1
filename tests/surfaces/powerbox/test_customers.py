"""POST /powerbox/customer and its neighbours, to the byte (contract 1.12, 1.13, C1-C6, C9, C16, C17, C22)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.customers.payloads import customer, meter, site
from tests.surfaces.powerbox.conftest import PowerBox

from energygrid.access import audit
from energygrid.ingest import jobs

TUTORIAL = {
    "clientId": "123456789",
    "firstName": "John",
    "lastName": "Doe",
    "AcctStatus": "A",
    "customerSites": [
        {
            "externalSiteId": "5113305555",
            "isPrimary": True,
            "address1": "123 Main St.",
            "city": "Detroit",
            "state": "MI",
            "postalCode": "48067",
            "meters": [
                {
                    "meterId": "123456789",
                    "meterType": "Electric",
                    "unitOfMeasure": "kWh",
                    "isAMI": True,
                    "rateCode": "RES1",
                    "billingCycleId": 1,
                }
            ],
        }
    ],
}


def test_ta5_and_ta8_the_tutorials_pull_to_the_byte(powerbox: PowerBox) -> None:
    answer = powerbox.pull(headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == json.dumps(TUTORIAL, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "body",
    [None, b"", b"  \r\n\t ", iter([b"", b" "])],
    ids=["no body", "length 0", "blanks", "chunked"],
)
def test_c02_and_ta6_without_a_body_it_is_a_pull_whatever_the_headers(powerbox: PowerBox, body: Any) -> None:
    answer = powerbox.call("POST", "/powerbox/customer", content=body)
    assert answer.json()["clientId"] == "123456789"


def test_c02_with_a_body_it_is_a_push(powerbox: PowerBox) -> None:
    payload = customer("c1", site("p1", meter("m1"), isPrimary=True))
    first, again = powerbox.push(payload), powerbox.push(payload)
    assert [answer.headers["PowerBox-Sync-Result"] for answer in (first, again)] == ["created", "unchanged"]
    assert first.json() == again.json() == powerbox.pull("?clientId=c1").json() == payload
    changed = customer("c1", site("p1", meter("m1", rateCode="TOU"), isPrimary=True))
    assert powerbox.push(changed).headers["PowerBox-Sync-Result"] == "updated"


def test_c02_a_push_in_chunks_without_a_type_is_read(powerbox: PowerBox) -> None:
    body = json.dumps(customer("c1", site("p1"))).encode()
    answer = powerbox.call("POST", "/powerbox/customer", content=iter([body[:10], body[10:]]))
    assert answer.headers["PowerBox-Sync-Result"] == "created"


def test_c02_the_document_says_that_the_body_is_optional(powerbox: PowerBox) -> None:
    operation = powerbox.http.get("/openapi.json").json()["paths"]["/powerbox/customer"]["post"]
    assert operation["requestBody"]["required"] is False


def test_c03_whom_a_pull_means(powerbox: PowerBox, new_caller: Callable[..., PowerBox]) -> None:
    assert powerbox.pull().json()["clientId"] == "123456789", "the sandbox' own"
    assert powerbox.pull("?clientId=200000003").json()["clientId"] == "200000003", "asked for by name"
    powerbox.configure("customers", client_id_claim="iss", sync_per_second=1000)
    issuer = powerbox.services.tokens.authority.issuer
    powerbox.push(customer(issuer, site("p9")))
    assert powerbox.pull().json()["clientId"] == issuer, "the claim that the tenant configured"
    staging = new_caller("stageville", "staging")
    answer = staging.pull()
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "MISSING_CLIENT_ID")


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "MALFORMED_JSON"),
        (b"\xff\xfe", {}, 400, "MALFORMED_JSON"),
        (b"[]", {}, 400, "INVALID_PAYLOAD"),
        (b"{}", {}, 400, "MISSING_FIELD"),
        (b'{"clientId":"a\\u0000b","customerSites":[]}', {}, 400, "INVALID_PAYLOAD"),
        (b"a,b", {"Content-Type": "text/csv"}, 415, "UNSUPPORTED_FORMAT"),
        (b"{}", {"Content-Encoding": "gzip"}, 415, "UNSUPPORTED_FORMAT"),
        (b"x" * (1 << 20) + b"x", {}, 413, "TOO_LARGE"),
    ],
)
def test_p4_a_bad_push_says_what_is_wrong(
    powerbox: PowerBox, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = powerbox.call("POST", "/powerbox/customer", content=content, headers=headers)
    assert (answer.status_code, answer.json()["errorCode"], answer.headers["PowerBox-Error-Code"]) == (
        status,
        code,
        code,
    )


def test_p1_a_broken_export_does_not_wipe_a_customer(powerbox: PowerBox) -> None:
    answer = powerbox.push(customer("123456789"))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "INVALID_PAYLOAD")
    assert powerbox.pull().json() == TUTORIAL


def test_p1_warnings_are_counted(powerbox: PowerBox) -> None:
    payload = customer("c1", site("p1", meter("m1")), colour="red", AcctStatus="Q")
    assert powerbox.push(payload).headers["PowerBox-Warnings"] == "6"


def test_p1_an_older_push_is_stale(powerbox: PowerBox) -> None:
    def push(rate: str, at: str) -> Any:
        return powerbox.push(
            customer("c1", site("p1", meter("m1", rateCode=rate))), headers={"PowerBox-Source-Time": at}
        )

    results = [
        push("R1", "2026-03-01T12:00:00Z"),
        push("R2", "2026-03-01T12:59:59+01:00"),
        push("R3", "2026-03-01T12:00:01.5Z"),
    ]
    assert [answer.headers["PowerBox-Sync-Result"] for answer in results] == ["created", "stale", "updated"]
    assert results[1].json()["customerSites"][0]["meters"][0]["rateCode"] == "R1"
    assert push("R4", "yesterday").json()["errorCode"] == "INVALID_PAYLOAD"
    assert push("R4", "2026-02-30T12:00:00Z").json()["errorCode"] == "INVALID_PAYLOAD"


def test_the_query_and_the_payload_must_mean_the_same_client(powerbox: PowerBox) -> None:
    answer = powerbox.call("POST", "/powerbox/customer?clientId=c2", json=customer("c1", site("p1")))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "INVALID_PAYLOAD")


@pytest.mark.parametrize(("client", "code"), [("200000001", "ACCOUNT_CLOSED"), ("200000002", "ACCOUNT_LOCKED")])
def test_ta11_and_c06_a_closed_or_suspended_account_is_403_without_a_body(
    powerbox: PowerBox, client: str, code: str
) -> None:
    answer = powerbox.pull(f"?clientId={client}")
    assert (answer.status_code, answer.content, answer.headers["PowerBox-Error-Code"]) == (403, b"", code)


def test_c06_the_push_that_closes_an_account_is_taken(powerbox: PowerBox) -> None:
    answer = powerbox.push(TUTORIAL | {"AcctStatus": "C"})
    assert (answer.status_code, answer.headers["PowerBox-Sync-Result"]) == (200, "updated")
    assert powerbox.pull().status_code == 403


def test_c24_an_unknown_client_is_404_and_so_is_another_tenants(
    powerbox: PowerBox, new_caller: Callable[..., PowerBox]
) -> None:
    stranger = new_caller("otherville")
    for caller, client in ((powerbox, "nobody"), (stranger, "200000003")):
        answer = caller.pull(f"?clientId={client}")
        assert (answer.status_code, answer.content) == (404, b"")
        assert answer.headers["PowerBox-Error-Code"] == "UNKNOWN_CLIENT"
        assert caller.call("GET", f"/powerbox/customer/{client}").status_code == 404
        assert caller.call("DELETE", f"/powerbox/customer/{client}").status_code == 404


def test_c09_a_key_makes_a_push_happen_once(powerbox: PowerBox) -> None:
    payload, key = customer("c1", site("p1")), {"Idempotency-Key": "k-1"}
    first = powerbox.push(payload, headers=key)
    powerbox.push(customer("c1", site("p1"), firstName="Ann"))
    again = powerbox.push(payload, headers=key)
    assert first.headers["PowerBox-Sync-Result"] == again.headers["PowerBox-Sync-Result"] == "created"
    assert (first.content, first.headers["content-type"]) == (again.content, again.headers["content-type"])
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert powerbox.pull("?clientId=c1").json()["firstName"] == "Ann", "the repeat was not done"
    other = powerbox.push(customer("c2", site("p2")), headers=key)
    assert (other.status_code, other.json()["errorCode"]) == (422, "IDEMPOTENCY_MISMATCH")


def test_c09_a_refusal_is_replayed_too(powerbox: PowerBox) -> None:
    key = {"Idempotency-Key": "k-2"}
    assert powerbox.pull("?clientId=later", headers=key).status_code == 404
    powerbox.push(customer("later", site("p1")))
    again = powerbox.pull("?clientId=later", headers=key)
    assert (again.status_code, again.content, again.headers["Idempotent-Replayed"]) == (404, b"", "true")
    assert again.headers["PowerBox-Error-Code"] == "UNKNOWN_CLIENT"


def test_c09_erasure_forgets_stored_answers(powerbox: PowerBox) -> None:
    key = {"Idempotency-Key": "k-3"}
    powerbox.push(customer("c1", site("p1"), firstName="Ann"), headers=key)
    assert powerbox.call("DELETE", "/powerbox/customer/c1").status_code == 204
    assert powerbox.call("GET", "/powerbox/customer/c1").status_code == 404
    anew = powerbox.push(customer("c1", site("p1"), firstName="Ann"), headers=key)
    assert ("Idempotent-Replayed" in anew.headers, anew.headers["PowerBox-Sync-Result"]) == (False, "created")


def test_c10_binds_are_shown_only_when_asked_for(powerbox: PowerBox) -> None:
    assert powerbox.pull("?include=bind").json() == TUTORIAL, "nothing was ever bound"
    assert powerbox.pull("?include=everything").status_code == 400


def test_ta13_and_c22_a_sandbox_client_only_reads_in_production(new_caller: Callable[..., PowerBox]) -> None:
    utility = new_caller("prodville", "production")
    utility.push(customer("c1", site("p1")))
    visitor = new_caller("sandbox-of-prodville", "production", sandbox=True)
    assert visitor.pull("?clientId=c1").status_code == 404, "another tenant's"
    for refused in (
        visitor.push(customer("c1", site("p1"))),
        visitor.call("DELETE", "/powerbox/customer/c1"),
        visitor.call("POST", "/powerbox/customer/batch", content=b"{}"),
    ):
        assert (refused.status_code, refused.headers["PowerBox-Error-Code"]) == (403, "SANDBOX_READ_ONLY")


def test_the_mirror_is_read_whatever_the_status(powerbox: PowerBox) -> None:
    closed = powerbox.call("GET", "/powerbox/customer/200000001")
    assert (closed.status_code, closed.json()["AcctStatus"]) == (200, "C")
    assert powerbox.call("GET", "/powerbox/customer/123456789").json() == TUTORIAL
    assert len(closed.headers["PowerBox-Profile-Id"]) == 36


def test_ids_may_hold_any_printable_sign(powerbox: PowerBox) -> None:
    powerbox.push(customer("a/b?c%d", site("p/1")))
    path = "/powerbox/customer/a%2Fb%3Fc%25d"
    assert powerbox.call("GET", path).json()["clientId"] == "a/b?c%d"
    assert powerbox.call("DELETE", path).status_code == 204


def test_a_batch_becomes_a_job(powerbox: PowerBox, run_jobs: Callable[[], None]) -> None:
    lines = [json.dumps(customer(f"c{n}", site(f"p{n}"))) for n in range(3)]
    headers = {"Content-Type": "application/x-ndjson"}
    answer = powerbox.call("POST", "/powerbox/customer/batch", content="\n".join(lines), headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert answer.headers["Location"].endswith(f"/powerbox/ingest/jobs/{answer.json()['jobId']}")
    run_jobs()
    job = powerbox.database.read(jobs.find_job, powerbox.tenant.id, answer.json()["jobId"])
    assert (job.state, job.counters["created"]) == ("completed", 3)
    assert powerbox.pull("?clientId=c2").status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b" \n ", "application/x-ndjson", 400, "INVALID_PAYLOAD"),
        (b"{}", "text/csv", 415, "UNSUPPORTED_FORMAT"),
    ],
)
def test_a_batch_that_is_none_is_refused(powerbox: PowerBox, content: bytes, kind: str, status: int, code: str) -> None:
    answer = powerbox.call("POST", "/powerbox/customer/batch", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["errorCode"]) == (status, code)


def test_c32_customer_requests_past_the_rate_are_told_to_wait(powerbox: PowerBox) -> None:
    powerbox.configure("customers", sync_per_second=2)
    answers = [powerbox.pull() for _ in range(4)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert limited
    assert limited[0].json()["errorCode"] == "RATE_LIMITED"
    assert int(limited[0].headers["Retry-After"]) >= 1
    assert powerbox.call("GET", "/powerbox/customer/123456789").status_code == 200, "the mirror is not the CIS"


def test_every_access_is_in_the_audit_log(powerbox: PowerBox) -> None:
    powerbox.push(customer("c1", site("p1"), firstName="Secret"))
    powerbox.pull("?clientId=c1")
    powerbox.call("GET", "/powerbox/customer/c1")
    last = powerbox.call("DELETE", "/powerbox/customer/c1")
    entries = powerbox.database.read(audit.entries, tenant_id=powerbox.tenant.id, subject="customer/c1")
    assert [entry.action for entry in entries] == [
        "customer.pushed",
        "customer.pulled",
        "customer.read",
        "customer.erased",
    ]
    assert {entry.actor for entry in entries} == {powerbox.client_id}
    assert entries[-1].request_id == last.headers["PowerBox-Request-Id"]
    assert "Secret" not in repr(entries)
