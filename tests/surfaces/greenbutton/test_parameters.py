"""What a query asks for: a window of data time or of storing time, a page, a depth; and what is malformed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree
from tests.surfaces.greenbutton.paths import KINDS, LEGACY, Party
from tests.surfaces.greenbutton.world import FIRST_DAY, GreenButton, hrefs, titles, valid

ESPI = "{http://naesb.org/espi}"
DAY = timedelta(days=1)
MIDNIGHT = FIRST_DAY + timedelta(hours=4)
"""The first local one in Detroit."""


def block_path(here: GreenButton) -> str:
    """The list of interval blocks of the meter reading with the most of them."""
    batch = here.atom(f"/Batch/Subscription/{here.consent.id}?depth=2")
    lists = [href for href in hrefs(batch, "related") if href.endswith("/IntervalBlock")]
    return max(lists, key=lambda href: len(titles(here.atom(href))))


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def bounds(root: etree._Element) -> tuple[int, int, int]:
    """First start, last end, and number of the readings."""
    periods = [each for each in root.iter(f"{ESPI}timePeriod") if each.getparent().tag == f"{ESPI}IntervalReading"]  # type: ignore[union-attr]
    starts = [int(str(each.findtext(f"{ESPI}start"))) for each in periods]
    ends = [int(str(each.findtext(f"{ESPI}duration"))) + start for each, start in zip(periods, starts, strict=True)]
    return min(starts), max(ends), len(starts)


def test_a_window_of_data_time_holds_what_lies_in_it(shared: GreenButton) -> None:
    path = block_path(shared)
    low, high = MIDNIGHT + timedelta(hours=6), MIDNIGHT + DAY + timedelta(hours=6)
    first, last, count = bounds(shared.atom(f"{path}?published-min={stamp(low)}&published-max={stamp(high)}"))
    assert (first, last, count) == (low.timestamp(), high.timestamp(), 96)


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-02T06:00:00Z",
        "2025-11-02T06:00:00.000Z",
        "2025-11-02T08:00:00+02:00",
        "2025-11-02T06:00:00+00:00",
        "2025-11-02T01:00:00-05:00",
        "2025-11-02T06:00:00",
    ],
)
@pytest.mark.parametrize("name", ["published-min", "publishedMin"])
@pytest.mark.parametrize("escaped", [True, False])
def test_times_are_read_as_clients_write_them(shared: GreenButton, name: str, text: str, escaped: bool) -> None:
    """An offset's plus that nobody escaped arrives as a space."""
    root = shared.atom(f"{block_path(shared)}?{name}={quote(text, safe='') if escaped else text}")
    assert bounds(root)[0] == int(datetime(2025, 11, 2, 6, tzinfo=UTC).timestamp())


def test_a_window_without_data_is_an_empty_list_and_in_a_batch_leaves_the_usage_points(shared: GreenButton) -> None:
    future = "published-min=2099-01-01T00:00:00Z"
    assert titles(shared.atom(f"{block_path(shared)}?{future}")) == []
    batch = titles(shared.atom(f"/Batch/Subscription/{shared.consent.id}?{future}"))
    assert batch == ["UsagePoint", "LocalTimeParameters", "UsagePoint"]


def test_a_window_of_storing_time_holds_what_was_stored_in_it(greenbutton: GreenButton) -> None:
    """A corrected reading is told of again, with the local days of the stored day it is in; the others are not."""
    path = block_path(greenbutton)
    noted = datetime.now(UTC)
    second_day = MIDNIGHT + DAY
    greenbutton.utility.readings("E1", int(second_day.timestamp()), [9.0], known=noted + timedelta(seconds=1))
    changed = greenbutton.atom(f"{path}?updated-min={stamp(noted)}")
    assert len(titles(changed)) == 2
    assert bounds(changed)[0] == MIDNIGHT.timestamp()
    assert [each.text for each in changed.iter(f"{ESPI}value")].count("9000000") == 1
    before = greenbutton.atom(f"{path}?updated-max={stamp(noted)}")
    assert len(titles(before)) == len(titles(greenbutton.atom(path))) - 2
    assert titles(greenbutton.atom(f"{path}?updated-min=2099-01-01")) == []


