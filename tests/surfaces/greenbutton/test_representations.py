"""One resource in the form that was asked for: XML, JSON, CSV, Parquet; packed; or not again when it is known."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import polars as pl
import pytest
import zstandard
from lxml import etree
from tests.surfaces.greenbutton.paths import KINDS, Party
from tests.surfaces.greenbutton.world import FIRST_DAY, GreenButton, valid

ESPI = "{http://naesb.org/espi}"
PARQUET = "application/vnd.apache.parquet"
FEEDS = ["/Batch/Subscription/{}", "/Batch/RetailCustomer/{}", "/Subscription/{}/UsagePoint"]
ENTRIES = [path for path in KINDS["A"] if path.endswith("_uid}") and not path.startswith(("/Batch", "/Non-ESPI"))]


def raw(here: GreenButton, path: str, accept_encoding: str, **more: Any) -> tuple[Any, bytes]:
    """An answer with its bytes as they travelled."""
    headers = {"Authorization": f"Bearer {here.access_token()}", "Accept-Encoding": accept_encoding}
    with here.http.stream("GET", f"/DataCustodian/espi/1_1/resource{path}", headers=headers, **more) as answer:
        return answer, b"".join(answer.iter_raw())


def readings(root: etree._Element) -> Iterator[tuple[int, int, int]]:
    """(start, duration, value) as they stand."""
    for each in root.iter(f"{ESPI}IntervalReading"):
        period = f"{ESPI}timePeriod/{ESPI}"
        yield tuple(int(str(each.findtext(name))) for name in (f"{period}start", f"{period}duration", f"{ESPI}value"))  # type: ignore[misc]


def unit_of(multiplier: etree._Element) -> str | None:
    """ESPI's code, of the ReadingType that has the multiplier; 72 is Wh."""
    return multiplier.findtext(f"../{ESPI}uom")


@pytest.fixture(scope="module")
def batch(shared: GreenButton) -> str:
    return f"/Batch/Subscription/{shared.consent.id}"


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        ("", "application/atom+xml;type=feed;charset=utf-8"),
        ("*/*", "application/atom+xml;type=feed;charset=utf-8"),
        ("application/atom+xml", "application/atom+xml;type=feed;charset=utf-8"),
        ("application/xml", "application/xml; charset=utf-8"),
        ("text/xml;q=0.9, text/csv;q=0.1", "text/xml; charset=utf-8"),
        ("application/espi+json", "application/espi+json"),
        ("application/json", "application/json"),
        ("text/html, application/json;q=0.5", "application/json"),
        ("text/csv", "text/csv; charset=utf-8; header=present"),
        (PARQUET, PARQUET),
        ("text/*", "text/xml; charset=utf-8"),
        ("application/atom+xml;q=0, */*", "application/xml; charset=utf-8"),
        ("application/problem+json", "application/atom+xml;type=feed;charset=utf-8"),
    ],
)
def test_accept_chooses(shared: GreenButton, batch: str, accept: str, told: str) -> None:
    answer = shared.get(batch, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, told)
    assert {"Accept", "Accept-Encoding", "Authorization"} <= set(answer.headers["vary"].split(", "))


