"""Download My Data."""

import io
import re
from html import unescape
from typing import Any

import polars as pl
import pytest
from lxml import etree
from tests.surfaces.portal.conftest import Browser
from tests.surfaces.portal.world import World

from energygrid.access import audit
from energygrid.espi_schemas import schema

ESPI = "{http://naesb.org/espi}"


def meters_of(page: Any) -> list[str]:
    return re.findall(r'name="meter" value="(\d+)"', page.text)


def take(ann: Browser, format_: str = "xml", *, meters: list[str] | None = None, **dates: str) -> Any:
    chosen = meters if meters is not None else meters_of(ann.get("/download"))
    span = {"from": "2025-06-09", "to": "2025-06-11"} | {name.rstrip("_"): value for name, value in dates.items()}
    return ann.get("/download/file", params={"meter": chosen, "format": format_, **span})


def test_the_xml_is_a_valid_feed_of_exactly_the_local_days_asked_for(ann: Browser):
    answer = take(ann)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/atom+xml")
    root = etree.fromstring(answer.content)
    schema("4.0-strict").assertValid(root)
    starts = [
        int(each.text) for each in root.iter(f"{ESPI}start") if each.getparent().getparent().tag.endswith("Reading")
    ]
    assert min(starts) == 1749441600  # 2025-06-09T00:00-04:00
    assert max(starts) == 1749700800 - 900
    assert len(starts) == (3 * 96 - 12) * 2 + 3 * 24


def test_the_file_name_tells_utility_commodity_interval_and_days_and_nobodys_name(ann: Browser):
    every = meters_of(ann.get("/download"))
    names = {
        take(ann, meters=chosen).headers["content-disposition"]
        for chosen in (every, [each for each in every if each == every[0]], [every[1]])
    }
    assert names == {
        'attachment; filename="testville_all_mixed_2025-06-09_2025-06-11.xml"',
        'attachment; filename="testville_electricity_15min_2025-06-09_2025-06-11.xml"',
        'attachment; filename="testville_gas_60min_2025-06-09_2025-06-11.xml"',
    }


@pytest.mark.parametrize("format_", ["xml", "csv"])
def test_the_file_names_no_person(ann: Browser, format_: str):
    text = take(ann, format_).text
    for secret in ("Ann", "Tester", "Main St", "4711", "E-1", "G-1", "48067"):
        assert secret not in text


def test_csv_and_parquet_hold_the_same_readings(ann: Browser):
    csv = pl.read_csv(io.BytesIO(take(ann, "csv").content))
    parquet = pl.read_parquet(io.BytesIO(take(ann, "parquet").content))
    assert csv.height == parquet.height == (3 * 96 - 12) * 2 + 3 * 24
    assert csv["value"].to_list() == parquet["value"].to_list()
    gas = parquet.filter(pl.col("commodity") == 7)
    assert gas["value"].sum() == pytest.approx(7.2 * 100 if set(gas["unit"]) == {"ft3"} else 7.2)


def test_a_span_without_readings_is_a_file_all_the_same(ann: Browser):
    answer = take(ann, "csv", from_="2020-01-01", to="2020-01-31")
    assert (answer.status_code, len(answer.text.splitlines())) == (200, 1)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2025-01-01&to=2025-01-31&format=xml", "meters"),
        ("meter=1&from=2025-01-01&to=2025-01-31&format=xml", "meters"),
        ("from=x&to=2025-01-31&format=xml", "from"),
        ("from=2025-01-31&to=&format=xml", "to"),
        ("from=2025-01-31&to=2025-01-01&format=xml", "to"),
        ("from=2025-01-31&to=2025-01-01&format=exe", "format-xml"),
    ],
)
def test_what_cannot_be_made_is_said_at_its_field(ann: Browser, query: str, field: str):
    answer = ann.get(f"/download/file?{query}")
    assert answer.status_code == 400
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text


def test_somebody_elses_meter_is_never_in_the_file(ann: Browser, new_browser):
    bob = new_browser()
    bob.sign_in("bob")
    theirs = meters_of(bob.get("/download"))
    assert take(bob, meters=theirs).status_code == 200
    assert take(ann, meters=theirs).status_code == 400
    mine = meters_of(ann.get("/download"))
    assert take(ann, meters=mine + theirs).text.count("<UsagePoint xmlns") == len(mine)


def test_a_download_is_in_the_audit_log(world: World, ann: Browser):
    take(ann, "csv")
    (entry,) = world.services.database.read(audit.entries, tenant_id=world.tenant.id, subject="customer/4711")[-1:]
    assert (entry.action, entry.actor) == ("own_data.downloaded", "user/ann")


def test_the_green_button_words_stand_on_the_page(ann: Browser):
    text = ann.get("/download").text
    assert "Green Button" in text
    assert "Download My Data" in text
    assert "Connect My Data" in text


def test_what_a_chart_shows_is_what_the_form_is_filled_in_with(ann: Browser):
    chart = ann.get("/usage?day=2025-06-10")
    [year, day] = [unescape(each) for each in re.findall(r'href="(/download\?[^"]*)"', chart.text)]
    [shown] = {meter for link in (year, day) for meter in re.findall(r"meter=(\d+)", link)}
    for link, span in ((year, ("2025-01-01", "2025-12-31")), (day, ("2025-06-10", "2025-06-10"))):
        form = ann.get(link)
        assert re.findall(r'type="date" value="([\d-]+)"', form.text) == list(span)
        assert re.findall(r'name="meter" value="(\d+)" checked', form.text) == [shown]
    plain, odd = ann.get("/download"), ann.get("/download?meter=1&from=never&to=1800-01-01")
    assert odd.status_code == 200
    assert re.findall(r'(?:value="[^"]*"(?: checked)?)', odd.text) == re.findall(
        r'(?:value="[^"]*"(?: checked)?)', plain.text
    )
