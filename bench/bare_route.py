"""The limit for a small GET: a FastAPI route with one psycopg query, nothing else. Run as a process of its own."""

import sys

import uvicorn
from fastapi import FastAPI
from psycopg_pool import ConnectionPool

pool = ConnectionPool(sys.argv[2], min_size=4, max_size=16, open=False)
app = FastAPI(openapi_url=None)


@app.get("/meters/{meter_id}")
def read_meter(meter_id: str) -> dict[str, str]:
    with pool.connection() as db:
        row = db.execute(
            "SELECT meter_id, meter_type FROM meter WHERE tenant_id = 1 AND meter_id = %s", [meter_id]
        ).fetchone()
    return {} if row is None else {"meterId": row[0], "meterType": row[1]}


if __name__ == "__main__":
    pool.open()
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)