def test_every_list_holds_what_was_stored_or_changed_in_the_window(shared: GreenButton) -> None:
    """The shown time of each entry decides: at the minimum it is there, at the maximum no more."""
    party, told = Party(shared), set()
    for kind, paths in KINDS.items():
        token = party.tokens[kind]
        for path in (each for each in paths if f"{each}/" in " ".join(paths) and not each.endswith("}")):
            address = party.addresses[path]
            times = updates(shared.atom(address, token))
            told |= {path.rpartition("/")[2]} if times else set()
            for at in {at + timedelta(seconds=more) for at in times.values() for more in (0, 1)}:
                since = updates(shared.atom(f"{address}?updated-min={stamp(at)}", token))
                before = updates(shared.atom(f"{address}?updated-max={stamp(at)}", token))
                assert since == {own: time for own, time in times.items() if time >= at}, address
                assert before == {own: time for own, time in times.items() if time < at}, address
            assert updates(shared.atom(f"{address}?updated-max=2019-01-01&start-index=1&max-results=1", token)) == {}
    assert told >= {"UsagePoint", "MeterReading", "ReadingType", "LocalTimeParameters", "IntervalBlock"}
    assert told >= {"Customer", "CustomerAccount", "CustomerAgreement", "Authorization", "ApplicationInformation"}


def test_pages_are_those_of_what_the_window_leaves(greenbutton: GreenButton) -> None:
    address = f"/Subscription/{greenbutton.consent.id}/UsagePoint"
    noted = datetime.now(UTC) + timedelta(seconds=2)
    meters = [{"meterId": "E1", "rateCode": "R2"}, {"meterId": "G1", "meterType": "Gas", "unitOfMeasure": "ccf"}]
    greenbutton.utility.customer(meters, "C1", premise="P1", now=noted)
    [changed] = updates(greenbutton.atom(f"{address}?updated-min={stamp(noted)}"))
    [other] = set(updates(greenbutton.atom(address))) - {changed}
    for bound, own in (("min", changed), ("max", other)):
        page = f"{address}?updated-{bound}={stamp(noted)}&max-results=1"
        answer = greenbutton.get(page)
        assert list(updates(valid(answer.content))) == [own]
        assert answer.links == {}
        assert updates(greenbutton.atom(f"{page}&start-index=2")) == {}


def updates(root: etree._Element) -> dict[str, datetime]:
    """When each entry of a list was last changed."""
    return {
        str(each.findtext("{*}id")): datetime.fromisoformat(str(each.findtext("{*}updated")))
        for each in root.findall("{*}entry")
    }


@pytest.mark.parametrize(
    "query",
    [
        "published-min=yesterday",
        "published-max=03/01/2016",
        "updated-min=2025-13-01",
        "updated-max=2025-11-31T00:00:00Z",
        "updatedMax=abc",
        "published-min=2025-11-02T25:00:00Z",
        "published-min=",
        "published-min=2025-11-02&published-max=2025-11-01",
        "updated-min=2025-11-02&updated-max=2025-11-01",
        "published-min=2025-11-01&published-min=2025-11-02",
        "published-min=2025-11-01&publishedMin=2025-11-02",
        "start-index=0",
        "start-index=-1",
        "start-index=one",
        "startIndex=1.5",
        "max-results=0",
        "maxResults=ten",
        "max-results=99999999999999999999",
        "max-results=1&max-results=2",
        "depth=deep",
        "depth=-1",
        "depth=\u0661",
    ],
)
@pytest.mark.parametrize("path", ["/Batch/Subscription/{}", "/Subscription/{}/UsagePoint", "/Batch/RetailCustomer/{}"])
def test_what_is_malformed_is_named(shared: GreenButton, path: str, query: str) -> None:
    answer = shared.get(f"{path.format(shared.consent.id)}?{query}")
    assert answer.status_code == 400
    body = answer.json()
    assert (body["error"], body["type"]) == ("invalid_param", "urn:energygrid:greenbutton:BAD_PARAMETER")
    assert body["parameter"] in query
    assert body["parameter"] in body["error_description"]
    assert body["url"].endswith(quote(query, safe="=&/%:"))


@pytest.mark.parametrize("path", ["/Authorization", "/Bulk/{}", "/ReadServiceStatus"])
def test_paths_of_a_third_partys_own_refuse_it_too(shared: GreenButton, path: str) -> None:
    address = path.format(shared.party.third_party.application_id)
    answer = shared.get(f"{address}?published-min=x", shared.client_token())
    assert answer.status_code == (200 if path == "/ReadServiceStatus" else 400)


