"""The usage CSV: powerbox.md 1.7, 1.13 P-5 and C26."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.metering.importers import sources
from energygrid.metering.importers.energygrid_csv import read_file_name, sniff
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind

HEADER = "AccountNumber,ExternalSiteID,MeterID,TimeStamp,TotalUnit"
NEW_YORK = ZoneInfo("America/New_York")


def csv_of(*rows, header=HEADER):
    return "\n".join([header, *rows]) + "\n"


def day_rows(meter="M1", day=(2024, 6, 3), minutes=15, value="0.500"):
    start = datetime(*day)
    stamps = (start + timedelta(minutes=m) for m in range(0, 1440, minutes))
    return [f"A,S,{meter},{t.month}/{t.day}/{t.year} {t.hour}:{t.minute:02d},{value}" for t in stamps]


def test_the_published_daily_sample_is_read_as_local_days(read, utc):
    """1.7: sample rows carry dates such as 1/2/2017 and three decimals; no time means a daily total."""
    got = read("energygrid", csv_of("1,2,M1,1/2/2017,12.345", "1,2,M1,1/3/2017,13.000"))
    assert [(k.interval_s, start, value, q) for k, start, value, q, *_ in got.rows] == [
        (86400, utc(2017, 1, 2, 5), 12.345, Quality.UNKNOWN),
        (86400, utc(2017, 1, 3, 5), 13.0, Quality.UNKNOWN),
    ]
    key = got.rows[0][0]
    assert (key.meter_id, key.commodity, key.flow, key.kind, key.unit) == (
        "M1",
        Commodity.ELECTRICITY,
        Flow.DELIVERED,
        Kind.ENERGY,
        "kWh",
    )


def test_columns_come_in_any_order_and_unknown_ones_are_noted(read):
    header = "totalunit,Colour,TimeStamp,MeterID,ExternalSiteID,AccountNumber"
    got = read("energygrid", csv_of("1.5,r\u00f6d,1/2/2017,M1,2,3", header=header))
    assert [row[2] for row in got.rows] == [1.5]
    assert [(n.code, n.message) for n in got.notes] == [("IGNORED_COLUMN", "column 'Colour' is not read")]


@pytest.mark.parametrize(
    "header",
    ["", "a,b,c", "AccountNumber,ExternalSiteID,MeterID,TimeStamp", HEADER + ",MeterID", "\x00\x01"],
)
def test_a_file_without_the_published_header_is_no_usage_file(read, header):
    with pytest.raises(Invalid) as raised:
        read("energygrid", csv_of("1,2,M1,1/2/2017,12.345", header=header))
    assert raised.value.code == "BAD_FILE"
    assert raised.value.facts["line"] == 1


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_the_interval_length_shows_in_the_spacing(read, minutes):
    got = read("energygrid", csv_of(*day_rows(minutes=minutes)))
    assert got.lengths == {minutes * 60}
    assert len(got.rows) == 1440 // minutes
    assert not got.rejects


def test_a_meter_may_change_its_interval_length_overnight(read):
    rows = day_rows(day=(2024, 6, 3), minutes=60) + day_rows(day=(2024, 6, 4), minutes=15)
    got = read("energygrid", csv_of(*rows))
    assert [k.interval_s for k, *_ in got.rows].count(3600) == 24
    assert [k.interval_s for k, *_ in got.rows].count(900) == 96
    back = read("energygrid", csv_of(*day_rows(minutes=15), *day_rows(day=(2024, 6, 4), minutes=60)))
    assert [k.interval_s for k, *_ in back.rows].count(3600) == 24


def test_a_meter_day_of_two_lengths_is_refused_and_other_days_are_not(read):
    """C26: refuse mixed grain per meter-day."""
    mixed = day_rows(minutes=15)[:24] + day_rows(minutes=60)[6:]
    got = read("energygrid", csv_of(*mixed, *day_rows(day=(2024, 6, 4))))
    assert {code for _, code in got.codes} == {"MIXED_GRAIN"}
    assert len(got.codes) == len(mixed)
    assert len(got.rows) == 96


def test_a_daily_total_beside_its_intervals_is_mixed(read):
    got = read("energygrid", csv_of(*day_rows(), "A,S,M1,6/3/2024,48.0"))
    assert not got.rows
    assert {code for _, code in got.codes} == {"MIXED_GRAIN"}


def test_gaps_do_not_make_intervals_longer(read):
    """A quarter hour that stands an hour from its neighbours is a quarter hour still: its series is known."""
    sparse = [row for at, row in enumerate(day_rows(day=(2024, 6, 4))) if at in {4, 8}]
    got = read("energygrid", csv_of(*day_rows(), *sparse))
    assert got.lengths == {900}
    assert len(got.rows) == 98


def test_one_row_alone_shows_no_length(read):
    row = csv_of("A,S,M1,6/3/2024 1:00,0.5")
    assert read("energygrid", row).codes == [(2, "GRAIN_UNKNOWN")]
    assert read("energygrid", row, interval_s=3600).lengths == {3600}


def test_a_long_gap_between_two_rows_is_no_interval(read):
    got = read("energygrid", csv_of("A,S,M1,6/3/2024 1:00,0.5", "A,S,M1,6/3/2024 4:00,0.5"))
    assert got.codes == [(2, "GRAIN_UNKNOWN"), (3, "GRAIN_UNKNOWN")]
    assert read(
        "energygrid", csv_of("A,S,M1,6/3/2024 1:00,0.5", "A,S,M1,6/3/2024 4:00,0.5"), interval_s=900
    ).lengths == {900}


def test_interval_seconds_say_it(read):
    header = HEADER + ",IntervalSeconds"
    got = read("energygrid", csv_of("A,S,M1,6/3/2024 1:00,0.5,900", "A,S,M1,6/3/2024 2:00,0.5,900", header=header))
    assert got.lengths == {900}
    bad = read(
        "energygrid",
        csv_of(*(f"A,S,M1,6/3/2024 1:00,0.5,{n}" for n in ("7", "-900", "1e3", "90000")), header=header),
    )
    assert {code for _, code in bad.codes} == {"BAD_INTERVAL"}


def test_a_date_that_can_be_two_is_refused_with_its_line_until_the_order_is_set(read, utc):
    """C26: never guessed; only a day above 12 tells, and then only for itself."""
    data = csv_of("A,S,M1,1/13/2017,1.0", "A,S,M1,1/2/2017,1.0")
    with pytest.raises(Invalid) as raised:
        read("energygrid", data, date_order=None)
    assert raised.value.code == "AMBIGUOUS_DATE_ORDER"
    assert raised.value.facts["line"] == 3
    dmy = read("energygrid", csv_of("A,S,M1,1/2/2017,1.0"), date_order="DMY")
    assert dmy.rows[0][1] == utc(2017, 2, 1, 5)


def test_without_an_order_clear_dates_are_read_and_contradicting_ones_refused(read, utc):
    clear = read(
        "energygrid", csv_of("A,S,M1,2017-01-02,1", "A,S,M1,1/1/2017,1", "A,S,M1,1/13/2017,2"), date_order=None
    )
    assert {start for _, start, *_ in clear.rows} == {utc(2017, 1, d, 5) for d in (1, 2, 13)}
    with pytest.raises(Invalid, match="month first or day first"):
        read("energygrid", csv_of("A,S,M1,1/13/2017,1", "A,S,M1,13/1/2017,2"), date_order=None)


def test_the_repeated_hour_is_first_summer_then_standard_time(read, utc):
    """New York, 3 November 2024: 06:00Z is 1:00 again."""
    hours = [0, 1, 1, 2, 3]
    got = read("energygrid", csv_of(*(f"A,S,M1,11/3/2024 {h}:00,{v}" for v, h in enumerate(hours))))
    assert {start: value for _, start, value, *_ in got.rows} == {utc(2024, 11, 3, 4 + n): n for n in range(5)}


def test_the_repeated_hour_is_told_apart_per_meter_and_across_slabs(read, utc, monkeypatch):
    rows = [
        f"A,S,M{m},11/3/2024 {h}:{q:02d},{n}"
        for n, h in enumerate([0, 1, 1, 2])
        for q in (0, 15, 30, 45)
        for m in (1, 2)
    ]
    whole = read("energygrid", csv_of(*rows))
    assert len(whole.rows) == len(rows)
    assert whole.values[("M2", utc(2024, 11, 3, 6, 15))] == 2
    monkeypatch.setattr(sources.slabs, "__defaults__", (64,))
    assert sorted(read("energygrid", csv_of(*rows)).rows, key=str) == sorted(whole.rows, key=str)


def test_a_third_row_for_a_repeated_time_is_refused(read):
    got = read("energygrid", csv_of(*(f"A,S,M1,11/3/2024 {h}:00,1" for h in (0, 1, 1, 1, 2))))
    assert got.codes == [(5, "AMBIGUOUS_TIME")]


def test_an_offset_decides_the_repeated_hour(read, utc):
    got = read(
        "energygrid",
        csv_of(
            "A,S,M1,2024-11-03T01:00:00-05:00,2", "A,S,M1,2024-11-03T01:00:00-04:00,1", "A,S,M1,2024-11-03T07:00Z,3"
        ),
        fold="refuse",
    )
    assert {start: value for _, start, value, *_ in got.rows} == {utc(2024, 11, 3, h): h - 4.0 for h in (5, 6, 7)}
    header = HEADER + ",UtcOffset"
    column = read(
        "energygrid",
        csv_of(
            "A,S,M1,11/3/2024 1:00,1,-04:00",
            "A,S,M1,11/3/2024 1:00,2,-0500",
            "A,S,M1,11/3/2024 1:00,2,EST",
            header=header,
        ),
    )
    assert [start for _, start, *_ in column.rows] == [utc(2024, 11, 3, 5), utc(2024, 11, 3, 6)]
    assert column.codes == [(4, "BAD_OFFSET")]
    refused = read(
        "energygrid",
        csv_of("A,S,M1,11/3/2024 1:00,1", "A,S,M1,11/3/2024 2:00,1", "A,S,M1,11/3/2024 3:00,1"),
        fold="refuse",
    )
    assert refused.codes == [(2, "AMBIGUOUS_TIME")]


def test_a_time_that_the_clock_skipped_is_refused(read):
    got = read("energygrid", csv_of(*day_rows(day=(2024, 3, 10), minutes=60)))
    assert got.codes == [(4, "NONEXISTENT_TIME")]
    assert len(got.rows) == 23


def test_end_stamps_belong_to_the_interval_before(read, utc):
    """With stamps at the end, 24:00 and 0:00 of the next day are the same: both end the day's last interval."""
    rows = [f"A,S,M1,6/3/2024 {h}:00,{h}" for h in range(1, 25)]
    got = read("energygrid", csv_of(*rows), stamp="end")
    assert {start: value for _, start, value, *_ in got.rows} == {
        utc(2024, 6, 3, 4) + 3600 * n: n + 1 for n in range(24)
    }
    assert got.lengths == {3600}
    assert read("energygrid", csv_of(*rows)).codes == [(25, "BAD_TIMESTAMP")]