def test_every_form_has_the_same_readings(shared: GreenButton, batch: str) -> None:
    """Values of CSV and Parquet are in units, those of XML and JSON times the power of ten of their ReadingType."""
    root = valid(shared.get(batch).content)
    expected = sorted(readings(root))
    assert len(expected) == 96 * 4 + 96 + 48
    feed = shared.get(batch, headers={"Accept": "application/json"}).json()
    blocks = [each for each in feed["entries"] if each["resource"] == "IntervalBlock"]
    told = [each for block in blocks for each in block["IntervalReading"]]
    assert sorted((e["timePeriod"]["start"], e["timePeriod"]["duration"], e["value"]) for e in told) == expected
    rows = list(csv.DictReader(io.StringIO(shared.get(batch, headers={"Accept": "text/csv"}).text)))
    frame = pl.read_parquet(io.BytesIO(shared.get(batch, headers={"Accept": PARQUET}).content))
    assert [float(row["value"]) for row in rows] == frame["value"].to_list()
    starts = [int(datetime.fromisoformat(row["start"]).timestamp()) for row in rows]
    assert starts == frame["start"].dt.epoch("s").to_list()
    assert sorted(starts) == [start for start, _, _ in expected]
    power = frame.filter(pl.col("unit") == "Wh")
    electric = [value for start, duration, value in expected if duration == 900]
    [multiplier] = {each.text for each in root.iter(f"{ESPI}powerOfTenMultiplier") if unit_of(each) == "72"}
    assert power["value"].sum() == pytest.approx(sum(electric) * 10 ** int(multiplier))
    assert sorted({row["meter_reading"] for row in rows}) == sorted(
        each["links"][0]["href"].rpartition("/")[2] for each in feed["entries"] if each["resource"] == "MeterReading"
    )


def test_json_has_every_entry_that_xml_has_with_its_elements(shared: GreenButton) -> None:
    for path in FEEDS:
        address = path.format(shared.consent.id)
        root = valid(shared.get(address).content)
        feed = shared.get(address, headers={"Accept": "application/espi+json"}).json()
        entries = root.findall("{*}entry")
        assert [each.findtext("{*}id") for each in entries] == [each["id"] for each in feed["entries"]]
        for xml, entry in zip(entries, feed["entries"], strict=True):
            resource = xml.find("{*}content/*")
            assert resource is not None
            assert etree.QName(resource).localname == entry["resource"]
            atom = {"resource", "id", "title", "published", "updated", "links"}
            assert {etree.QName(child).localname for child in resource} - atom == entry.keys() - atom
            assert [link.get("href") for link in xml.findall("{*}link")] == [link["href"] for link in entry["links"]]


@pytest.mark.parametrize("path", ENTRIES)
def test_an_entry_is_to_be_had_as_xml_and_json_and_as_nothing_else(shared: GreenButton, path: str) -> None:
    address = Party(shared).addresses[path]
    entry = shared.get(address)
    assert entry.headers["content-type"] == "application/atom+xml;type=entry;charset=utf-8"
    valid(entry.content)
    told = shared.get(address, headers={"Accept": "application/json"})
    assert told.json()["id"] == etree.fromstring(entry.content).findtext("{*}id")
    refused = shared.get(address, headers={"Accept": "text/csv"})
    assert (refused.status_code, refused.json()["error"]) == (406, "not_acceptable")
    assert "application/espi+json" in refused.json()["error_description"]


def test_nothing_that_is_acceptable_is_406(shared: GreenButton, batch: str) -> None:
    for accept in ("image/png", "application/pdf, text/html", "*/*;q=0"):
        answer = shared.get(batch, headers={"Accept": accept})
        assert (answer.status_code, answer.json()["error"]) == (406, "not_acceptable"), accept


