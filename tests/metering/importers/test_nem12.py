"""NEM12: powerbox.md 4.2. Market time is UTC+10, so 00:00 of 1 March is 14:00Z of 29 February 2024."""

import warnings
from datetime import UTC, date, datetime, timedelta

import nemreader
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.metering.importers.nem import nmi_checksum
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Flow, Kind

HEAD = "100,NEM12,202403020000,MDP1,RETAIL1"
NMI = "NMA0000001"
CHANNEL = f"200,{NMI},E1B1,1,E1,N1,MET01,KWH,30,20250101"
STAMP = "20240302010000"


def day(day="20240301", method="A", reason="", description="", updated=STAMP, n=48, first=0, values=None):
    values = values or [f"{(first + at) / 1000:.3f}" for at in range(n)]
    return ",".join(["300", day, *values, method, reason, description, updated, updated])


def nem(*records, end="900"):
    return "\n".join([HEAD, *records, end]) + "\n"


@pytest.mark.parametrize(("minutes", "n"), [(5, 288), (15, 96), (30, 48)])
def test_interval_k_ends_k_lengths_after_midnight_of_market_time(read, utc, minutes, n):
    got = read("nem12", nem(CHANNEL.replace(",30,", f",{minutes},"), day(n=n)))
    assert [start for _, start, *_ in got.rows] == [utc(2024, 2, 29, 14) + minutes * 60 * k for k in range(n)]
    assert [value for _, _, value, *_ in got.rows] == [k / 1000 for k in range(n)]
    key = got.rows[0][0]
    assert (key.meter_id, key.channel, key.unit, key.interval_s, key.flow, key.kind) == (
        NMI,
        "E1",
        "kWh",
        minutes * 60,
        Flow.DELIVERED,
        Kind.ENERGY,
    )
    assert got.rows[0][5] == 3


@pytest.mark.parametrize(
    ("suffix", "uom", "flow", "kind"),
    [
        ("E2", "KWH", Flow.DELIVERED, Kind.ENERGY),
        ("B1", "wh", Flow.RECEIVED, Kind.ENERGY),
        ("Q1", "KVARH", Flow.DELIVERED, Kind.REACTIVE_ENERGY),
        ("K1", "KVArh", Flow.RECEIVED, Kind.REACTIVE_ENERGY),
        ("N1", "MWH", Flow.NET, Kind.ENERGY),
        ("T1", "KVAH", Flow.TOTAL, Kind.APPARENT_ENERGY),
        ("G1", "pf", Flow.TOTAL, Kind.OTHER),
    ],
)
def test_the_suffix_tells_the_direction_and_the_unit_the_kind(read, suffix, uom, flow, kind):
    got = read("nem12", nem(CHANNEL.replace(",E1,", f",{suffix},").replace("KWH", uom), day()))
    assert {(k.channel, k.flow, k.kind) for k, *_ in got.rows} == {(suffix, flow, kind)}


def test_quality_method_and_reason_are_kept_beside_the_scale(read):
    got = read("nem12", nem(CHANNEL, day(method="S14", reason="0", description="Storm")))
    assert {(q, label) for _, _, _, q, label, _ in got.rows} == {(Quality.SUBSTITUTED, "S14 0 Storm")}
    assert read("nem12", nem(CHANNEL, day())).rows[0][3:5] == (Quality.ACTUAL, "")
    null = read("nem12", nem(CHANNEL, day(method="N", values=[""] * 48)))
    assert {(value, q) for _, _, value, q, *_ in null.rows} == {(None, Quality.MISSING)}


def test_a_variable_day_takes_its_qualities_from_400_records(read):
    got = read("nem12", nem(CHANNEL, day(method="V"), "400,1,20,A,,", "400,21,47,S14,76,", "400,48,48,N,,"))
    assert [q for _, _, _, q, *_ in got.rows] == [Quality.ACTUAL] * 20 + [Quality.SUBSTITUTED] * 27 + [Quality.MISSING]
    assert [label for *_, label, _ in got.rows] == [""] * 20 + ["S14 76"] * 27 + [""]
    assert [value is None for _, _, value, *_ in got.rows] == [False] * 47 + [True]