def test_end_stamps_in_the_repeated_hour(read, utc):
    """Wall clocks of the ends: 1:00 (05Z), 1:00 again (06Z), 2:00 (07Z)."""
    got = read("energygrid", csv_of(*(f"A,S,M1,11/3/2024 {h}:00,{v}" for v, h in enumerate([1, 1, 2, 3]))), stamp="end")
    assert [(start, value) for _, start, value, *_ in got.rows] == [(utc(2024, 11, 3, 4 + n), n) for n in range(4)]


def test_end_stamps_of_a_file_that_shows_the_wrong_end_twice_are_refused_there(read, utc):
    """Both passes of the repeated hour end with 2:00: the clock shows that only once."""
    got = read("energygrid", csv_of(*(f"A,S,M1,11/3/2024 {h}:00,1" for h in (1, 2, 2, 3, 4))), stamp="end")
    assert got.codes == [(3, "AMBIGUOUS_TIME"), (4, "AMBIGUOUS_TIME")]
    assert [start for _, start, *_ in got.rows] == [utc(2024, 11, 3, 4), utc(2024, 11, 3, 7), utc(2024, 11, 3, 8)]


def test_daily_rows_with_a_midnight_time_are_local_days(read, utc):
    rows = [f"A,S,M1,11/{d}/2024 0:00,{d}" for d in (2, 3, 4, 5)]
    got = read("energygrid", csv_of(*rows))
    assert got.lengths == {86400}
    assert got.values[("M1", utc(2024, 11, 4, 5))] == 4
    ends = read("energygrid", csv_of(*rows), stamp="end")
    assert ends.values[("M1", utc(2024, 11, 3, 4))] == 4


