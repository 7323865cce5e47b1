"""ESPI feeds: powerbox.md 4.5."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind

SAMPLES = Path(__file__).parents[4] / "shared" / "espi-samples"
HOST = "https://dc.example.org/DataCustodian/espi/1_1/resource"
POINT = "/Subscription/9/UsagePoint/UP1"
READING = POINT + "/MeterReading/MR1"
TYPE = "/ReadingType/RT1"
CODES = {
    "accumulationBehaviour": 4,
    "commodity": 1,
    "flowDirection": 1,
    "intervalLength": 900,
    "kind": 12,
    "powerOfTenMultiplier": 0,
    "uom": 72,
}
START = 1_767_243_600
"""2026-01-01 05:00Z, midnight in New York."""


def entry(content, own="", up="", related=()):
    links = [("self", own), ("up", up), *(("related", path) for path in related)]
    written = "".join(f'<link rel="{rel}" href="{HOST}{path}"/>' for rel, path in links if path)
    return (
        f"<entry><id>urn:uuid:0f7a12c4-0000-4000-8000-000000000000</id>{written}<title/>"
        "<published>2026-01-01T00:00:00Z</published><updated>2026-01-01T00:00:00Z</updated>"
        f'<content type="application/xml">{content}</content></entry>\n'
    )


def espi(kind, inside):
    return f'<{kind} xmlns="http://naesb.org/espi">{inside}</{kind}>'


def point(inside="<ServiceCategory><kind>0</kind></ServiceCategory>"):
    return entry(espi("UsagePoint", inside), POINT, "/Subscription/9/UsagePoint", [POINT + "/MeterReading"])


def meter_reading(own=READING, kind=TYPE):
    return entry(espi("MeterReading", ""), own, POINT + "/MeterReading", [own + "/IntervalBlock", kind])


def reading_type(own=TYPE, **changes):
    codes = {k: v for k, v in (CODES | changes).items() if v is not None}
    return entry(espi("ReadingType", "".join(f"<{k}>{codes[k]}</{k}>" for k in sorted(codes))), own, "/ReadingType")


def interval(value="100", start=START, duration=900, quality=""):
    time = "" if start is None else f"<timePeriod><duration>{duration}</duration><start>{start}</start></timePeriod>"
    mark = f"<ReadingQuality><quality>{quality}</quality></ReadingQuality>" if quality else ""
    number = "" if value is None else f"<value>{value}</value>"
    return f"<IntervalReading>{mark}{time}{number}</IntervalReading>"


def block(*readings, of=READING, number=1, start=START):
    inside = f"<interval><duration>86400</duration><start>{start}</start></interval>" + "".join(readings)
    return entry(espi("IntervalBlock", inside), f"{of}/IntervalBlock/{number}", of + "/IntervalBlock", [of])


def feed(*entries, head="<?xml version='1.0' encoding='UTF-8'?>\n"):
    return (
        f'{head}<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:uuid:0f7a12c4-0000-4000-8000-000000000001</id>'
        f"<title>Usage</title><updated>2026-01-01T00:00:00Z</updated>\n{''.join(entries)}</feed>\n"
    )


WHOLE = (point(), reading_type(), meter_reading(), block(interval("100"), interval("101", START + 900)))


def test_a_usage_feed_becomes_readings(read):
    got = read("espi", feed(*WHOLE))
    assert [(start, value, q) for _, start, value, q, *_ in got.rows] == [
        (START, 100.0, Quality.UNKNOWN),
        (START + 900, 101.0, Quality.UNKNOWN),
    ]
    key = got.rows[0][0]
    assert (key.meter_id, key.commodity, key.flow, key.kind, key.unit, key.interval_s, key.channel) == (
        "UP1",
        Commodity.ELECTRICITY,
        Flow.DELIVERED,
        Kind.ENERGY,
        "Wh",
        900,
        "",
    )
    assert not got.notes
    assert not got.rejects


@settings(deadline=None, max_examples=24)
@given(st.permutations(WHOLE))
def test_the_order_of_entries_does_not_matter(read, entries):
    got = read("espi", feed(*entries))
    assert got.values == {("UP1", START): 100.0, ("UP1", START + 900): 101.0}
    assert not got.notes


def test_any_prefix_and_relative_links_are_read(read):
    text = feed(*WHOLE).replace(HOST, "")
    for old, new in (("<feed xmlns=", "<a:feed xmlns:a="), ("</feed", "</a:feed")):
        text = text.replace(old, new)
    for name in ("entry", "content", "id", "title", "updated", "published", "link"):
        text = text.replace(f"<{name}", f"<a:{name}").replace(f"</{name}", f"</a:{name}")
    assert read("espi", text).values == {("UP1", START): 100.0, ("UP1", START + 900): 101.0}


def test_related_links_alone_tie_flat_resources(read):
    """Some custodians write /MeterReading/1 without the usage point above it."""
    entries = (
        entry(espi("UsagePoint", "<ServiceCategory><kind>1</kind></ServiceCategory>"), "/UsagePoint/U7"),
        entry(espi("UsagePoint", "<ServiceCategory><kind>0</kind></ServiceCategory>"), "/UsagePoint/U8"),
        entry(espi("MeterReading", ""), "/MeterReading/7", "", ["/UsagePoint/U7", "/ReadingType/G"]),
        reading_type("/ReadingType/E"),
        reading_type("/ReadingType/G", commodity=7, uom=169, kind=12),
        entry(espi("IntervalBlock", interval("5")), "/IntervalBlock/1", "", ["/MeterReading/7"]),
    )
    got = read("espi", feed(*entries))
    assert [(k.meter_id, k.commodity, k.unit) for k, *_ in got.rows] == [("U7", Commodity.GAS, "therm")]
    assert "LINK_GUESSED" not in {code for _, code in got.note_codes}


def test_without_links_the_order_of_the_document_counts_and_is_noted(read):
    entries = (
        entry(espi("UsagePoint", ""), "/UsagePoint/U7"),
        entry(espi("MeterReading", "")),
        reading_type(""),
        entry(espi("IntervalBlock", interval("5"))),
    )
    got = read("espi", feed(*entries), check_schema=False)
    assert got.values == {("U7", START): 5.0}
    assert [code for _, code in got.note_codes] == ["LINK_GUESSED"] * 3


def test_a_block_of_nobody_is_refused_with_its_number_of_readings(read):
    got = read("espi", feed(block(interval(), interval())), check_schema=False)
    assert [code for _, code in got.codes] == ["UNRESOLVED_LINK"]
    assert "2 readings" in got.rejects[0].message


def test_a_single_entry_is_read(read):
    alone = point().replace("<entry>", '<entry xmlns="http://www.w3.org/2005/Atom">')
    got = read("espi", alone, check_schema=False)
    assert (got.rows, got.notes, got.rejects) == ([], [], [])


def test_several_blocks_in_one_entry_are_all_read(read):
    two = espi("IntervalBlock", interval("1")) + espi("IntervalBlock", interval("2", START + 900))
    got = read("espi", feed(*WHOLE[:3], entry(two, READING + "/IntervalBlock/1", READING + "/IntervalBlock")))
    assert [value for _, _, value, *_ in got.rows] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("power", "value", "wanted"), [(-3, 1160000, 1160.0), (3, 5, 5000.0), (-3, 1, 0.001), (-1, 3, 0.3)]
)
def test_the_power_of_ten_is_applied(read, power, value, wanted):
    got = read("espi", feed(point(), reading_type(powerOfTenMultiplier=power), meter_reading(), block(interval(value))))
    assert [v for _, _, v, *_ in got.rows] == [wanted]


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"flowDirection": 19}, (Commodity.ELECTRICITY, Flow.RECEIVED, Kind.ENERGY, "Wh", "")),
        ({"flowDirection": 4}, (Commodity.ELECTRICITY, Flow.NET, Kind.ENERGY, "Wh", "")),
        ({"flowDirection": 20}, (Commodity.ELECTRICITY, Flow.TOTAL, Kind.ENERGY, "Wh", "")),
        ({"uom": 73}, (Commodity.ELECTRICITY, Flow.DELIVERED, Kind.REACTIVE_ENERGY, "varh", "")),
        ({"uom": 38, "kind": 37}, (Commodity.ELECTRICITY, Flow.DELIVERED, Kind.POWER, "W", "")),
        ({"uom": 38, "kind": 8}, (Commodity.ELECTRICITY, Flow.DELIVERED, Kind.DEMAND, "W", "")),
        ({"commodity": 7, "uom": 119, "kind": 58}, (Commodity.GAS, Flow.DELIVERED, Kind.VOLUME, "ft3", "")),
        ({"commodity": 9, "uom": 42, "kind": 58}, (Commodity.WATER, Flow.DELIVERED, Kind.VOLUME, "m3", "")),
        ({"commodity": None}, (Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "Wh", "")),
        ({"phase": 128}, (Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "Wh", "A")),
        ({"phase": 769, "dataQualifier": 12}, (Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "Wh", "")),
        ({"tou": 2, "dataQualifier": 8}, (Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "Wh", "maximum tou2")),
    ],
)
def test_the_reading_type_says_what_the_values_are(read, changes, facts):
    got = read("espi", feed(point(), reading_type(**changes), meter_reading(), block(interval())))
    assert [(k.commodity, k.flow, k.kind, k.unit, k.channel) for k, *_ in got.rows] == [facts]


def test_what_the_reading_type_leaves_out_is_taken_and_noted(read):
    got = read("espi", feed(point(), reading_type(flowDirection=None), meter_reading(), block(interval())))
    assert got.rows[0][0].flow is Flow.DELIVERED
    assert [code for _, code in got.note_codes] == ["READING_TYPE_INCOMPLETE"]


@pytest.mark.parametrize("changes", [{"uom": 10}, {"uom": None}, {"flowDirection": 15}])
def test_what_cannot_be_kept_is_refused(read, changes):
    got = read(
        "espi", feed(point(), reading_type(**changes), meter_reading(), block(interval()), block(interval(), number=2))
    )
    assert [code for _, code in got.codes] == ["UNSUPPORTED_READING_TYPE"] * 2


def test_qualities_are_mapped_the_worst_counts_and_the_codes_are_kept(read):
    marks = ["", "0", "8", "19", "14", "10"]
    readings = [interval(at, START + 900 * at, quality=mark) for at, mark in enumerate(marks)]
    two = interval(9, START + 9000, quality="17").replace(
        "<timePeriod>", "<ReadingQuality><quality>9</quality></ReadingQuality><timePeriod>"
    )
    got = read("espi", feed(point(), reading_type(defaultQuality=17), meter_reading(), block(*readings, two)))
    assert [(q, label) for _, _, _, q, label, _ in got.rows] == [
        (Quality.ACTUAL, "17"),
        (Quality.ACTUAL, ""),
        (Quality.ESTIMATED, "8"),
        (Quality.ACTUAL, "19"),
        (Quality.RAW, "14"),
        (Quality.SUSPECT, "10"),
        (Quality.ESTIMATED, "17 9"),
    ]


def test_without_time_periods_readings_follow_each_other_by_the_interval_length(read):
    got = read("espi", feed(*WHOLE[:3], block(interval("1", None), interval("2", None), interval("3", None))))
    assert [(start, value) for _, start, value, *_ in got.rows] == [(START + 900 * n, n + 1.0) for n in range(3)]


def test_a_reading_without_a_value_is_missing(read):
    assert read("espi", feed(*WHOLE[:3], block(interval(None)))).rows[0][2:4] == (None, Quality.MISSING)


def test_daily_readings_must_be_local_days(read, utc):
    summer = utc(2026, 11, 1, 4)
    got = read(
        "espi",
        feed(
            *WHOLE[:3],
            block(interval("1", START, 86400), interval("2", summer, 90000), interval("3", START + 3600, 86400)),
        ),
    )
    assert [(k.interval_s, start) for k, start, *_ in got.rows] == [(86400, START), (86400, summer)]
    assert [code for _, code in got.codes] == ["DAY_NOT_AT_MIDNIGHT"]


@pytest.mark.parametrize(
    ("reading", "code"),
    [
        (interval("x"), "BAD_NUMBER"),
        (interval("1e5"), "BAD_NUMBER"),
        (interval(start=99_999_999_999), "BAD_DATE"),
        (interval(start=-1), "BAD_DATE"),
        (interval(duration=1000), "BAD_INTERVAL"),
        (interval(duration=0), "BAD_INTERVAL"),
    ],
)
def test_a_bad_reading_is_refused_alone(read, reading, code):
    got = read("espi", feed(*WHOLE[:3], block(reading, interval("7", START + 900))), check_schema=False)
    assert [c for _, c in got.codes] == [code]
    assert [value for _, _, value, *_ in got.rows] == [7.0]


def test_a_month_is_said_and_not_made_an_interval(read):
    got = read("espi", feed(*WHOLE[:3], block(interval("300000", START, 31 * 86400))))
    assert not got.rows
    assert [code for _, code in got.note_codes] == ["LONGER_THAN_A_DAY"]
    assert "300000 Wh over 2678400 s" in got.notes[0].message


@pytest.mark.parametrize("accumulation", [1, 3])
def test_registers_become_register_reads_at_the_end_of_their_period(read, accumulation):
    got = read(
        "espi",
        feed(
            point(),
            reading_type(accumulationBehaviour=accumulation),
            meter_reading(),
            block(interval("12345", START, 0)),
        ),
    )
    assert [(k.interval_s, at, value) for k, at, value, *_ in got.registers] == [(0, START, 12345.0)]
    assert not got.rows


def test_other_resources_are_counted(read):
    summary = entry(
        espi("UsageSummary", "<statusTimeStamp>1</statusTimeStamp>"), POINT + "/UsageSummary/1", POINT + "/UsageSummary"
    )
    secret = summary.replace("UsageSummary", "ApplicationInformation")
    got = read("espi", feed(*WHOLE, summary, secret, secret), check_schema=False)
    assert [(n.code, n.message) for n in got.notes] == [
        ("RESOURCE_NOT_IMPORTED", "2 x ApplicationInformation: not part of the readings")
    ]


def customer(kind, inside, own):
    return entry(f'<{kind} xmlns="http://naesb.org/espi/customer">{inside}</{kind}>', own, own.rpartition("/")[0])


def test_the_meter_goes_by_map_then_serial_number_then_usage_point(read):
    place = "/RetailCustomer/1/Customer/1/CustomerAccount/1/CustomerAgreement/1/ServiceLocation/1"
    location = customer("ServiceLocation", f"<UsagePoints><UsagePoint>{HOST}{POINT}</UsagePoint></UsagePoints>", place)
    meter = customer("Meter", "<serialNumber>SN42</serialNumber>", place + "/Meter/1")
    ids = lambda *entries, **options: {k.meter_id for k, *_ in read("espi", feed(*entries), **options).rows}
    assert ids(*WHOLE) == {"UP1"}
    assert ids(*WHOLE, location, meter) == {"SN42"}
    assert ids(*WHOLE, location, meter, meter_map={"SN42": "M1"}) == {"M1"}
    assert ids(*WHOLE, meter_map={"UP1": "M2"}) == {"M2"}
    path = "/DataCustodian/espi/1_1/resource" + POINT
    assert ids(*WHOLE, location, meter, meter_map={path: "M3", "SN42": "M1"}) == {"M3"}
    assert ids(*WHOLE[1:]) == {"UP1"}


def test_two_meter_readings_of_one_series_are_joined_and_noted(read):
    other = POINT + "/MeterReading/MR2"
    got = read("espi", feed(*WHOLE, meter_reading(other), block(interval("7", START + 1800), of=other)))
    assert len(got.rows) == 3
    assert len({k for k, *_ in got.rows}) == 1
    assert [code for _, code in got.note_codes] == ["SAME_SERIES"]


def test_known_deviations_are_read_and_said_with_their_line(read):
    odd = point(
        "<ServiceCategory><kind>0</kind></ServiceCategory>\n<ServiceDeliveryPoint><name>x</name></ServiceDeliveryPoint>"
    )
    dated = meter_reading().replace(
        "</entry>", '<dc:date xmlns:dc="http://purl.org/dc/elements/1.1/">2026</dc:date></entry>'
    )
    turned = block(
        interval("100").replace(
            "<duration>900</duration><start>1767243600</start>", "<start>1767243600</start><duration>900</duration>"
        )
    )
    got = read("espi", feed(odd, reading_type(), dated, turned))
    assert [value for _, _, value, *_ in got.rows] == [100.0]
    said = [(n.row, n.code, n.message[:42]) for n in got.notes]
    assert (4, "MISSPELT_ELEMENT", "ServiceDeliveryPoint is written serviceDel") in said
    assert (4, "SCHEMA", "Element 'espi:ServiceDeliveryPoint': This ") in said
    assert (6, "SCHEMA", "Element 'dc:date': No matching global elem") in said
    assert any(row == 7 and "espi:start" in message for row, _, message in said)


def test_an_entry_that_is_good_in_one_of_the_two_versions_is_good(read):
    """Statement is new in 4.0."""
    statement = customer("Statement", "<issueDateTime>1</issueDateTime>", "/RetailCustomer/1/Statement/1")
    got = read("espi", feed(*WHOLE, statement))
    assert got.note_codes == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<feed",
        "<html><body/></html>",
        feed(*WHOLE)[:-10],
        feed(*WHOLE).replace("</content>", "</contents>", 1),
        feed(*WHOLE, head='<!DOCTYPE feed [<!ENTITY x "y">]>\n'),
        feed(*WHOLE, head='<!DOCTYPE feed SYSTEM "http://127.0.0.1:9/x.dtd">\n'),
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        feed(*WHOLE).replace("<title>Usage", "<title>&x;"),
        "<feed xmlns='http://www.w3.org/2005/Atom'/>",
        "<a>" * 300 + "</a>" * 300,
        feed("<entry>" * 300 + "</entry>" * 300),
    ],
)
def test_broken_or_hostile_xml_is_no_feed(read, text):
    with pytest.raises(Invalid) as raised:
        read("espi", text, check_schema=False)
    assert raised.value.code == "BAD_FILE"


def test_the_file_has_a_limit(read):
    with pytest.raises(Invalid) as raised:
        read("espi", feed(*WHOLE), max_bytes=1000)
    assert raised.value.code == "FILE_TOO_LARGE"


def test_many_blocks_take_no_more_memory_than_few(read):
    day = [interval(str(at), START + 900 * at) for at in range(96)]

    def peak(days):
        text = feed(*WHOLE[:3], *(block(*day, number=n) for n in range(days)))
        tracemalloc.start()
        try:
            got = read("espi", text, check_schema=False, batch_rows=96)
            return len(got.rows), tracemalloc.get_traced_memory()[1] / len(text)
        finally:
            tracemalloc.stop()

    (few, of_few), (many, of_many) = peak(5), peak(50)
    assert (few, many) == (480, 4800)
    assert of_many < 2 * of_few


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.lists(st.integers(-(2**47), 2**47 - 1), min_size=1, max_size=20), min_size=1, max_size=4),
    st.sampled_from([-3, 0, 3]),
)
def test_what_is_written_is_read(read, days, power):
    """Values are 48-bit whole numbers (Int48 of the schema)."""
    blocks, wanted = [], {}
    for number, values in enumerate(days):
        start = START + 86400 * number
        blocks.append(
            block(*(interval(v, start + 900 * at) for at, v in enumerate(values)), number=number, start=start)
        )
        wanted |= {("UP1", start + 900 * at): v / 1000 if power < 0 else v * 10.0**power for at, v in enumerate(values)}
    got = read(
        "espi", feed(point(), reading_type(powerOfTenMultiplier=power), meter_reading(), *blocks), check_schema=False
    )
    assert not got.rejects
    assert got.values == wanted


needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(),
    reason="the public sample feeds stand beside the checkout, in shared/espi-samples, and are not there",
)


@needs_samples
@pytest.mark.parametrize(
    ("name", "readings"), [("golden_usage.xml", 288), ("08_utilityapi_batch_electric_15min_NONVALID.xml", 67)]
)
def test_public_usage_feeds_are_read_whole(read, name, readings):
    got = read("espi", (SAMPLES / name).read_bytes())
    assert len(got.rows) == readings
    assert not got.rejects


@needs_samples
def test_the_first_and_last_reading_of_a_public_feed(read):
    """UtilityAPI, reverse flow, multiplier -3: 1160000 stands for 1,160 Wh."""
    got = read("espi", (SAMPLES / "08_utilityapi_batch_electric_15min_NONVALID.xml").read_bytes())
    assert {(k.meter_id, k.flow, k.unit, k.interval_s) for k, *_ in got.rows} == {("1669851", Flow.RECEIVED, "Wh", 900)}
    assert {start: value for _, start, value, *_ in got.rows}[1725360300] == 1160.0


@needs_samples
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("08_utilityapi_batch_electric_15min_NONVALID.xml", {(31, "espi:ServiceDeliveryPoint")}),
        ("09_utilityapi_retail_customer_NONVALID.xml", {(44, "cust:pucNumber"), (47, "dc:date")}),
    ],
)
def test_what_is_wrong_with_the_two_invalid_samples_is_said_exactly(read, name, said):
    """SOURCES.md of the samples: ServiceDeliveryPoint (line 31); dc:date, and pucNumber out of order (line 44)."""
    got = read("espi", (SAMPLES / name).read_bytes())
    assert {(n.row, n.message.split("'")[1]) for n in got.notes if n.code == "SCHEMA" and n.row} == said


@needs_samples
def test_every_other_public_sample_is_valid(read):
    for path in sorted(SAMPLES.glob("*.xml")):
        if "NONVALID" not in path.name:
            got = read("espi", path.read_bytes())
            assert {n.code for n in got.notes} <= {"RESOURCE_NOT_IMPORTED"}, path.name
            assert not got.rejects


def test_a_complaint_about_the_customer_side_quotes_nothing_personal(read):
    body = "<CustomerAccount xmlns='http://naesb.org/espi/customer'><lastBillAmount>Grace's</lastBillAmount></CustomerAccount>"
    names = "<id>urn:uuid:2a410e3c-dcf8-5b1b-94fe-5bc36837e6f2</id><title/><updated>2020-01-01T00:00:00Z</updated>"
    got = read("espi", f"<entry xmlns='http://www.w3.org/2005/Atom'>{names}<content>{body}</content></entry>".encode())
    said = [note.message for note in got.notes if note.code == "SCHEMA"]
    assert said == ["Element 'cust:lastBillAmount': its value is not a valid value of the atomic type 'cust:Int48'."]
