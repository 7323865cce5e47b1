"""Small authenticated GETs a second, beside a bare FastAPI route with one psycopg query."""

import subprocess
import sys
import time
import urllib.error

from bench.database import libpq, open_database
from bench.figures import Figure, show
from bench.ingest import meter_id
from bench.installation import Installation, call, free_port
from bench.requests import requests_per_second


def run(running: Installation, meters: int, _: int) -> None:
    headers = {"Authorization": f"Bearer {running.token}"}
    health = requests_per_second(running.port, "/v1/powerbox/healthz", headers)
    job = requests_per_second(running.port, "/v1/powerbox/ingest/jobs?limit=1", headers)
    cycle = requests_per_second(running.port, "/v1/powerbox/billing-cycles/1", headers)
    rate = requests_per_second(running.port, "/v1/powerbox/rates/RES1", headers)
    customer = requests_per_second(running.port, f"/v1/powerbox/customer/C{0:07d}", headers)
    port = free_port()
    with open_database(running) as url:
        bare = subprocess.Popen([sys.executable, "-m", "bench.bare_route", str(port), libpq(url)])
        try:
            _wait(port)
            limit = requests_per_second(port, f"/meters/{meter_id(0)}", {})
        finally:
            bare.terminate()
            bare.wait(20)
    bare_is = "bare FastAPI route, one query"
    show(
        f"small GET requests, {meters:,} meters, one process",
        [
            Figure("health with a token (no query)", health, limit, "requests/s", bare_is),
            Figure("the newest ingest job, one query", job, limit, "requests/s", bare_is, ">= 50 %"),
            Figure("a billing cycle of 24 periods", cycle, limit, "requests/s", bare_is),
            Figure("a rate", rate, limit, "requests/s", bare_is),
            Figure("a customer, with its entry in the audit log", customer, limit, "requests/s", bare_is),
        ],
    )


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            call("GET", f"http://127.0.0.1:{port}/meters/none")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the bare route did not start")
