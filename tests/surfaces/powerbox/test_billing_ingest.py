"""POST /powerbox/ingest/billing: stored, answered, loaded, reported (contract 1.7, 4.8)."""

from collections.abc import Callable
from typing import Any

from tests.surfaces.powerbox.conftest import PowerBox

MCH = "ContractAccount,MeterID,BillingStart,BillingEnd,TotalConsumption,Cost\nA1,m1,2025-01-03,2025-01-30,612.5,81.20\n"


def send(powerbox: PowerBox, body: str, kind: str = "mch", media: str = "text/csv") -> Any:
    return powerbox.call(
        "POST",
        f"/powerbox/ingest/billing?kind={kind}",
        "billing.ingest",
        content=body.encode(),
        headers={"Content-Type": media},
    )


def test_a_file_is_taken_loaded_and_reported(powerbox: PowerBox, run_jobs: Callable[[], None]) -> None:
    answer = send(powerbox, MCH + "A1,m2,2025-01-03,2025-01-30,=1+1,1\n")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    run_jobs()
    where = f"/powerbox/ingest/jobs/{answer.json()['jobId']}"
    job = powerbox.call("GET", where, "billing.ingest").json()
    assert (job["state"], job["counters"]["accepted"], job["counters"]["rejected"]) == ("completed", 1, 1)
    rejects = powerbox.call("GET", f"{where}/rejects", "billing.ingest").text
    assert rejects.splitlines()[1].startswith("3,INVALID_VALUE,")
    assert powerbox.call("POST", f"{where}/ack", "billing.ingest").status_code == 200


def test_the_same_file_again_is_a_duplicate(powerbox: PowerBox) -> None:
    first = send(powerbox, MCH).json()
    again = send(powerbox, MCH).json()
    assert (again["state"], again["duplicateOf"]) == ("duplicate", first["jobId"])


def test_json_is_a_file_like_any_other(powerbox: PowerBox, run_jobs: Callable[[], None]) -> None:
    plan = '[{"contractAccount":"A1","planId":"P1","planType":"BUDGET","startDate":"2025-01-01"}]'
    job = send(powerbox, plan, "payment_plan", "application/json").json()
    run_jobs()
    done = powerbox.call("GET", f"/powerbox/ingest/jobs/{job['jobId']}", "billing.ingest").json()
    assert done["counters"]["accepted"] == 1


def test_refusals(powerbox: PowerBox) -> None:
    assert send(powerbox, MCH, "unknown").status_code == 400
    assert send(powerbox, "").status_code == 400
    assert send(powerbox, MCH, media="image/png").status_code == 415
    assert powerbox.call("POST", "/powerbox/ingest/billing?kind=mch", "usage.ingest", content=MCH).status_code == 403


def test_a_file_that_is_none_fails_with_its_reason(powerbox: PowerBox, run_jobs: Callable[[], None]) -> None:
    job = send(powerbox, "MeterID\n1\n").json()
    run_jobs()
    done = powerbox.call("GET", f"/powerbox/ingest/jobs/{job['jobId']}", "billing.ingest").json()
    assert (done["state"], done["errorCode"]) == ("failed", "BAD_FILE")