@pytest.mark.parametrize(
    ("marks", "codes"),
    [
        ([], ["VARIABLE_NOT_COVERED"]),
        (["400,1,47,A,,"], ["VARIABLE_NOT_COVERED"]),
        (["400,1,48,A,,", "400,48,48,A,,"], ["BAD_RANGE", "VARIABLE_NOT_COVERED"]),
        (["400,0,48,A,,"], ["BAD_RANGE", "VARIABLE_NOT_COVERED"]),
        (["400,1,49,A,,"], ["BAD_RANGE", "VARIABLE_NOT_COVERED"]),
        (["400,20,10,A,,"], ["BAD_RANGE", "VARIABLE_NOT_COVERED"]),
        (["400,1,48,V,,"], ["BAD_QUALITY", "VARIABLE_NOT_COVERED"]),
        (["400,1,48,A,"], ["WRONG_FIELD_COUNT", "VARIABLE_NOT_COVERED"]),
    ],
)
def test_a_variable_day_must_be_covered_once(read, marks, codes):
    got = read("nem12", nem(CHANNEL, day(method="V"), *marks, day("20240302")))
    assert [code for _, code in got.codes] == codes
    assert len(got.rows) == 48


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (day(values=["1"] * 40), "WRONG_FIELD_COUNT"),
        (day(values=["1"] * 49), "WRONG_FIELD_COUNT"),
        (day(values=["-1"] * 48), "BAD_NUMBER"),
        (day(values=["1e3"] * 48), "BAD_NUMBER"),
        (day(values=["1.2.3"] * 48), "BAD_NUMBER"),
        (day(values=["9" * 400] * 48), "BAD_NUMBER"),
        (day("19691231"), "BAD_DATE"),
        (day("21000102"), "BAD_DATE"),
        (day(values=[""] * 48), "BAD_NUMBER"),
        (day("20240231"), "BAD_DATE"),
        (day("2024031"), "BAD_DATE"),
        (day(updated="20240301"), "BAD_DATE"),
        (day(method="X"), "BAD_QUALITY"),
        (day(method="A1"), "BAD_QUALITY"),
        (day(reason="abc"), "BAD_QUALITY"),
        ("400,1,48,A,,", "RECORD_ORDER"),
        ("500,O,,20240301,1", "BAD_DATE"),
        ("500,O,,20240301000000,-1", "BAD_NUMBER"),
    ],
)
def test_a_bad_record_is_refused_alone(read, record, code):
    got = read("nem12", nem(CHANNEL, record, "200,NMA0000002,E1,1,E1,N1,M2,KWH,30,", day("20240305")))
    assert got.codes == [(3, code)]
    assert len(got.rows) == 48


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("200,NMI0000001,E1,1,E1,N1,M2,KWH,30,", "BAD_NMI"),
        ("200,NMA000001,E1,1,E1,N1,M2,KWH,30,", "BAD_NMI"),
        ("200,QAAAVZZZZZ4,E1,1,E1,N1,M2,KWH,30,", "BAD_NMI"),
        ("200,NMA0000001,E1,1,E1,N1,M2,FURLONG,30,", "UNKNOWN_UNIT"),
        ("200,NMA0000001,E1,1,E11,N1,M2,KWH,30,", "BAD_SUFFIX"),
        ("200,NMA0000001,E1,1,E1,N1,M2,KWH,60,", "BAD_INTERVAL"),
        ("200,NMA0000001,E1,1,E1,N1,M2,KWH,30", "WRONG_FIELD_COUNT"),
    ],
)
def test_what_follows_a_bad_200_record_has_no_channel(read, record, code):
    got = read("nem12", nem(CHANNEL, day(), record, day("20240302")))
    assert got.codes == [(4, code), (5, "RECORD_ORDER")]
    assert len(got.rows) == 48


def test_a_300_record_after_a_500_record_is_out_of_order(read):
    got = read("nem12", nem(CHANNEL, day(), "500,O,,20240301000000,1", day("20240302")))
    assert got.codes == [(5, "RECORD_ORDER")]


def test_an_index_read_becomes_a_register_read(read, utc):
    got = read("nem12", nem(CHANNEL, day(), "500,N,RSO1,20240301083000,1234.5", "500,E,,20240302083000,1240"))
    assert [(k.interval_s, k.channel, at, value, q) for k, at, value, q, _ in got.registers] == [
        (0, "E1", utc(2024, 2, 29, 22, 30), 1234.5, Quality.ACTUAL),
        (0, "E1", utc(2024, 3, 1, 22, 30), 1240.0, Quality.ESTIMATED),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        HEAD + "\n",
        nem(CHANNEL, day(), end=""),
        nem(CHANNEL, day()) + day("20240302") + "\n",
        nem(CHANNEL, HEAD, day()),
        nem("250,x"),
        nem("999"),
        nem(CHANNEL).replace("NEM12", "NEM13"),
        nem(CHANNEL).replace("202403020000", "2024030200"),
        CHANNEL + "\n900\n",
    ],
)
def test_a_file_without_its_frame_is_no_nem12_file(read, text):
    with pytest.raises(Invalid) as raised:
        read("nem12", text)
    assert raised.value.code == "BAD_FILE"
    assert "line" in raised.value.facts


def test_of_two_records_for_a_day_the_newer_update_counts_wherever_it_stands(read):
    older, newer = day(updated="20240302000000", first=0), day(updated="20240303000000", first=500)
    for order in ((older, newer), (newer, older), (newer, older, older)):
        for batch_rows in (1, 200_000):
            got = read("nem12", nem(CHANNEL, *order), batch_rows=batch_rows)
            last = {start: value for _, start, value, *_ in got.rows}
            assert list(last.values()) == [(500 + at) / 1000 for at in range(48)]
            assert {code for _, code in got.note_codes} == {"SUPERSEDED"}
    assert len(read("nem12", nem(CHANNEL, newer, older)).rows) == 48


