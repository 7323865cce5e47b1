"""Interval data in four formats goes in over HTTP and comes out of the store value for value."""

import csv
import io
import json
import subprocess
import sys
import time
from datetime import date, timedelta

import pytest
from bench.installation import Installation, environment
from tests.metering.importers.test_cmep import line as cmep_line
from tests.metering.importers.test_espi import block as espi_block
from tests.metering.importers.test_espi import feed, interval, meter_reading, point, reading_type
from tests.metering.importers.test_nem12 import CHANNEL, NMI, nem
from tests.metering.importers.test_nem12 import day as nem_day
from tests.metering.test_ingest import day_csv

pytestmark = pytest.mark.xdist_group("journeys")

VALUES = [round(0.5 + n / 1000, 3) for n in range(96)]

FILES = {
    "energygrid": ("CSV1", date(2026, 1, 14), VALUES, lambda: day_csv("CSV1", "01/14/2026", VALUES)),
    "nem12": (
        NMI,
        date(2024, 2, 29),
        VALUES[:48],
        lambda: nem(CHANNEL, nem_day(values=[str(value) for value in VALUES[:48]])).encode(),
    ),
    "cmep": (
        "CMEP1",
        date(2025, 11, 19),
        VALUES[:2],
        lambda: cmep_line(
            ("202511200515", "R0", str(VALUES[0])), ("202511200530", "R0", str(VALUES[1])), meter="CMEP1"
        ).encode(),
    ),
    "espi": (
        "UP1",
        date(2026, 1, 1),
        [100.0, 101.0],
        lambda: feed(
            point(), reading_type(), meter_reading(), espi_block(interval("100"), interval("101", 1_767_244_500))
        ).encode(),
    ),
}
"""Format -> meter, first local day in Detroit that is exported, values in order, the file."""


def push_meter(running: Installation, meter_id: str) -> None:
    meter = {"meterId": meter_id, "meterType": "Electric", "isAMI": True, "rateCode": "RES1", "billingCycleId": 1}
    site = {"externalSiteId": f"P-{meter_id}", "postalCode": "48067", "meters": [meter]}
    payload = {"clientId": f"C-{meter_id}", "AcctStatus": "A", "customerSites": [site]}
    running.call("POST", "/powerbox/customer", json.dumps(payload).encode(), Content_Type="application/json")


def ended(running: Installation, job_id: str) -> dict:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        job = running.call("GET", f"/powerbox/ingest/jobs/{job_id}")
        if job["state"] not in {"queued", "running"}:
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def exported(running: Installation, meter_id: str, first: date) -> list[float]:
    command = [sys.executable, "-m", "energygrid", "export", "--meter", meter_id]
    command += ["--from", first.isoformat(), "--to", (first + timedelta(days=3)).isoformat()]
    text = subprocess.run(
        command, env=environment(running.folder, running.port), capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return [float(row["value"]) for row in csv.DictReader(io.StringIO(text)) if row["value"]]


@pytest.mark.parametrize("format_", FILES)
def test_a_file_goes_in_over_http_and_comes_out_value_for_value(running: Installation, format_: str) -> None:
    meter_id, first, values, make = FILES[format_]
    push_meter(running, meter_id)
    job = running.call("POST", "/powerbox/ingest/usage", make(), Content_Type="application/octet-stream")
    done = ended(running, job["jobId"])
    assert (done["state"], done["counters"]["accepted"], done["counters"]["rejected"]) == ("completed", len(values), 0)
    assert exported(running, meter_id, first) == values
