"""A CSV of readings from the HTTP request to the stored blocks, beside a raw COPY of the same blocks."""

import json
import time
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
import psycopg

from bench.database import libpq, open_database
from bench.figures import Figure, console, peak_mb, seconds, show
from bench.installation import Installation
from energygrid.metering.importers import energygrid_csv
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.readings import Commodity

FIRST_DAY = datetime(2025, 1, 6, tzinfo=UTC)
ZONE = "America/Detroit"


def meter_id(number: int) -> str:
    return f"B{number:07d}"


def add_meters(running: Installation, meters: int) -> None:
    """Push one customer a meter through the batch endpoint, and wait for the job."""
    lines = (
        json.dumps(
            {
                "clientId": f"C{number:07d}",
                "AcctStatus": "A",
                "customerSites": [
                    {
                        "externalSiteId": f"P{number:07d}",
                        "postalCode": "48067",
                        "meters": [
                            {
                                "meterId": meter_id(number),
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
        )
        for number in range(meters)
    )
    began = time.perf_counter()
    job = running.call(
        "POST", "/powerbox/customer/batch", "\n".join(lines).encode() + b"\n", Content_Type="application/x-ndjson"
    )
    job = wait_for(running, job["jobId"])
    taken = time.perf_counter() - began
    console.print(f"batch push of {meters:,} customers: {meters / taken:,.0f} customers/s, job {job['state']}\n")


def wait_for(running: Installation, job_id: str) -> Any:
    while True:
        job = running.call("GET", f"/powerbox/ingest/jobs/{job_id}")
        if job["state"] not in {"queued", "running"}:
            if job["state"] != "completed":
                raise RuntimeError(f"job {job_id}: {job}")
            return job
        time.sleep(0.01)


def usage_csv(meters: int, rows: int, first: datetime = FIRST_DAY) -> bytes:
    """Quarter hours of all meters, meter by meter, three decimals: what a head end exports."""
    intervals = rows // meters
    start = int(first.timestamp()) + np.arange(intervals) * 900
    stamps = pl.from_epoch(pl.Series(start), time_unit="s").dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE)
    text = stamps.dt.strftime("%m/%d/%Y %H:%M")
    values = np.round(np.random.default_rng(7).gamma(2, 0.08, intervals * meters), 3)
    names = pl.Series([meter_id(number) for number in range(meters)])
    frame = pl.DataFrame(
        {
            "AccountNumber": pl.Series(["A1"]).new_from_index(0, intervals * meters),
            "ExternalSiteID": pl.Series(["P1"]).new_from_index(0, intervals * meters),
            "MeterID": names.gather(np.repeat(np.arange(meters), intervals)),
            "TimeStamp": text.gather(np.tile(np.arange(intervals), meters)),
            "TotalUnit": values,
        }
    )
    out = BytesIO()
    frame.write_csv(out, float_precision=3)
    return out.getvalue()


def run(running: Installation, meters: int, rows: int) -> None:
    body = usage_csv(meters, rows)
    rows = rows // meters * meters
    options = ImportOptions(
        zone=ZONE, now=datetime.now(UTC), date_order="MDY", commodity=Commodity.ELECTRICITY, batch_rows=500_000
    )
    parse = seconds(lambda: [None for _ in energygrid_csv.parse(BytesIO(body), options)], runs=3)
    began = time.perf_counter()
    job = running.call("POST", "/powerbox/ingest/usage?format=energygrid", body, Content_Type="text/csv")
    acknowledged = time.perf_counter() - began
    job = wait_for(running, job["jobId"])
    taken = time.perf_counter() - began
    if job["counters"]["accepted"] != rows:
        raise RuntimeError(f"not all rows were accepted: {job['counters']}")
    copied = raw_copy(running)
    again = body + b"\n"
    began = time.perf_counter()
    second = wait_for(
        running,
        running.call("POST", "/powerbox/ingest/usage?format=energygrid", again, Content_Type="text/csv")["jobId"],
    )
    unchanged = time.perf_counter() - began
    if second["counters"]["unchanged"] != rows:
        raise RuntimeError(f"redelivery changed something: {second['counters']}")
    memory = {pid: peak_mb(pid) for pid in running.children()}
    limit = rows / copied
    show(
        f"CSV ingest, {rows:,} rows of {meters:,} meters ({len(body) / 1e6:.0f} MB)",
        [
            Figure("request to stored blocks", rows / taken, limit, "rows/s", "raw COPY of the same blocks", "500,000"),
            Figure("importer alone", rows / parse, limit, "rows/s", "raw COPY of the same blocks"),
            Figure("redelivery of the same readings", rows / unchanged, limit, "rows/s", "raw COPY of the same blocks"),
            Figure("until the 202", acknowledged * 1000, taken * 1000, "ms", "the whole ingest", more_is_better=False),
            Figure("peak memory of the API", memory.pop(running.process.pid), 500, "MB", "the aim", "< 500", False),
            Figure("peak memory of the worker", max(memory.values()), 500, "MB", "the aim", "< 500", False),
        ],
    )


def raw_copy(running: Installation) -> float:
    """Seconds to COPY all stored blocks, as they are, into an empty table of the same shape."""
    with open_database(running) as url, psycopg.connect(libpq(url), autocommit=True) as db:
        rows = db.execute("SELECT series_id, day, revision, known_at, values, quality FROM reading_block").fetchall()
        db.execute("CREATE TABLE bench_block (LIKE reading_block INCLUDING INDEXES)")
        began = time.perf_counter()
        with (
            db.transaction(),
            db.cursor() as cursor,
            cursor.copy(
                "COPY bench_block (series_id, day, revision, known_at, values, quality) FROM STDIN (FORMAT binary)"
            ) as copy,
        ):
            copy.set_types(["int8", "date", "int4", "timestamptz", "bytea", "bytea"])
            for row in rows:
                copy.write_row(row)
        taken = time.perf_counter() - began
        db.execute("DROP TABLE bench_block")
    return taken
