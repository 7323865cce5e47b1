"""Storing what a feed says besides readings, in the transaction of its import."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.billing.records.espi.bills import SUMMARIES, Bills
from energygrid.billing.records.espi.customers import CustomerSide
from energygrid.billing.records.espi.mirror import Mirror
from energygrid.billing.records.espi.reading import Homeless
from energygrid.billing.records.load import write_records
from energygrid.billing.records.record import Record, RecordKind
from energygrid.billing.records.sealing import Safe
from energygrid.ingest.jobs import Job
from energygrid.ingest.rows import Note
from energygrid.metering.told import Told

_BATCH = 1_000


def take(
    vault: Vault, db: Connection, tenant: Tenant, job: Job, told: Sequence[Told], now: datetime
) -> tuple[int, list[Note]]:
    """How many records are new or changed, and what is to be said of resources that became none."""
    mirror = Mirror.of(db, vault, tenant, (name for each in told for name in each.names))
    bills, side = Bills(db, tenant, mirror), CustomerSide(db, vault, tenant, told, mirror)
    notes: list[Note] = []
    for each in told:
        is_bill = each.kind in SUMMARIES
        try:
            (bills if is_bill else side).add(each)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        except Homeless as problem:
            reason = str(problem)
        else:
            continue
        code = "BILL_NOT_IMPORTED" if is_bill else "RECORD_NOT_IMPORTED"
        notes.append(Note(each.row, code, (reason if is_bill else f"{each.kind}: {reason}")[:300]))
    safe = Safe.of(tenant, vault)
    counted: Counter[str] = Counter()
    for kind, records in {RecordKind.MCH: bills.records(), **side.draft.records()}.items():
        for batch in _batches(records):
            counted.update(write_records(db, tenant, safe, job.id, kind, batch, now))
    return counted["accepted"] + counted["replaced"], notes


def _batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    return (records[at : at + _BATCH] for at in range(0, len(records), _BATCH))
