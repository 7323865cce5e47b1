"""Billing ingest: POST /powerbox/ingest/billing; the job is watched like that of any other file (contract 1.7)."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from energygrid.billing.records.load import JOB_KIND, TASK
from energygrid.billing.records.record import RecordKind
from energygrid.errors import Invalid
from energygrid.ingest import jobs, landing
from energygrid.surfaces.common.deps import Here, Now, RequestId
from energygrid.surfaces.common.upload import receive_upload
from energygrid.surfaces.powerbox.auth import MayIngestBilling
from energygrid.surfaces.powerbox.errors import problems
from energygrid.surfaces.powerbox.ingest import FileName, JobOut

router = APIRouter(tags=["Ingest"])

_TAKEN = ("", "text/csv", "text/plain", "application/json", "application/x-ndjson", "application/octet-stream")
_FILE = {kind: {"schema": {"contentMediaType": kind, "minLength": 1}} for kind in ("text/csv", "application/x-ndjson")}


@router.post(
    "/powerbox/ingest/billing",
    operation_id="ingestBilling",
    status_code=202,
    responses=problems(400, 401, 403, 413, 415, 429),
    openapi_extra={"requestBody": {"required": True, "content": _FILE}},
)
async def ingest_billing(
    request: Request,
    response: Response,
    here: Here,
    caller: MayIngestBilling,
    kind: Annotated[RecordKind, Query(description="What the file holds; its columns are in docs/formats-billing.md.")],
    request_id: RequestId,
    now: Now,
    name: FileName = "",
) -> JobOut:
    """Take a billing file (CSV, NDJSON or a JSON array); it is stored before this answers, and loaded afterwards."""
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media not in _TAKEN:
        raise Invalid("UNSUPPORTED_FORMAT", f"a billing file is not sent as {media[:100]}; use text/csv")
    seal = landing.sealing(here.vault)
    with await receive_upload(request, here.settings.upload_limit, seal) as receiver:
        job = await run_in_threadpool(
            here.database.write,
            jobs.receive_file,
            caller.tenant,
            caller.actor(request_id),
            receiver,
            kind=JOB_KIND,
            task=TASK,
            name=name,
            options={"kind": kind.value} | landing.SEALED,
            now=now,
        )
    response.headers["Location"] = f"{request.scope.get('root_path', '')}/powerbox/ingest/jobs/{job.id}"
    return JobOut.of(job)