def test_end_time_stamps_give_the_length(read):
    header = HEADER + ",EndTimeStamp"
    rows = [
        "A,S,M1,6/3/2024 1:00,1,6/3/2024 1:30",
        "A,S,M2,6/3/2024,1,6/3/2024",
        "A,S,M3,6/3/2024 0:00,1,6/4/2024 0:00",
    ]
    got = read("energygrid", csv_of(*rows, header=header))
    assert {k.meter_id: k.interval_s for k, *_ in got.rows} == {"M1": 1800, "M2": 86400, "M3": 86400}
    bad = read(
        "energygrid",
        csv_of("A,S,M1,6/3/2024 1:00,1,6/3/2024 1:07", "A,S,M1,6/3/2024 1:00,1,6/3/2024 0:30", header=header),
    )
    assert [code for _, code in bad.codes] == ["BAD_END", "BAD_END"]


@pytest.mark.parametrize("text", ["1e3", "1,5", "1_0", "nan", "inf", "+1", "0x1", "", "1.2.3", "1 2", "--1", "."])
def test_numbers_are_plain_decimals(read, text):
    got = read("energygrid", csv_of(f'A,S,M1,1/2/2017,"{text}"'))
    assert not got.rows
    assert got.codes[0][1] in {"BAD_NUMBER", "BAD_QUOTES"}


