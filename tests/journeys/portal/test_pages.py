"""Pages as people see them: charts, files, keys; with and without scripts, in light and dark."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from lxml import etree
from playwright.sync_api import Page, expect
from tests.journeys.portal.conftest import Site, sign_in
from tests.surfaces.portal.world import ask, register, run_due_jobs

from energygrid.access.audit import SYSTEM
from energygrid.access.users import find_user
from energygrid.greenbutton import notices

FAULTS = (Path(__file__).parent / "accessibility.js").read_text()


def drawn(page: Page, chart: str) -> dict:
    """Traces, shapes and range of a chart, as Plotly has them."""
    page.wait_for_selector(f"#{chart}[data-drawn]")
    return page.evaluate(
        """(id) => { const plot = document.querySelector(`#${id} .js-plotly-plot`);
            return {traces: plot.data.map((each) => ({name: each.name, y: Array.from(each.y)})),
                shapes: plot.layout.shapes.map((each) => [each.x0, each.x1]), range: plot.layout.xaxis.range,
                bars: plot.querySelectorAll(".bars .point path").length}; }""",
        chart,
    )


def test_charts_show_gaps_as_gaps(page: Page):
    page.goto("/portal/usage?day=2025-06-10")
    sign_in(page)
    day, year = drawn(page, "day-chart"), drawn(page, "year-chart")
    assert day["shapes"] == [[10, 13]]
    assert day["traces"][0]["y"][40:52] == [None] * 12
    assert day["bars"] >= 84
    first = sum((31, 28, 31, 30, 31, 30)) + 2
    assert [first, first + 3] in year["shapes"]
    assert year["traces"][0]["y"][first] is None
    assert {trace["name"] for trace in year["traces"]} >= {
        "Taken from the grid",
        "Taken from the grid (estimated)",
        "Taken from the grid (incomplete)",
        "Fed into the grid",
    }
    assert page.locator("#day-chart svg.plain").count() == 0


def test_a_bar_of_the_year_leads_to_its_day_and_days_can_be_turned(page: Page):
    page.goto("/portal/usage?day=2025-11-01")
    sign_in(page)
    assert drawn(page, "day-chart")["range"] == [0, 24]
    page.get_by_role("link", name="Day after").click()
    expect(page.get_by_role("heading", name=re.compile("2 November 2025"))).to_contain_text("25 hours")
    assert drawn(page, "day-chart")["range"] == [0, 25]
    drawn(page, "year-chart")
    plot = page.locator("#year-chart .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    bar = (box["x"] + box["width"] * 100.5 / 365, box["y"] + box["height"] * 0.5)
    page.mouse.move(*bar)
    expect(page.locator("#year-chart .hovertext").first).to_contain_text("11 Apr 2025")
    page.mouse.click(*bar)
    expect(page.get_by_role("heading", name=re.compile("11 April 2025"))).to_be_visible()


def test_without_scripts_there_are_a_drawing_and_tables(new_page: Callable[..., Page]):
    page = new_page(java_script_enabled=False)
    page.goto("/portal/usage?day=2025-06-10")
    sign_in(page)
    expect(page.locator("#day-chart svg.plain rect.delivered")).to_have_count(84)
    expect(page.locator("#day-chart svg.plain rect.gap")).to_have_count(1)
    page.get_by_text("Intervals as a table").click()
    table = page.get_by_role("region", name="Intervals as a table")
    expect(table.get_by_text("no reading")).to_have_count(24)
    page.get_by_label("Day", exact=True).fill("2025-03-09")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name=re.compile("9 March 2025"))).to_contain_text("23 hours")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_file_is_downloaded(new_page: Callable[..., Page], scripts: bool):
    page = new_page(java_script_enabled=scripts)
    page.goto("/portal/download")
    sign_in(page)
    page.get_by_label(re.compile("Gas")).uncheck()
    page.get_by_label(re.compile("From")).fill("2025-06-09")
    page.get_by_label(re.compile(r"To\b")).fill("2025-06-11")
    for label, suffix in (("Green Button (XML)", "xml"), ("Table (Parquet)", "parquet")):
        page.get_by_label(re.compile(re.escape(label))).check()
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download My Data").click()
        file = waiting.value
        assert file.suggested_filename == f"testville_electricity_15min_2025-06-09_2025-06-11.{suffix}"
        content = Path(file.path()).read_bytes()
        if suffix == "xml":
            assert len(etree.fromstring(content).findall(".//{*}IntervalReading")) == (3 * 96 - 12) * 2
        else:
            assert pl.read_parquet(io.BytesIO(content)).height == (3 * 96 - 12) * 2


def test_a_developer_registers_an_application_and_sees_its_keys_once(page: Page):
    page.goto("/portal/developer")
    sign_in(page, "dev")
    page.get_by_role("link", name="Register an application").click()
    page.get_by_label(re.compile("^Name")).fill("Chart Maker")
    page.get_by_label(re.compile("Redirect addresses")).fill("https://charts.example/back")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Chart Maker")
    secret = page.locator("#new-secret").inner_text()
    assert len(secret) >= 32
    page.reload()
    expect(page.locator("#new-secret")).to_have_count(0)
    page.get_by_role("button", name="New client secret").click()
    expect(page.locator("#new-secret")).not_to_have_text(secret)


def test_an_uploaded_file_is_checked(page: Page):
    page.goto("/portal/check")
    sign_in(page)
    link = f'<link rel="self" href="http://dc.example/{"a" * 200}"/>'
    broken = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>{link}</feed>'.encode()
    page.get_by_label(re.compile("Green Button file")).set_input_files(
        {"name": "mine.xml", "mimeType": "application/xml", "buffer": broken}
    )
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("heading", name="It breaks rules: mine.xml")).to_be_visible()
    expect(page.locator("main")).to_contain_text("a" * 200)
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_heard_seen_and_walked_through(new_page: Callable[..., Page], site: Site, scheme: str):
    """Names, order, roles and contrast, by rules of our own; in light and dark, wide and narrow."""
    page = new_page(color_scheme=scheme, reduced_motion="reduce")
    page.goto("/portal/")
    found = {"sign-in": page.evaluate(FAULTS)}
    sign_in(page)
    page.wait_for_url("**/portal/")
    party = register(site.world, name=f"Asker {scheme}").third_party
    paths = ["/", "/usage", "/download", "/sharing", "/connect", "/check", "/nothing", ask(site.world, party)]
    for path in [*paths, "/download/file?format=xml"]:
        found[path] = faults(page, path)
    told = told_of(site, scheme)
    for user, others in (("dev", ["/developer", "/developer/new", told]), ("sue", ["/staff/third-parties"])):
        other = new_page(color_scheme=scheme)
        other.goto("/portal/testville/sign-in")
        sign_in(other, user)
        other.wait_for_url("**/portal/")
        for path in others:
            found[path] = faults(other, path)
    assert {path: each for path, each in found.items() if each} == {}


def faults(page: Page, path: str) -> list[str]:
    page.goto(f"/portal{path}")
    found: list[str] = page.evaluate(FAULTS)
    page.set_viewport_size({"width": 360, "height": 740})
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append("does not fit a narrow screen")
    page.set_viewport_size({"width": 1200, "height": 900})
    return found


def told_of(site: Site, name: str) -> str:
    """Path of the page of an application of the developer's to which a test notice was sent."""
    world, now = site.world, datetime.now(UTC)
    services, database = world.services, world.services.database
    owner = database.read(find_user, world.tenant, "dev")
    assert owner is not None
    made = register(world, name=f"Told {name}", owner_user_id=owner.id).third_party
    party, _ = database.write(
        notices.set_notify_uri, services.vault, made, "http://127.0.0.1:9/notices", who=SYSTEM, now=now
    )
    database.write(notices.test, services.vault, party, services.settings.resource_url, who=SYSTEM, now=now)
    run_due_jobs(services)
    assert database.read(notices.notices_to, party)
    return f"/developer/{party.client_id}"


def test_the_first_stop_of_the_keyboard_leads_past_the_navigation(page: Page):
    page.goto("/portal/")
    sign_in(page)
    page.wait_for_url("**/portal/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