def test_a_small_batch_does_not_cut_a_variable_day(read):
    records = [CHANNEL]
    for d in range(1, 9):
        records += [day(f"2024030{d}", method="V"), "400,1,20,A,,", f"400,21,48,S1{d},76,"]
    got = read("nem12", nem(*records), batch_rows=1)
    assert {label for *_, label, _ in got.rows} == {"", *(f"S1{d} 76" for d in range(1, 9))}


def test_an_incomplete_quality_is_noted_and_the_day_kept(read):
    for method, reason in (("E", ""), ("S14", ""), ("A", "0")):
        got = read("nem12", nem(CHANNEL, day(method=method, reason=reason)))
        assert [code for _, code in got.note_codes] == ["QUALITY_INCOMPLETE"]
        assert len(got.rows) == 48


def test_commas_that_a_spreadsheet_appends_are_no_fields(read):
    text = "\n".join(line + ",,," for line in nem(CHANNEL, day()).split("\n")[:-1]) + "\n"
    assert len(read("nem12", text.replace("\n", "\r\n")).rows) == 48


@pytest.mark.parametrize(
    ("name", "digit"),
    [("QAAAVZZZZZ", 3), ("2001985732", 8), ("2001985733", 6), ("3075621875", 8), ("4316854005", 9), ("7102000001", 7)],
)
def test_the_check_digit_of_an_nmi(read, name, digit):
    """Worked examples of AEMO's National Metering Identifier procedure."""
    assert nmi_checksum(name) == digit
    got = read("nem12", nem(CHANNEL.replace(NMI, f"{name}{digit}"), day()))
    assert got.rows[0][0].meter_id == name


@st.composite
def files(draw):
    minutes = draw(st.sampled_from([5, 15, 30]))
    n = 1440 // minutes
    records, wanted = [], {}
    for meter in range(draw(st.integers(1, 2))):
        records.append(f"200,NMA000000{meter},E1B1,1,E1,N1,MET01,KWH,{minutes},")
        first = date(2024, 1, 1) + timedelta(draw(st.integers(0, 365)))
        for d in range(draw(st.integers(1, 3))):
            values = draw(st.lists(st.integers(0, 10**6), min_size=n, max_size=n))
            texts = [f"{v / 1000:.3f}" for v in values]
            method, reason = draw(st.sampled_from([("A", ""), ("S14", "76"), ("E52", ""), ("F16", "76"), ("V", "")]))
            today = first + timedelta(d)
            records.append(day(f"{today:%Y%m%d}", method, reason, n=n, values=texts))
            cut = draw(st.integers(1, n - 1)) if method == "V" else n
            if method == "V":
                records += [f"400,1,{cut},A,,", f"400,{cut + 1},{n},S14,76,"]
            midnight = int(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp()) - 36_000
            for at, text in enumerate(texts):
                label = {"V": "A" if at < cut else "S14 76"}.get(method, f"{method} {reason}".strip())
                wanted[f"NMA000000{meter}", midnight + at * minutes * 60] = (float(text), "" if label == "A" else label)
    return nem(*records), wanted


@settings(deadline=None, max_examples=30)
@given(files())
def test_what_is_written_is_read(read, made):
    text, wanted = made
    got = read("nem12", text)
    assert not got.rejects
    assert {(k.meter_id, start): (value, label) for k, start, value, _, label, _ in got.rows} == wanted


@settings(deadline=None, max_examples=10)
@given(files())
def test_nemreader_reads_the_same(read, tmp_path_factory, made):
    """The oracle gives naive market times and the method and reason in two fields."""
    text, _ = made
    path = tmp_path_factory.mktemp("nem") / "x.csv"
    path.write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its file to the garbage collector
        theirs = nemreader.read_nem_file(str(path))
        readings = theirs.readings
    expected = {
        (meter, int(r.t_start.replace(tzinfo=UTC).timestamp()) - 36_000): (
            r.read_value,
            "" if r.quality_method == "A" else f"{r.quality_method} {r.event_code}".strip(),
        )
        for meter, channels in readings.items()
        for r in channels["E1"]
    }
    got = read("nem12", text)
    assert {(k.meter_id, start): (value, label) for k, start, value, _, label, _ in got.rows} == expected


def test_where_nemreader_differs(read, tmp_path):
    """It skips a short day without a word and takes a file without its end; we refuse the record and the file."""
    text = nem(CHANNEL, day(values=["1"] * 40), day("20240302"))
    path = tmp_path / "x.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        path.write_text(text)
        assert len(nemreader.read_nem_file(str(path)).readings[NMI]["E1"]) == 48
        path.write_text(text.removesuffix("900\n"))
        assert len(nemreader.read_nem_file(str(path)).readings[NMI]["E1"]) == 48
    assert read("nem12", text).codes == [(3, "WRONG_FIELD_COUNT")]
    with pytest.raises(Invalid, match="part of it is missing"):
        read("nem12", text.removesuffix("900\n"))
