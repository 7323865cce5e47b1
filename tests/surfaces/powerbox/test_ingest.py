"""Usage ingest over HTTP (contracts/powerbox.md 1.13 and 4.8)."""

import hashlib
import json
from collections.abc import Callable

import pytest
import zstandard
from sqlalchemy import text
from tests.metering.test_ingest import day_csv
from tests.surfaces.powerbox.conftest import PowerBox

from energygrid.surfaces.common import upload as upload_of_surfaces

CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def utility(powerbox: PowerBox) -> PowerBox:
    powerbox.configure("metering", zone="America/Detroit", date_order="MDY", commodity="electricity")
    powerbox.configure("vee", oldest_months=None)
    return powerbox


def upload(powerbox: PowerBox, body: bytes, query: str = "", **headers: str) -> dict:
    answer = powerbox.call(
        "POST",
        f"/powerbox/ingest/usage{query}",
        content=body,
        headers=CSV | {k.replace("_", "-"): v for k, v in headers.items()},
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_a_file_is_acknowledged_stored_and_imported(utility: PowerBox, run_jobs: Callable[[], None]) -> None:
    body = day_csv("123456789")
    answer = utility.call("POST", "/powerbox/ingest/usage?name=march.csv", content=body, headers=CSV)
    assert answer.status_code == 202
    job = answer.json()
    assert (job["state"], job["name"], job["size"]) == ("queued", "march.csv", len(body))
    assert job["sha256"] == hashlib.sha256(body).hexdigest()
    run_jobs()
    done = utility.call("GET", answer.headers["location"]).json()
    assert (done["state"], done["counters"]["accepted"]) == ("completed", 96)
    assert done["counters"]["sumIn"] == done["counters"]["sumStored"]


def test_a_file_rests_sealed_until_it_is_imported(utility: PowerBox, run_jobs: Callable[[], None]) -> None:
    feed = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><content><Customer
        xmlns="http://naesb.org/espi/customer"><customerName>Grace Greenfield</customerName>
        </Customer></content></entry></feed>"""
    job = upload(utility, feed)
    bodies = text("SELECT body FROM landed_chunk")
    [resting] = utility.database.read(lambda db: db.execute(bodies).scalars().all())
    assert b"Greenfield" not in resting
    assert not resting.startswith(zstandard.FRAME_HEADER)
    run_jobs()
    done = utility.call("GET", f"/powerbox/ingest/jobs/{job['jobId']}").json()
    assert done["state"] == "completed"
    assert "Greenfield" not in json.dumps(done)
    assert utility.database.read(lambda db: db.execute(bodies).all()) == []


def test_the_same_upload_again_is_a_duplicate(utility: PowerBox, run_jobs: Callable[[], None]) -> None:
    first = upload(utility, day_csv("123456789"))
    run_jobs()
    again = upload(utility, day_csv("123456789"))
    assert (again["state"], again["duplicateOf"]) == ("duplicate", first["jobId"])


def test_rejected_rows_are_listed_as_csv_that_no_spreadsheet_runs(
    utility: PowerBox, run_jobs: Callable[[], None]
) -> None:
    body = day_csv("123456789") + b"=cmd,P1,123456789,13/45/2026 01:00,1.0\n"
    job = upload(utility, body)
    run_jobs()
    answer = utility.call("GET", f"/powerbox/ingest/jobs/{job['jobId']}/rejects")
    assert answer.headers["content-type"].startswith("text/csv")
    header, row = answer.text.splitlines()
    assert header == "row,code,message,text"
    assert row.startswith("98,")
    assert ",=cmd" not in row


def test_a_refused_file_ends_its_job_as_failed_with_a_reason(utility: PowerBox, run_jobs: Callable[[], None]) -> None:
    job = upload(utility, b"this,is,no\nusage,file,1\n")
    run_jobs()
    done = utility.call("GET", f"/powerbox/ingest/jobs/{job['jobId']}").json()
    assert (done["state"], done["errorCode"]) == ("failed", "UNSUPPORTED_FORMAT")
    assert done["message"]


def test_a_job_is_acknowledged_when_it_has_ended(utility: PowerBox, run_jobs: Callable[[], None]) -> None:
    job = upload(utility, day_csv("123456789"))
    path = f"/powerbox/ingest/jobs/{job['jobId']}/ack"
    assert utility.call("POST", path).status_code == 409
    run_jobs()
    assert utility.call("POST", path).json()["acknowledgedAt"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", CSV, 400, "INVALID_PAYLOAD"),
        (b"x", {"Content-Type": "application/json"}, 415, "UNSUPPORTED_FORMAT"),
        (b"x", CSV | {"Content-Encoding": "gzip"}, 415, "UNSUPPORTED_FORMAT"),
        (b"x", CSV | {"PowerBox-Manifest": "{"}, 400, "INVALID_PAYLOAD"),
        (b"x", CSV | {"PowerBox-Manifest": json.dumps({"sha256": "0" * 64})}, 400, "MANIFEST_MISMATCH"),
    ],
    ids=["empty", "JSON", "compressed", "broken manifest", "another file"],
)
def test_what_is_no_file_is_refused_at_once(
    utility: PowerBox, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = utility.call("POST", "/powerbox/ingest/usage", content=body, headers=headers)
    assert (answer.status_code, answer.headers["PowerBox-Error-Code"]) == (status, code)


def test_an_upload_over_the_limit_is_refused(utility: PowerBox, monkeypatch: pytest.MonkeyPatch) -> None:
    real = upload_of_surfaces.Receiver
    monkeypatch.setattr(upload_of_surfaces, "Receiver", lambda *_: real(10))
    answer = utility.call("POST", "/powerbox/ingest/usage", content=b"x" * 11, headers=CSV)
    assert (answer.status_code, answer.headers["PowerBox-Error-Code"]) == (413, "TOO_LARGE")


def test_usage_needs_its_scope_and_jobs_are_seen_by_kind(utility: PowerBox) -> None:
    refused = utility.call("POST", "/powerbox/ingest/usage", "customer.sync", content=b"x", headers=CSV)
    assert (refused.status_code, refused.headers["PowerBox-Error-Code"]) == (403, "INSUFFICIENT_SCOPE")
    job = upload(utility, day_csv("123456789"))
    seen = utility.call("GET", f"/powerbox/ingest/jobs/{job['jobId']}", "billing.ingest")
    assert (seen.status_code, seen.headers["PowerBox-Error-Code"]) == (403, "INSUFFICIENT_SCOPE")


def test_another_tenants_job_is_unknown(utility: PowerBox, new_caller: Callable[..., PowerBox]) -> None:
    job = upload(utility, day_csv("123456789"))
    other = new_caller("elsewhere")
    for path in ("", "/rejects"):
        answer = other.call("GET", f"/powerbox/ingest/jobs/{job['jobId']}{path}")
        assert (answer.status_code, answer.headers["PowerBox-Error-Code"]) == (404, "UNKNOWN_JOB")
    assert other.call("GET", "/powerbox/ingest/jobs").json() == {"jobs": []}


def test_an_import_tells_webhooks_by_an_event(utility: PowerBox, run_jobs: Callable[[], None]) -> None:
    job = upload(utility, day_csv("123456789"))
    run_jobs()
    events = utility.call("GET", "/powerbox/events").json()["events"]
    assert [e["data"]["jobId"] for e in events if e["type"] == "ingest.completed"] == [job["jobId"]]
