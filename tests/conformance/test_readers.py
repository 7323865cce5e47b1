"""What readers that cannot run here demand of a feed, as their sources have it: contracts/greenbutton.md 6.

EDDIE is the client written against UtilityAPI itself; SEED is the importer of the US Department of Energy; the two
integrations of Home Assistant are what households run.
"""

import re
from urllib.parse import urlsplit

from lxml import etree
from tests.conformance.conftest import ATOM, CUSTOMER, USAGE, R, World, body, entries, links

MEASURED = {"UsageSummary", "ElectricPowerQualitySummary"}


def all_entries(*roots: etree._Element) -> list[etree._Element]:
    return [entry for root in roots for entry in root.findall(f"{{{ATOM}}}entry")]


def name(entry: etree._Element) -> str:
    return etree.QName(body(entry)).localname


def kind_of(root: etree._Element, reading: etree._Element) -> etree._Element:
    types = {links(each, "self")[0]: body(each) for each in entries(root, "ReadingType")}
    [kind] = [types[href] for href in links(reading, "related") if href in types]
    return kind


# EDDIE (section 6, the paragraph after the table)


def test_eddie_every_entry_has_self_and_up_and_every_link_a_type(batch, customer) -> None:
    """A null type is a NullPointerException there."""
    for entry in all_entries(batch, customer):
        assert len(links(entry, "self")) == len(links(entry, "up")) == 1
    for root in (batch, customer):
        assert all(each.get("type") for each in root.iter(f"{{{ATOM}}}link"))


def test_eddie_the_title_of_an_entry_is_the_name_of_its_type_and_it_has_one_content(batch, customer) -> None:
    for entry in all_entries(batch, customer):
        assert entry.findtext(f"{{{ATOM}}}title") == name(entry)
        [content] = entry.findall(f"{{{ATOM}}}content")
        assert len(content) == 1
        assert content.get("type") == "application/xml"
        assert str(entry.findtext(f"{{{ATOM}}}id")).startswith("urn:uuid:")


def test_eddie_finds_the_meter_in_the_self_link_of_a_block(batch) -> None:
    points = {links(each, "self")[0].rsplit("/", 1)[-1] for each in entries(batch, "UsagePoint")}
    for block in entries(batch, "IntervalBlock"):
        found = re.search(r"/UsagePoint/([^/]+)/MeterReading/", links(block, "self")[0])
        assert found is not None
        assert found[1] in points


def test_eddie_one_id_is_authorization_subscription_and_retail_customer(world: World, batch, customer) -> None:
    """It takes the last segment of authorizationURI for the paths of the batches."""
    entry = etree.fromstring(world.get(f"/Authorization/{world.consent.id}", world.client_token))
    last = {
        urlsplit(body(entry).findtext(f"{{{USAGE}}}{field}")).path.rsplit("/", 1)[-1]
        for field in ("authorizationURI", "resourceURI", "customerResourceURI")
    }
    assert last == {world.consent.id}
    assert links(entries(batch, "UsagePoint")[0], "self")[0].startswith(f"{R}/Subscription/{world.consent.id}/")
    assert links(entries(customer, "Customer")[0], "self")[0].startswith(f"{R}/RetailCustomer/{world.consent.id}/")


def test_eddie_asks_for_a_meter_with_offset_date_times(world: World, batch) -> None:
    """ISO offset date-times; an unescaped + arrives as a blank."""
    [point] = [each for each in entries(batch, "UsagePoint") if kind_of_service(each) == "0"]
    path = links(point, "self")[0].replace(f"{R}/Subscription", f"{R}/Batch/Subscription")
    window = "published-min=2025-06-01T00:00:00%2B00:00&published-max=2025-06-03T00:00:00+00:00"
    found = etree.fromstring(world.get(f"{path}?{window}"))
    assert entries(found, "IntervalBlock")


def kind_of_service(point: etree._Element) -> str | None:
    return body(point).findtext(f"{{{USAGE}}}ServiceCategory/{{{USAGE}}}kind")


def test_eddie_is_told_to_wait_in_whole_seconds(world: World) -> None:
    """202 with Retry-After as an integer, never a date, and an empty body."""
    path = (
        f"/Batch/Subscription/{world.consent.id}?published-min=2025-01-01T00:00:00Z&published-max=2025-01-02T00:00:00Z"
    )
    answer = world.answer(path, Prefer="respond-async")
    assert answer.status_code == 202
    assert re.fullmatch(r"[1-9][0-9]*", answer.headers["retry-after"])
    assert answer.content == b""


# SEED


