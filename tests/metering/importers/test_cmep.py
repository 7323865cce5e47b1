"""CMEP MEPMD01: powerbox.md 4.3."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.metering.importers.cmep import file_stamp, sniff
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Kind

SAMPLE = (
    "MEPMD01,19970819,UTIL01,,PLAT01,,202511210600,M100,OK,E,KWH,1,00000100,2,202511200100,R0,0.512,,R0,0.498\n"
    "MEPMD01,19970819,UTIL01,,PLAT01,,202511210600,M100,OK,E,KWHREG,1,00000000,1,202511200200,R0,10452.010\n"
)
"""The synthetic sample of powerbox.md 4.3."""


def line(
    *readings,
    unit="KWH",
    constant="1",
    interval="00000015",
    stamp="202511210600",
    purpose="OK",
    commodity="E",
    meter="M1",
):
    lead = ["MEPMD01", "20080101", "U", "", "P", "", stamp, meter, purpose, commodity, unit, constant, interval]
    return ",".join([*lead, str(len(readings)), *(",".join(r) for r in readings)]) + "\n"


ONE = ("202511200015", "R0", "1.5")


def test_the_sample_of_the_contract(read, utc):
    got = read("cmep", SAMPLE)
    assert [(k.meter_id, k.interval_s, start, value, q, row) for k, start, value, q, _, row in got.rows] == [
        ("M100", 3600, utc(2025, 11, 20, 0), 0.512, Quality.ACTUAL, 1),
        ("M100", 3600, utc(2025, 11, 20, 1), 0.498, Quality.ACTUAL, 1),
    ]
    assert [(k.interval_s, at, value, row) for k, at, value, _, row in got.registers] == [
        (0, utc(2025, 11, 20, 2), 10452.01, 2)
    ]


def test_the_calculation_constant_is_applied_to_as_many_decimals_as_the_product_has(read):
    got = read(
        "cmep",
        line(("202511200015", "R0", "0.3"), ("", "R0", "1.01"), constant="3")
        + line(ONE, unit="KWHREG", interval="00000000", constant="0.1"),
    )
    assert [value for _, _, value, *_ in got.rows] == [0.9, 3.03]
    assert [value for _, _, value, *_ in got.registers] == [0.15]


def test_a_blank_time_follows_the_one_before_even_after_a_jump(read, utc):
    got = read("cmep", line(ONE, ("", "R0", "2"), ("202511200100", "R0", "3"), ("", "R0", "4")))
    assert [start for _, start, *_ in got.rows] == [utc(2025, 11, 20, *t) for t in ((0, 0), (0, 15), (0, 45), (1, 0))]


def test_quality_letters_map_and_their_text_is_kept(read):
    texts = ["R0", "A5", "E1", "N0", "", "R64"]
    got = read("cmep", line(*(("" if at else "202511200015", q, "1") for at, q in enumerate(texts))))
    assert [(q, label) for _, _, _, q, label, _ in got.rows] == [
        (Quality.ACTUAL, ""),
        (Quality.ACTUAL, "A5"),
        (Quality.ESTIMATED, "E1"),
        (Quality.MISSING, ""),
        (Quality.UNKNOWN, ""),
        (Quality.ACTUAL, "R64"),
    ]
    assert [value for _, _, value, *_ in got.rows][3] is None
    assert read("cmep", line(("202511200015", "X1", "1"))).codes == [(1, "BAD_QUALITY")]
    own = read("cmep", line(("202511200015", "X1", "1")), quality_letters={"X": Quality.SUSPECT})
    assert own.rows[0][3] is Quality.SUSPECT


def test_only_configured_purposes_are_loaded_and_others_are_said(read):
    text = line(ONE) + line(ONE, purpose="SUMMARY")
    got = read("cmep", text)
    assert len(got.rows) == 1
    assert got.note_codes == [(2, "PURPOSE_NOT_LOADED")]
    assert len(read("cmep", text, purposes=frozenset({"OK", "SUMMARY"})).rows) == 2


def test_gas_and_water(read):
    got = read("cmep", line(ONE, commodity="G", unit="CCF") + line(ONE, commodity="W", unit="GAL"))
    assert [(k.commodity, k.kind, k.unit) for k, *_ in got.rows] == [
        (Commodity.GAS, Kind.VOLUME, "ccf"),
        (Commodity.WATER, Kind.VOLUME, "gal"),
    ]


def test_a_daily_reading_ends_at_local_midnight(read, utc):
    got = read("cmep", line(("202511210500", "R0", "9"), interval="00010000"))
    assert [(k.interval_s, start) for k, start, *_ in got.rows] == [(86400, utc(2025, 11, 20, 5))]
    assert read("cmep", line(("202511210000", "R0", "9"), interval="00010000")).codes == [(1, "DAY_NOT_AT_MIDNIGHT")]


@pytest.mark.parametrize("separator", ["\t", "|"])
def test_tab_and_pipe_variants(read, separator):
    assert read("cmep", SAMPLE.replace(",", separator)).rows == read("cmep", SAMPLE).rows


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (line(ONE).replace(",1.5", ""), "WRONG_FIELD_COUNT"),
        (line(ONE).replace("1.5\n", "1.5,\n"), "WRONG_FIELD_COUNT"),
        (line(ONE).replace(",1,2025", ",2,2025"), "WRONG_FIELD_COUNT"),
        (line(ONE).replace(",1,2025", ",x,2025"), "WRONG_FIELD_COUNT"),
        ("MEPMD01\n", "WRONG_FIELD_COUNT"),
        (line(ONE).replace("MEPMD01", "MEPMD02"), "UNSUPPORTED_RECORD"),
        (line(("", "R0", "1")), "BAD_DATE"),
        (line(("202511200060", "R0", "1")), "BAD_DATE"),
        (line(("202502300000", "R0", "1")), "BAD_DATE"),
        (line(("202511200015", "R0", "")), "BAD_NUMBER"),
        (line(("202511200015", "R0", "1e3")), "BAD_NUMBER"),
        (line(("202511200015", "R0", "1-3")), "BAD_NUMBER"),
        (line(("202511200015", "R0", "9" * 400)), "BAD_NUMBER"),
        (line(("196911200015", "R0", "1")), "BAD_DATE"),
        (line(ONE, constant="x"), "BAD_NUMBER"),
        (line(ONE, constant="0"), "BAD_NUMBER"),
        (line(ONE, interval="00000000"), "BAD_INTERVAL"),
        (line(ONE, interval="01000000"), "BAD_INTERVAL"),
        (line(ONE, interval="00000007"), "BAD_INTERVAL"),
        (line(ONE, interval="15"), "BAD_INTERVAL"),
        (line(ONE, commodity="X"), "UNKNOWN_COMMODITY"),
        (line(ONE, unit="STONE"), "UNKNOWN_UNIT"),
        (line(ONE, unit="KWH", commodity="W"), "UNIT_OF_OTHER_COMMODITY"),
        (line(ONE, meter=""), "BAD_METER_ID"),
    ],
)
def test_a_bad_line_is_refused_alone(read, bad, code):
    got = read("cmep", SAMPLE + bad + line(ONE, meter="M9"))
    assert got.codes == [(3, code)]
    assert [k.meter_id for k, *_ in got.rows] == ["M100", "M100", "M9"]


def test_the_last_line_may_have_been_cut(read):
    assert read("cmep", SAMPLE[:-2]).codes == [(2, "UNFINISHED_LINE")]
    assert len(read("cmep", SAMPLE[:-1], final_newline=False).registers) == 1


def test_files_go_by_their_stamp(read):
    assert sniff(SAMPLE.encode(), "x")
    assert file_stamp(SAMPLE.encode()) == datetime(2025, 11, 21, 6, tzinfo=UTC)
    assert file_stamp(b"MEPMD01,1") is None
    assert file_stamp(b"100,NEM12") is None
    got = read("cmep", line(ONE, stamp="202511210600") + line(ONE, stamp="202511200600"))
    assert got.note_codes == [(2, "STAMP_ORDER")]


def test_another_file_is_refused(read):
    for text in ("", "\n", "100,NEM12\n", "MEPMD01;1\n"):
        with pytest.raises(Invalid) as raised:
            read("cmep", text)
        assert raised.value.code == "BAD_FILE"


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from("RAE"), st.booleans()), min_size=1, max_size=30),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read(read, utc, meters):
    text, wanted = "", {}
    for number, readings in enumerate(meters):
        end, made = utc(2025, 3, 1), []
        for at, (value, letter, blank) in enumerate(readings):
            end += 900 if at else 0
            stamp = "" if blank and at else datetime.fromtimestamp(end, UTC).strftime("%Y%m%d%H%M")
            made.append((stamp, f"{letter}0", f"{value / 1000:.3f}"))
            wanted[f"M{number}", end - 900] = value / 1000
        text += line(*made, meter=f"M{number}")
    got = read("cmep", text)
    assert not got.rejects
    assert got.values == wanted