def test_a_negative_value_needs_direction_net(read):
    header = HEADER + ",Direction"
    got = read(
        "energygrid", csv_of("A,S,M1,1/2/2017,-1,D", "A,S,M1,1/2/2017,-1,n", "A,S,M1,1/2/2017,-1,", header=header)
    )
    assert [(k.flow, value) for k, _, value, *_ in got.rows] == [(Flow.NET, -1.0)]
    assert got.codes == [(2, "NEGATIVE_VALUE"), (4, "NEGATIVE_VALUE")]


def test_directions_units_and_qualities_make_series_and_labels(read):
    header = HEADER + ",Direction,UnitOfMeasure,Quality"
    rows = [
        "A,S,M1,1/2/2017,1,R,Wh,F",
        "A,S,M1,1/2/2017,1,D,,A",
        "A,S,M1,1/2/2017,,D,kvarh,N",
        "A,S,M1,1/3/2017,9,D,kWh,",
    ]
    got = read("energygrid", csv_of(*rows, header=header))
    seen = {(k.flow, k.kind, k.unit, value, q, label) for k, _, value, q, label, _ in got.rows}
    assert seen == {
        (Flow.RECEIVED, Kind.ENERGY, "Wh", 1.0, Quality.SUBSTITUTED, "F"),
        (Flow.DELIVERED, Kind.ENERGY, "kWh", 1.0, Quality.ACTUAL, ""),
        (Flow.DELIVERED, Kind.REACTIVE_ENERGY, "kvarh", None, Quality.MISSING, ""),
        (Flow.DELIVERED, Kind.ENERGY, "kWh", 9.0, Quality.UNKNOWN, ""),
    }


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("A,S,,1/2/2017,1,,,", "BAD_METER_ID"),
        ("A,S,M 1,1/2/2017,1,,,", "BAD_METER_ID"),
        ("A,S," + "M" * 65 + ",1/2/2017,1,,,", "BAD_METER_ID"),
        ("A,S,M\u00dc,1/2/2017,1,,,", "BAD_METER_ID"),
        ("A,S,M1,1/2/2017,1,X,,", "BAD_DIRECTION"),
        ("A,S,M1,1/2/2017,1,,furlong,", "UNKNOWN_UNIT"),
        ("A,S,M1,1/2/2017,1,,therms,", "UNIT_OF_OTHER_COMMODITY"),
        ("A,S,M1,1/2/2017,1,,,Q", "BAD_QUALITY"),
        ("A,S,M1,2/30/2017,1,,,", "BAD_TIMESTAMP"),
        ("A,S,M1,1/2/17,1,,,", "BAD_TIMESTAMP"),
        ("A,S,M1,1/2-2017,1,,,", "BAD_TIMESTAMP"),
        ("A,S,M1,1/2/2017 25:00,1,,,", "BAD_TIMESTAMP"),
        ("A,S,M1,1/2/2017 13:00 PM,1,,,", "BAD_TIMESTAMP"),
        ("A,S,M1,yesterday,1,,,", "BAD_TIMESTAMP"),
        ("A,S,M1,1/2/2017,1", "WRONG_FIELD_COUNT"),
        ("A,S,M1,1/2/2017,1,,,,", "WRONG_FIELD_COUNT"),
        ('A,S,"M1,1/2/2017,1,,,', "BAD_QUOTES"),
    ],
)
def test_a_bad_row_is_refused_alone_with_its_line_and_text(read, row, code):
    header = HEADER + ",Direction,UnitOfMeasure,Quality"
    data = csv_of("A,S,M0,1/2/2017,1,,,", "", row, "A,S,M9,1/2/2017,1,,,", header=header)
    got = read("energygrid", data)
    assert got.codes == [(4, code)]
    assert got.rejects[0].text
    assert [(k.meter_id, line) for k, *_, line in got.rows] == [("M0", 2), ("M9", 5)]


def test_quotes_spaces_crlf_and_a_byte_order_mark_do_not_matter(read):
    header = ",".join(f'"{name}"' for name in HEADER.split(","))
    data = f'\ufeff{header}\r\n"A","S","M1","1/2/2017", 1.5 \r\nA,S, M2 ,1/2/2017 ,2\r\n'
    got = read("energygrid", data)
    assert {key.meter_id: value for key, _, value, *_ in got.rows} == {"M1": 1.5, "M2": 2.0}


