"""Consumption records by themselves. contracts/flexibility.md 1.4."""

from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.flexibility.consumption.records import Records, decode

ASSET = "8b0f8f3e-2f3c-4d55-9a5e-0f6f6b7c9d10"
AT = 1_768_496_400
NOW = AT + 3600


def read(*records: object, **more: object) -> Records:
    return decode(msgspec.json.encode(list(records)), **{"most": 100, "now": NOW, **more})


def record(**changes: object) -> dict[str, object]:
    return {"assetUUID": ASSET, "timestamp": AT, "value": 0.5} | changes


def test_a_record_without_a_type_is_import() -> None:
    records = read(record(), record(type="import"), record(type="export", timestamp=AT + 1800))
    assert records.export.tolist() == [False, False, True]
    assert records.start.tolist() == [AT, AT, AT + 1800]
    assert records.assets == [ASSET]


def test_milliseconds_are_seconds() -> None:
    assert read(record(timestamp=AT * 1000)).start.tolist() == [AT]


def test_uuids_are_told_apart_whatever_their_case() -> None:
    records = read(record(assetUUID=ASSET.upper()), record(timestamp=AT + 1800))
    assert {records.assets[at] for at in records.index.tolist()} == {ASSET}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"value": -0.001}, "NEGATIVE"),
        ({"value": 1e300}, "TOO_MUCH"),
        ({"value": None}, "MALFORMED"),
        ({"value": "0.5"}, "MALFORMED"),
        ({"timestamp": AT + 1}, "OFF_GRID"),
        ({"timestamp": 0}, "TOO_OLD"),
        ({"timestamp": 2**70}, "IN_FUTURE"),
        ({"timestamp": -(2**63)}, "TOO_OLD"),
        ({"timestamp": AT + 0.5}, "MALFORMED"),
        ({"timestamp": AT + 91_800}, "IN_FUTURE"),
        ({"assetUUID": "house 7"}, "UNKNOWN_ASSET"),
        ({"assetUUID": None}, "MALFORMED"),
        ({"type": "both"}, "MALFORMED"),
    ],
)
def test_a_bad_record_is_rejected_by_its_place_and_stops_no_other(changes: dict[str, object], reason: str) -> None:
    records = read(record(), record(**changes), record(timestamp=AT + 1800))
    assert records.row.tolist() == [0, 2]
    assert [(each.index, each.reason.split(":")[0].split(" ")[0]) for each in records.rejected] == [(1, reason)]


def test_a_record_that_is_no_object_is_rejected() -> None:
    assert [each.index for each in read(3, record(), None).rejected] == [0, 2]


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b'[{"assetUUID":]', b"\xff", b'"x"', b"null", b"[" * 100_000])
def test_a_body_that_is_no_array_is_refused_whole(body: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        decode(body, most=100, now=NOW)
    assert refused.value.code == "MALFORMED_JSON"


@pytest.mark.parametrize("last", [record(), {"assetUUID": 1}])
def test_too_many_records_are_refused_whole(last: dict[str, object]) -> None:
    assert len(read(record(), most=1)) == 1
    with pytest.raises(Invalid) as refused:
        read(record(), last, most=1)
    assert refused.value.code == "TOO_MANY_RECORDS"


def test_records_below_an_asset_need_no_uuid() -> None:
    records = read({"timestamp": AT, "value": 1}, {"timestamp": AT, "value": "x"}, asset=ASSET)
    assert (records.assets, records.value.tolist()) == ([ASSET], [1.0])
    assert [(each.index, each.asset_uuid) for each in records.rejected] == [(1, ASSET)]


@given(
    st.lists(st.one_of(st.builds(record), st.dictionaries(st.text(max_size=9), st.integers()), st.none()), max_size=30)
)
def test_every_record_is_either_taken_or_rejected(sent: list[object]) -> None:
    records = read(*sent)
    assert sorted(records.row.tolist() + [each.index for each in records.rejected]) == list(range(len(sent)))


def test_one_bad_record_changes_nothing_about_the_others() -> None:
    """The quick way and the way record by record read alike."""
    sent = [record(assetUUID=str(uuid4()), timestamp=AT - 1800 * at, value=at / 8) for at in range(20)]
    quick, slow = read(*sent), read(*sent, None)
    assert quick.assets == slow.assets
    for name in ("index", "start", "value", "export", "row"):
        assert getattr(quick, name).tolist() == getattr(slow, name).tolist()
