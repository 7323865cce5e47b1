import hashlib

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.errors import Invalid
from energygrid.ingest.landing import CHUNK_BYTES, SEALED, Receiver, land, open_landed, sealing, unsealing
from energygrid.ingest.queries import chunks, drop_chunks


@given(st.lists(st.binary(max_size=3 * 1024), max_size=8), st.integers(0, 3))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_comes_back_byte_by_byte_however_it_was_cut(
    db: Connection, tenant: Tenant, pieces: list[bytes], halves: int
) -> None:
    pieces = [*pieces, b"x" * (halves * CHUNK_BYTES // 2)]
    whole = b"".join(pieces)
    landed = land(db, tenant.id, pieces, limit=1 << 30)
    assert (landed.size, landed.sha256) == (len(whole), hashlib.sha256(whole).digest())
    assert open_landed(db, tenant.id, landed.upload_id).read() == whole
    drop_chunks(db, tenant.id, landed.upload_id)
    assert open_landed(db, tenant.id, landed.upload_id).read() == b""


def test_a_sealed_file_is_unreadable_at_rest_and_comes_back_with_its_key(
    db: Connection, tenant: Tenant, vault: Vault
) -> None:
    whole = b"Grace Greenfield lives here. " * 80_000
    landed = land(db, tenant.id, [whole], limit=1 << 30, seal=sealing(vault))
    assert landed.sha256 == hashlib.sha256(whole).digest()
    resting = list(chunks(db, tenant.id, landed.upload_id))
    assert len(resting) == 3
    for body in resting:
        with pytest.raises(zstandard.ZstdError):
            zstandard.ZstdDecompressor().decompress(body, max_output_size=CHUNK_BYTES)
    assert open_landed(db, tenant.id, landed.upload_id, unsealing(vault, SEALED)).read() == whole
    assert unsealing(vault, {}) is None


def test_more_than_the_limit_is_refused_before_it_is_stored() -> None:
    with Receiver(limit=10) as receiver:
        receiver.add(b"x" * 10)
        with pytest.raises(Invalid) as error:
            receiver.add(b"x")
    assert error.value.code == "TOO_LARGE"


def test_another_tenant_sees_nothing_of_a_landed_file(db: Connection, tenant: Tenant) -> None:
    landed = land(db, tenant.id, [b"secret"], limit=100)
    assert open_landed(db, tenant.id + 1, landed.upload_id).read() == b""