@pytest.mark.parametrize(
    ("accepted", "coded"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, zstd;q=0.1", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("", None),
        ("*", "zstd"),
        ("br", None),
    ],
)
def test_bytes_are_packed_as_the_caller_can_unpack_them(
    shared: GreenButton, batch: str, accepted: str, coded: str | None
) -> None:
    plain = shared.get(batch, headers={"Accept-Encoding": "identity"}).content
    answer, body = raw(shared, batch, accepted)
    assert answer.headers.get("content-encoding") == coded
    unpack = {
        "gzip": gzip.decompress,
        "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    }
    assert (unpack[coded](body) if coded else body) == plain
    assert int(answer.headers["content-length"]) == len(body)
    assert coded is None or len(body) < len(plain) / 4


@pytest.mark.parametrize("accept", ["application/atom+xml", "application/json", "text/csv", PARQUET])
def test_what_is_known_is_not_sent_again(shared: GreenButton, batch: str, accept: str) -> None:
    first = shared.get(batch, headers={"Accept": accept})
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    assert etag.startswith('"')
    for condition in (
        {"If-None-Match": etag},
        {"If-None-Match": f'"x", W/{etag}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": modified},
        {"If-Modified-Since": format_datetime(datetime.now(UTC), usegmt=True)},
    ):
        again = shared.get(batch, headers={"Accept": accept} | condition)
        assert (again.status_code, again.content) == (304, b""), condition
        assert (again.headers["etag"], again.headers["last-modified"]) == (etag, modified)
        assert "content-encoding" not in again.headers
    for condition in (
        {"If-None-Match": '"other"'},
        {"If-Modified-Since": format_datetime(parsedate_to_datetime(modified) - timedelta(seconds=1), usegmt=True)},
        {"If-Modified-Since": "yesterday"},
        {"If-None-Match": '"other"', "If-Modified-Since": modified},
    ):
        again = shared.get(batch, headers={"Accept": accept} | condition)
        assert (again.status_code, again.content) == (200, first.content), condition


def test_every_representation_has_a_validator_of_its_own(shared: GreenButton, batch: str) -> None:
    forms = [{"Accept": accept} for accept in ("application/atom+xml", "application/json", "text/csv", PARQUET)]
    codings = [{"Accept-Encoding": coding} for coding in ("gzip", "zstd")]
    tags = [
        shared.get(batch, headers={"Accept-Encoding": "identity"} | each).headers["etag"] for each in forms + codings
    ]
    tags.append(shared.get(f"{batch}?published-min=2025-11-02").headers["etag"])
    assert len(set(tags)) == len(tags)


def test_new_data_make_a_new_validator_and_a_later_date(greenbutton: GreenButton) -> None:
    path = f"/Batch/Subscription/{greenbutton.consent.id}"
    before = greenbutton.get(path)
    known = datetime.now(UTC)
    greenbutton.utility.readings("E1", int(FIRST_DAY.timestamp()), [9.0], known=known)
    after = greenbutton.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert parsedate_to_datetime(after.headers["last-modified"]) == known.replace(microsecond=0)
    assert 9_000_000 in {value for _, _, value in readings(valid(after.content))}


@pytest.mark.parametrize("path", [*FEEDS, "/ReadServiceStatus"])
def test_head_tells_what_get_would(shared: GreenButton, path: str) -> None:
    token = shared.client_token() if path == "/ReadServiceStatus" else None
    address = path.format(shared.consent.id)
    got, head = (shared.get(address, token, method=method) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    varying = {"content-length"}
    assert {k: v for k, v in head.headers.items() if k not in varying} == {
        k: v for k, v in got.headers.items() if k not in varying
    }
    assert head.headers.get("content-length") in {None, got.headers["content-length"]}
    known = shared.get(address, token, method="HEAD", headers={"If-None-Match": got.headers["etag"]})
    assert known.status_code == 304


def test_a_download_has_a_name_and_an_answer_is_never_guessed_at_by_a_browser(shared: GreenButton, batch: str) -> None:
    table = shared.get(batch, headers={"Accept": "text/csv"})
    assert table.headers["content-disposition"] == f'attachment; filename="green-button-{shared.consent.id}.csv"'
    for answer in (table, shared.get(batch)):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "private, no-cache"


def test_csv_and_parquet_of_no_readings_still_have_their_columns(shared: GreenButton, batch: str) -> None:
    nothing = f"{batch}?published-min=2030-01-01"
    table = shared.get(nothing, headers={"Accept": "text/csv"}).text
    frame = pl.read_parquet(io.BytesIO(shared.get(nothing, headers={"Accept": PARQUET}).content))
    assert table.strip().split(",") == frame.columns
    assert frame.is_empty()
    assert json.loads(shared.get(nothing, headers={"Accept": "application/json"}).text)["entries"]