def test_seed_reads_unprefixed_names_alone(world: World) -> None:
    for document in (world.batch, world.customer):
        assert re.search(rb"<\w+:", document) is None


def test_seed_matches_meter_readings_of_digits(batch) -> None:
    for reading in entries(batch, "MeterReading"):
        assert re.fullmatch(r".*/MeterReading/[0-9]+", links(reading, "self")[0])
    for block in entries(batch, "IntervalBlock"):
        assert re.search(r"/MeterReading/[0-9]+/", links(block, "self")[0])


def test_seed_takes_the_first_link_for_self(batch, customer) -> None:
    for entry in all_entries(batch, customer):
        assert entry.find(f"{{{ATOM}}}link").get("rel") == "self"


def test_seed_reads_one_block_of_an_entry(batch) -> None:
    for entry in entries(batch, "IntervalBlock"):
        assert len(entry.find(f"{{{ATOM}}}content")) == 1


def test_seed_knows_electricity_and_gas_in_its_units(batch) -> None:
    """Wh, J, Btu, therm, cubic feet and cubic metres."""
    services = {links(each, "self")[0]: kind_of_service(each) for each in entries(batch, "UsagePoint")}
    for reading in entries(batch, "MeterReading"):
        [service] = [services[href] for href in links(reading, "related") if href in services]
        if service in {"0", "1"}:
            assert kind_of(batch, reading).findtext(f"{{{USAGE}}}uom") in {"72", "31", "132", "169", "119", "42"}


# Home Assistant: home-assistant-green-button (rhounsell)


def test_home_assistant_green_button_needs_a_currency_a_length_and_a_multiplier(batch) -> None:
    """840 or 124 is mandatory, with or without costs."""
    for kind in map(body, entries(batch, "ReadingType")):
        assert kind.findtext(f"{{{USAGE}}}currency") in {"840", "124"}
        assert kind.findtext(f"{{{USAGE}}}intervalLength") is not None
        assert kind.findtext(f"{{{USAGE}}}powerOfTenMultiplier") is not None


def test_home_assistant_green_button_knows_its_unit_of_electricity(batch) -> None:
    """72, 42 or 80."""
    for kind in map(body, entries(batch, "ReadingType")):
        if kind.findtext(f"{{{USAGE}}}commodity") == "1":
            assert kind.findtext(f"{{{USAGE}}}uom") == "72"


# Home Assistant: Open Green Button (geophilips)


def test_open_green_button_finds_the_reading_in_the_up_link_of_a_block(batch) -> None:
    for block in entries(batch, "IntervalBlock"):
        assert re.search(r"/MeterReading/[^/]+/", links(block, "up")[0])


def test_open_green_button_finds_relations_by_the_types_of_links(batch) -> None:
    """The ReadingType of a MeterReading, and the UsagePoint of a summary, without which it drops it."""
    for resource, type_ in [
        ("MeterReading", "espi-entry/ReadingType"),
        *((each, "espi-entry/UsagePoint") for each in MEASURED),
    ]:
        assert entries(batch, resource)
        for entry in entries(batch, resource):
            found = [each.get("rel") for each in entry.findall(f"{{{ATOM}}}link") if each.get("type") == type_]
            assert found == ["related"]


def test_open_green_button_reads_the_account_and_the_address(customer) -> None:
    [account] = entries(customer, "CustomerAccount")
    assert body(account).findtext(f"{{{CUSTOMER}}}accountId")
    for location in entries(customer, "ServiceLocation"):
        assert body(location).find(f"{{{CUSTOMER}}}mainAddress") is not None


# eemeter, and the Ruby client


def test_eemeter_reads_a_reading_type_before_its_meter_reading(batch) -> None:
    order = [links(each, "self")[0] for each in all_entries(batch)]
    types = {links(each, "self")[0] for each in entries(batch, "ReadingType")}
    for reading in entries(batch, "MeterReading"):
        [kind] = types & set(links(reading, "related"))
        assert order.index(kind) < order.index(links(reading, "self")[0])


def test_blocks_of_a_reading_ascend_in_time(batch) -> None:
    last: dict[str, int] = {}
    for block in entries(batch, "IntervalBlock"):
        start = int(body(block).findtext(f"{{{USAGE}}}interval/{{{USAGE}}}start"))
        assert start > last.get(links(block, "up")[0], 0)
        last[links(block, "up")[0]] = start


def test_the_usage_point_and_its_clock_come_first(batch) -> None:
    names = [name(each) for each in all_entries(batch)]
    assert names[:2] == ["UsagePoint", "LocalTimeParameters"]
