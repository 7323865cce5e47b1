"""A batch is pushed line by line; what is wrong with a line stops nothing else."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from tests.customers.payloads import customer, meter, site

from energygrid.access.caller import Actor, Tenant
from energygrid.access.vault import Vault
from energygrid.customers import batch, mirror
from energygrid.customers.batch import BatchReceiver
from energygrid.customers.privacy import Privacy
from energygrid.customers.sealed_lines import LONGEST_LINE, TOO_LONG, Sealer, lines_of
from energygrid.database.engine import Database
from energygrid.errors import Invalid
from energygrid.ingest import jobs
from energygrid.ingest.jobs import Job

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO = Actor("cis", "req-1")


@pytest.fixture
def land(database: Database, committed_tenant: Tenant, vault: Vault) -> Callable[[bytes], Job]:
    def run(body: bytes, source_time: datetime | None = None) -> Job:
        with BatchReceiver(vault, 10 << 20) as receiver:
            for start in range(0, len(body), 7_001):
                receiver.add(body[start : start + 7_001])
            return database.write(receiver.open_job, committed_tenant, WHO, source_time=source_time, now=NOW)

    return run


@pytest.fixture
def work(database: Database, vault: Vault) -> Callable[[Job], Job]:
    def run(job: Job) -> Job:
        batch.run_batch(database, vault, lambda: NOW, job.tenant_id, job.id)
        return database.read(jobs.find_job, job.tenant_id, job.id)

    return run


def ndjson(*lines: Any) -> bytes:
    return b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)


def test_each_line_is_a_push(land: Any, work: Any, database: Database, committed_tenant: Tenant, vault: Vault) -> None:
    lines = [customer(f"c{n}", site(f"p{n}", meter(f"m{n}"), isPrimary=True), firstName="Ann") for n in range(120)]
    job = work(land(ndjson(*lines, lines[0], b"")))
    assert job.state == "completed"
    assert {name: count for name, count in job.counters.items() if count and name != "warnings"} == {
        "lines": 121,
        "created": 120,
        "unchanged": 1,
    }
    privacy = Privacy.of(committed_tenant, vault)
    assert database.read(mirror.read_document, committed_tenant.id, "c119", privacy).document == lines[119]
    waiting = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'metering.unpark'")
    assert database.read(lambda db: db.execute(waiting).scalar()) == 3, "one job a transaction, not one a customer"


def test_bad_lines_are_rejected_with_their_number_and_nothing_personal(
    land: Any, work: Any, database: Database
) -> None:
    job = work(
        land(
            ndjson(
                customer("good", site("p1", meter("m1"))),
                b"{not json",
                {"clientId": "noSites", "firstName": "Secret"},
                b"",
                customer("empty", firstName="Secret"),
                b"x" * (LONGEST_LINE + 1),
                customer("last", site("p2", meter("m2"))),
            )
        )
    )
    rejects = database.read(lambda db: list(jobs.rejects(db, job.tenant_id, job.id)))
    assert [(reject.row, reject.code, reject.text) for reject in rejects] == [
        (2, "MALFORMED_JSON", ""),
        (3, "MISSING_FIELD", "noSites"),
        (5, "INVALID_PAYLOAD", "empty"),
        (6, "TOO_LARGE", ""),
    ]
    assert "Secret" not in repr(rejects)
    assert (job.state, job.counters["created"], job.counters["rejected"]) == ("completed", 2, 4)


def test_a_batch_rests_sealed_and_is_dropped_when_done(land: Any, work: Any, database: Database) -> None:
    job = land(ndjson(customer("c1", site("p1"), firstName="Bartholomew" * 9)))
    bodies = text("SELECT body FROM landed_chunk")
    stored = database.read(lambda db: [bytes(body) for body in db.execute(bodies).scalars()])
    assert stored
    assert not any(b"Barth" in body for body in stored)
    work(job)
    assert database.read(lambda db: db.execute(bodies).all()) == []


def test_an_interrupted_batch_starts_again_to_the_same_end(
    land: Any, work: Any, database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [customer(f"c{n}", site(f"p{n}", meter(f"m{n}"))) for n in range(150)] + [b"broken"]
    job = land(ndjson(*lines))
    report, calls = jobs.report, []

    def dies(*args: Any) -> None:
        report(*args)
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "report", dies)
    with pytest.raises(KeyboardInterrupt):
        work(job)
    monkeypatch.undo()
    done = work(job)
    assert done.state == "completed"
    assert (done.counters["unchanged"], done.counters["created"], done.counters["rejected"]) == (100, 50, 1)
    assert len(database.read(lambda db: list(jobs.rejects(db, job.tenant_id, job.id)))) == 1
    assert work(job).counters == done.counters, "delivered twice, worked on once"


def test_the_same_file_again_is_worked_on_again(land: Any, work: Any) -> None:
    first, second = (ndjson(customer("c1", site("p1", meter("m1", rateCode=rate)))) for rate in ("R1", "R2"))
    counters = [work(land(body)).counters for body in (first, second, first)]
    assert [(count["created"], count["updated"]) for count in counters] == [(1, 0), (0, 1), (0, 1)]


def test_a_source_time_holds_for_every_line(land: Any, work: Any) -> None:
    body = ndjson(customer("c1", site("p1")))
    work(land(body, NOW))
    assert work(land(body, datetime(2026, 1, 1, tzinfo=UTC))).counters["stale"] == 1


def test_an_upload_past_its_limit_is_refused(vault: Vault) -> None:
    with BatchReceiver(vault, 10) as receiver, pytest.raises(Invalid) as caught:
        receiver.add(b"x" * 11)
    assert caught.value.code == "TOO_LARGE"


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line)), st.integers(1, 30))
def test_lines_come_out_as_they_went_in(lines: list[bytes], size: int) -> None:
    vault, frames = Vault(bytes(32)), BytesIO()
    sealer = Sealer(vault, lambda frame: frames.write(frame) and None)
    body = b"\n".join(lines)
    for start in range(0, len(body), size):
        sealer.add(body[start : start + size])
    sealer.finish()
    frames.seek(0)
    expected = lines if not lines or lines[-1] else lines[:-1]
    assert list(lines_of(vault, frames)) == expected


def test_a_line_too_long_takes_no_neighbour_with_it() -> None:
    vault, frames = Vault(bytes(32)), BytesIO()
    sealer = Sealer(vault, lambda frame: frames.write(frame) and None)
    sealer.add(b"a\n" + b"x" * (3 * LONGEST_LINE) + b"\nb\n" + b"y" * (LONGEST_LINE + 1))
    sealer.finish()
    frames.seek(0)
    assert list(lines_of(vault, frames)) == [b"a", TOO_LONG, b"b", TOO_LONG]
