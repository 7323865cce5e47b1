"""Usage ingest: a streamed upload becomes a job; its status, its rejected rows, its acknowledgement."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from energygrid.errors import Invalid
from energygrid.ingest import jobs, landing
from energygrid.ingest.jobs import Job
from energygrid.ingest.rows import Reject
from energygrid.surfaces.common.deps import Db, Here, Now, RequestId
from energygrid.surfaces.common.upload import receive_upload
from energygrid.surfaces.powerbox.auth import MayIngestUsage, MayReadJobs
from energygrid.surfaces.powerbox.errors import problems

router = APIRouter(tags=["Ingest"])

JobId = Annotated[str, Path(pattern=r"^job_[A-Za-z0-9_-]{16}$", description="Id of an ingest job.")]
Format = Literal["auto", "energygrid", "nem12", "nem13", "espi", "cmep"]
FileName = Annotated[
    str,
    Query(
        max_length=200, pattern=r"^[^\x00-\x1f/\\]*$", description="File name; the usage CSV reads the fuel from it."
    ),
]
"""Names are facts for the importers, never paths."""

_UNSUPPORTED = ("application/json", "multipart/", "application/x-www-form-urlencoded", "image/", "video/", "audio/")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class JobOut(BaseModel):
    """An ingest job: state `queued`, `running`, `completed`, `failed` or `duplicate`."""

    jobId: str
    kind: str
    name: str
    state: str
    duplicateOf: str | None = None
    sha256: str
    size: int
    counters: dict[str, Any] = Field(description="Rows by what became of them; sums by unit.")
    errorCode: str | None = None
    message: str | None = None
    createdAt: datetime
    startedAt: datetime | None = None
    finishedAt: datetime | None = None
    acknowledgedAt: datetime | None = None
    notes: list["NoteOut"] | None = None

    @classmethod
    def of(cls, job: Job, notes: list["NoteOut"] | None = None) -> "JobOut":
        return cls(
            jobId=job.id,
            kind=job.kind,
            name=job.name,
            state=job.state,
            duplicateOf=job.duplicate_of,
            sha256=job.sha256.hex(),
            size=job.size,
            counters=dict(job.counters),
            errorCode=job.error_code,
            message=job.error_message,
            createdAt=job.created_at,
            startedAt=job.started_at,
            finishedAt=job.finished_at,
            acknowledgedAt=job.acknowledged_at,
            notes=notes,
        )


class NoteOut(BaseModel):
    """A warning about a row of the file, the first thousand of a job."""

    row: int
    code: str
    message: str


class JobsOut(BaseModel):
    jobs: list[JobOut]


class Manifest(BaseModel):
    """What the sender knows about its file; a difference refuses the file as a whole."""

    rows: int | None = Field(None, ge=0)
    sumTotalUnit: float | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")


def read_manifest(
    powerbox_manifest: Annotated[
        str | None,
        Header(max_length=4096, description='JSON such as {"rows":96,"sumTotalUnit":12.5,"sha256":"..."}.'),
    ] = None,
) -> Manifest:
    if powerbox_manifest is None:
        return Manifest()
    try:
        return Manifest.model_validate_json(powerbox_manifest)
    except ValueError as error:
        raise Invalid("INVALID_PAYLOAD", "the header PowerBox-Manifest is not a manifest") from error


@router.post(
    "/powerbox/ingest/usage",
    status_code=202,
    responses=problems(400, 401, 403, 413, 415, 429),
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def ingest_usage(
    request: Request,
    response: Response,
    here: Here,
    caller: MayIngestUsage,
    manifest: Annotated[Manifest, Depends(read_manifest)],
    request_id: RequestId,
    now: Now,
    format: Format = "auto",  # noqa: A002 - the wire's word
    name: FileName = "",
) -> JobOut:
    """Take a file of readings; it is stored before this answers, and imported in the background."""
    kind = request.headers.get("content-type", "").lower()
    if kind.startswith(_UNSUPPORTED):
        raise Invalid(
            "UNSUPPORTED_FORMAT", f"a file is not sent as {kind.split(';')[0][:100]}; use text/csv or the like"
        )
    with await receive_upload(request, here.settings.upload_limit, landing.sealing(here.vault)) as receiver:
        if manifest.sha256 is not None and manifest.sha256 != receiver.sha256.hex():
            raise Invalid("MANIFEST_MISMATCH", "the upload is not the file that the manifest names")
        job = await run_in_threadpool(
            here.database.write,
            jobs.receive_file,
            caller.tenant,
            caller.actor(request_id),
            receiver,
            kind="usage",
            task="metering.ingest_usage",
            name=name,
            options={"format": format, "manifest": manifest.model_dump(exclude_none=True)} | landing.SEALED,
            now=now,
        )
    response.headers["Location"] = f"{request.scope.get('root_path', '')}/powerbox/ingest/jobs/{job.id}"
    return JobOut.of(job)


@router.get("/powerbox/ingest/jobs", responses=problems(400, 401, 403))
def list_jobs(
    db: Db,
    caller: MayReadJobs,
    kind: Literal["usage", "billing", "customers"] | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JobsOut:
    """Ingest jobs of this utility, newest first."""
    return JobsOut(jobs=[JobOut.of(job) for job in db.read(jobs.list_jobs, caller.tenant.id, kind=kind, limit=limit)])


@router.get("/powerbox/ingest/jobs/{jobId}", responses=problems(400, 401, 403, 404))
def read_job(db: Db, caller: MayReadJobs, jobId: JobId) -> JobOut:
    """State, counters and warnings of one job."""
    job = db.read(jobs.visible_job, caller, jobId)
    notes = db.read(jobs.notes, caller.tenant.id, jobId)
    return JobOut.of(job, [NoteOut(row=note.row, code=note.code, message=note.message) for note in notes])


@router.get(
    "/powerbox/ingest/jobs/{jobId}/rejects",
    responses=problems(400, 401, 403, 404) | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
def read_rejects(db: Db, caller: MayReadJobs, jobId: JobId) -> Response:
    """Rejected rows as CSV: line number, code, reason and the row itself."""
    job = db.read(jobs.visible_job, caller, jobId)
    return Response(
        _as_csv(db.read(jobs.rejects, caller.tenant.id, job.id)),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{job.id}-rejects.csv"'},
    )


def _as_csv(rejects: Iterable[Reject]) -> str:
    """CSV text; a cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "code", "message", "text"])
    for reject in rejects:
        cells = (str(reject.row), reject.code, reject.message, reject.text)
        writer.writerow("'" + cell if cell.startswith(_FORMULA) else cell for cell in cells)
    return out.getvalue()


@router.post("/powerbox/ingest/jobs/{jobId}/ack", responses=problems(400, 401, 403, 404, 409))
def acknowledge(db: Db, caller: MayReadJobs, jobId: JobId, request_id: RequestId, now: Now) -> JobOut:
    """Tell that the outcome was read; 409 while the job runs."""
    return JobOut.of(db.write(jobs.acknowledge, caller, caller.actor(request_id), jobId, now))