def test_twelve_hour_clocks(read, utc):
    stamps = {"12:00 AM": 4, "1:00 am": 5, "12:00 PM": 16, "1:00PM": 17}
    got = read("energygrid", csv_of(*(f"A,S,M1,6/3/2024 {s},1" for s in stamps)))
    assert {start for _, start, *_ in got.rows} == {utc(2024, 6, 3, h) for h in stamps.values()}


def test_the_last_line_without_its_end_is_refused_unless_the_sender_is_known_to_do_so(read):
    """0.51 may be the front of 0.512."""
    data = csv_of("A,S,M1,1/2/2017,1.25", "A,S,M1,1/3/2017,0.512")[:-2]
    assert read("energygrid", data).codes == [(3, "UNFINISHED_LINE")]
    assert len(read("energygrid", data, final_newline=False).rows) == 2


def test_the_file_name_tells_the_commodity(read):
    assert read_file_name("in/ACME_03062024_Gas.csv") == ("ACME", date(2024, 6, 3), Commodity.GAS)
    assert read_file_name("ACME_31022024_Gas.csv") is None
    data = csv_of("A,S,M1,1/2/2017,1.0")
    gas = read("energygrid", data, name="ACME_03062024_Gas.csv", units={Commodity.GAS: "therms"})
    assert (gas.rows[0][0].commodity, gas.rows[0][0].unit) == (Commodity.GAS, "therm")
    with pytest.raises(Invalid) as raised:
        read("energygrid", data, name="ACME_03062024_Gas.csv")
    assert raised.value.code == "UNIT_UNKNOWN"
    with pytest.raises(Invalid) as raised:
        read("energygrid", data, commodity=None)
    assert raised.value.code == "COMMODITY_UNKNOWN"


def test_meters_go_by_the_tenants_names(read):
    assert read("energygrid", csv_of("A,S,old 1,1/2/2017,1"), meter_map={"old 1": "M1"}).rows[0][0].meter_id == "M1"


def test_the_header_is_what_is_recognised():
    assert sniff(b"\xef\xbb\xbfmeterid,accountnumber,externalsiteid,timestamp,totalunit\r\n1,2", "x")
    assert not sniff(b"100,NEM12,", "Electric.csv")


@st.composite
def files(draw):
    """A few meters with their own lengths over some days, New York, and what must come out of them."""
    days = draw(st.lists(st.dates(date(2024, 1, 1), date(2024, 12, 31)), min_size=1, max_size=3, unique=True))
    rows, wanted = [], {}
    for meter in range(draw(st.integers(1, 3))):
        minutes = draw(st.sampled_from([15, 30, 60, 1440]))
        for day in days:
            start = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).timestamp()
            following = day + timedelta(1)
            end = datetime(following.year, following.month, following.day, tzinfo=NEW_YORK).timestamp()
            step = int(end - start) if minutes == 1440 else minutes * 60
            for at in range(int(start), int(end), step):
                value = draw(st.integers(0, 10**6)) / 1000
                wall = datetime.fromtimestamp(at, NEW_YORK)
                clock = "" if minutes == 1440 else f" {wall:%H:%M}{wall:%z}"
                rows.append(f"A,S,M{meter},{wall.month}/{wall.day}/{wall.year}{clock},{value}")
                wanted[f"M{meter}", at] = value
    return draw(st.permutations(rows)), wanted


@settings(deadline=None, max_examples=50)
@given(files())
def test_what_is_written_is_read_in_any_order_of_rows(read, made):
    rows, wanted = made
    got = read("energygrid", csv_of(*rows))
    assert not got.rejects
    assert got.values == wanted


@settings(deadline=None, max_examples=20)
@given(files(), st.integers(400, 4000), st.booleans())
def test_the_size_of_slabs_does_not_show(read, made, size, by_time):
    """Rows by meter, or by time over all meters, as head ends write them."""
    rows, wanted = made
    whole = read("energygrid", csv_of(*rows))
    lines = {(key.meter_id, start): rows[line - 2] for key, start, *_, line in whole.rows}
    ordered = [lines[key] for key in sorted(lines, key=lambda key: key[::-1] if by_time else key)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources.slabs, "__defaults__", (size,))
        sliced = read("energygrid", csv_of(*ordered))
    assert sliced.values == wanted
    assert {(k, start) for k, start, *_ in sliced.rows} == {(k, start) for k, start, *_ in whole.rows}