def test_parameters_that_mean_nothing_are_ignored_and_named(shared: GreenButton) -> None:
    path = f"/Batch/Subscription/{shared.consent.id}"
    answer = shared.get(f"{path}?color=red&published-min=2025-11-01&a%0d%0aX-Bad:1=2")
    assert answer.headers["ignored-parameters"] == "color, a_X-Bad_1"
    assert answer.status_code == 200
    assert "ignored-parameters" not in shared.get(f"{path}?depth=3").headers
    [point, *_] = hrefs(shared.atom(f"/Subscription/{shared.consent.id}/UsagePoint"), "self", "espi-entry/UsagePoint")
    one = shared.get(f"{point}?published-min=2099-01-01&depth=1")
    assert (one.status_code, one.headers["ignored-parameters"]) == (200, "published-min, depth")


@pytest.mark.parametrize(
    "path", ["/Subscription/{}/UsagePoint", "/Batch/Subscription/{}", "/Batch/RetailCustomer/{}", "blocks"]
)
@pytest.mark.parametrize(("start", "most"), [("start-index", "max-results"), ("startIndex", "maxResults")])
def test_pages_hold_every_entry_once(shared: GreenButton, path: str, start: str, most: str) -> None:
    address = block_path(shared) if path == "blocks" else path.format(shared.consent.id)
    everything = ids(shared.atom(address))
    paged: list[str] = []
    for first in range(1, len(everything) + 3, 2):
        answer = shared.get(f"{address}?{start}={first}&{most}=2")
        page = ids(valid(answer.content))
        assert len(page) == min(2, max(0, len(everything) - first + 1))
        paged += page
    assert paged == everything


def test_a_list_leads_to_its_other_pages(shared: GreenButton) -> None:
    address = f"/Batch/RetailCustomer/{shared.consent.id}?updated-min=2020-01-01T00:00:00Z&max-results=3"
    everything = ids(shared.atom(f"/Batch/RetailCustomer/{shared.consent.id}"))
    paged: list[str] = []
    following: Any = {"url": address}
    while following:
        answer = shared.get(following["url"])
        paged += ids(valid(answer.content))
        previous, following = answer.links.get("previous"), answer.links.get("next")
        assert (previous is None) == (len(paged) <= 3)
    assert paged == everything
    assert len(everything) > 6


def ids(root: etree._Element) -> list[str]:
    return [str(each.findtext("{*}id")) for each in root.findall("{*}entry")]


POINTS = {"UsagePoint", "LocalTimeParameters"}
BELOW = {"MeterReading", "ReadingType", "UsageSummary", "ElectricPowerQualitySummary"}


@pytest.mark.parametrize(
    ("depth", "there"),
    [(0, set()), (1, POINTS), (2, POINTS | BELOW), (3, POINTS | BELOW | {"IntervalBlock"})],
)
def test_depth_limits_the_levels(shared: GreenButton, depth: int, there: set[str]) -> None:
    assert set(titles(shared.atom(f"/Batch/Subscription/{shared.consent.id}?depth={depth}"))) == there


def test_a_usage_points_batch_is_that_part_of_the_whole(shared: GreenButton) -> None:
    points = hrefs(shared.atom(f"/Subscription/{shared.consent.id}/UsagePoint"), "self", "espi-entry/UsagePoint")
    parts = [shared.atom(href.replace("/Subscription/", "/Batch/Subscription/")) for href in points]
    whole = shared.atom(f"/Batch/Subscription/{shared.consent.id}")
    assert len(points) == 2
    assert set(ids(whole)) == {each for part in parts for each in ids(part)}


def test_the_names_of_old_lead_to_the_same_data(shared: GreenButton) -> None:
    addresses, uid = Party(shared).addresses, shared.consent.id
    for path in LEGACY:
        old, new = addresses[path], addresses[path].replace("ElectricPowerUsageSummary", "UsageSummary")
        assert titles(shared.atom(old)) == titles(shared.atom(new))
        assert contents(shared.atom(old)) == contents(shared.atom(new)) != []
    old, new = (shared.atom(path) for path in (f"/Batch/RetailCustomer/{uid}/UsagePoint", f"/Batch/Subscription/{uid}"))
    assert contents(old) == contents(new)
    assert ids(old) == ids(new)


def contents(root: etree._Element) -> list[bytes]:
    return [etree.tostring(each) for each in root.iter("{*}content")]


def test_readings_of_the_hour_that_comes_twice_are_there_twice(shared: GreenButton) -> None:
    """The clocks of Detroit go back on 2 November 2025: a local day of 25 hours."""
    low, high = datetime(2025, 11, 2, 4, tzinfo=UTC), datetime(2025, 11, 3, 5, tzinfo=UTC)
    root = shared.atom(f"{block_path(shared)}?published-min={stamp(low)}&published-max={stamp(high)}")
    assert bounds(root) == (low.timestamp(), high.timestamp(), 100)
    assert titles(root) == ["IntervalBlock"]
