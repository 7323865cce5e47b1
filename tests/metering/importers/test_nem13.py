"""NEM13: powerbox.md 4.2."""

import pytest

from energygrid.errors import Invalid
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Flow

HEAD = "100,NEM13,202404010000,MDP1,RETAIL1"
FIELDS = {
    "nmi": "NMA0000001",
    "configuration": "11",
    "register": "1",
    "suffix": "11",
    "stream": "11",
    "serial": "MET01",
    "direction": "E",
    "previous": "1000.5",
    "previous_at": "20240101083000",
    "previous_method": "A",
    "previous_reason": "",
    "previous_description": "",
    "current": "1300",
    "current_at": "20240401083000",
    "current_method": "E64",
    "current_reason": "",
    "current_description": "",
    "quantity": "299.5",
    "uom": "KWH",
    "next": "20240701",
    "updated": "20240402000000",
    "loaded": "",
}


def record(**changes):
    return ",".join(["250", *(FIELDS | changes).values()])


def nem(*records):
    return "\n".join([HEAD, *records, "900"]) + "\n"


def test_a_record_gives_two_index_reads_and_says_the_quantity(read, utc):
    got = read("nem13", nem(record(), "550,N,,N,"))
    assert [
        (k.meter_id, k.channel, k.unit, k.interval_s, k.flow, at, value, q) for k, at, value, q, _ in got.registers
    ] == [
        ("NMA0000001", "11", "kWh", 0, Flow.DELIVERED, utc(2023, 12, 31, 22, 30), 1000.5, Quality.ACTUAL),
        ("NMA0000001", "11", "kWh", 0, Flow.DELIVERED, utc(2024, 3, 31, 22, 30), 1300.0, Quality.ESTIMATED),
    ]
    assert [(n.row, n.code) for n in got.notes] == [(2, "REGISTER_QUANTITY")]
    assert "299.5 kWh" in got.notes[0].message
    assert "E64" in got.notes[0].message
    assert not got.rows
    assert not got.rejects


def test_import_is_energy_into_the_grid(read):
    assert {k.flow for k, *_ in read("nem13", nem(record(direction="I"))).registers} == {Flow.RECEIVED}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"direction": "X"}, "BAD_DIRECTION"),
        ({"nmi": "NMI"}, "BAD_NMI"),
        ({"current": "1e3"}, "BAD_NUMBER"),
        ({"quantity": ""}, "BAD_NUMBER"),
        ({"current_at": "20240101083000"}, "BAD_DATE"),
        ({"previous_at": "20240101"}, "BAD_DATE"),
        ({"current_method": "V"}, "BAD_QUALITY"),
        ({"uom": "stone"}, "UNKNOWN_UNIT"),
        ({"loaded": "x,y"}, "WRONG_FIELD_COUNT"),
    ],
)
def test_a_bad_record_and_its_transaction_are_refused(read, changes, code):
    got = read("nem13", nem(record(**changes), "550,N,,N,", record()))
    assert got.codes == [(2, code), (3, "RECORD_ORDER")]
    assert len(got.registers) == 2


def test_the_two_versions_do_not_mix(read):
    with pytest.raises(Invalid, match="not a record of NEM13"):
        read("nem13", nem(record(), "200,NMA0000001,E1,1,E1,N1,M,KWH,30,"))


def test_a_file_without_its_end_is_refused(read):
    with pytest.raises(Invalid, match="part of it is missing"):
        read("nem13", nem(record()).removesuffix("900\n"))
