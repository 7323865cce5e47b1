import json
import re
from html import unescape

import pytest
from tests.surfaces.portal.conftest import Browser


def figures(page) -> list[dict]:
    return [json.loads(unescape(each)) for each in re.findall(r'data-figure="([^"]*)"', page.text)]


def meter(page, word: str) -> str:
    """Path of a meter by a word of its link."""
    links = re.findall(r'<a href="(/usage/\d+)"[^>]*>([^<]+)', page.text)
    return next(path for path, text in links if word in text)


def test_a_customer_sees_the_own_meters_with_the_latest_readings(ann: Browser):
    page = ann.get("/usage")
    assert page.status_code == 200
    assert {"Electricity", "Gas"} <= set(re.findall(r"(\w+)\n +<small>", page.text))
    assert "1 Main St., Testville" in page.text
    assert "January 2025 to December 2025" in page.text
    assert "31 December 2025" in page.text
    year, day = figures(page)
    assert len(year["traces"][0]["x"]) == 365
    assert (day["length"], len(day["traces"][0]["x"])) == (24, 96)


def test_what_is_fed_into_the_grid_hangs_below_the_axis(ann: Browser):
    year, day = figures(ann.get("/usage"))
    for figure in (year, day):
        below = [trace for trace in figure["traces"] if trace["flow"] == "received"]
        assert below
        assert all(value is None or value <= 0 for trace in below for value in trace["y"])


def test_days_without_readings_are_a_gap_and_never_zero(ann: Browser):
    page = ann.get("/usage?day=2025-07-04")
    year, day = figures(page)
    first = sum((31, 28, 31, 30, 31, 30)) + 2
    for trace in year["traces"]:
        assert trace["y"][first : first + 3] == [None] * 3
    assert [first, first + 3] in year["gaps"]
    assert day["traces"] == []
    assert page.text.count("no reading") > 96


def test_hours_without_readings_are_a_gap_and_the_day_is_incomplete(ann: Browser):
    year, day = figures(ann.get("/usage?day=2025-06-10"))
    assert day["gaps"] == [[10, 13]]
    assert day["traces"][0]["y"][40:52] == [None] * 12
    place = 31 + 28 + 31 + 30 + 31 + 9
    incomplete = [trace["y"][place] for trace in year["traces"] if trace["state"] == "incomplete"]
    assert incomplete[0] == pytest.approx(84 * day["traces"][0]["y"][0], rel=0.01)


def test_estimated_readings_are_marked(ann: Browser):
    page = ann.get("/usage?day=2025-08-01")
    _, day = figures(page)
    assert {trace["state"] for trace in day["traces"]} == {"estimated"}
    assert page.text.count('<span class="soft small">estimated</span>') >= 96


@pytest.mark.parametrize(
    ("day", "hours", "label"), [("2025-03-09", 23, "03:00 to 03:15"), ("2025-11-02", 25, "01:00 EST to 01:15 EST")]
)
def test_a_day_on_which_the_clocks_change_has_its_23_or_25_hours(ann: Browser, day: str, hours: int, label: str):
    page = ann.get(f"/usage?day={day}")
    figure = figures(page)[1]
    assert (figure["length"], len(figure["traces"][0]["y"])) == (hours, hours * 4)
    assert label in figure["traces"][0]["hover"]
    assert f"{hours} hours: the clocks change" in page.text
    assert len(set(figure["traces"][0]["hover"])) == hours * 4


def test_the_table_holds_the_numbers_of_the_chart(ann: Browser):
    page = ann.get("/usage?day=2025-05-05")
    year, day = figures(page)
    for value in [value for value in day["traces"][0]["y"] if value is not None]:
        assert f">{value:,.3f}<" in page.text
    january = sum(value for value in year["traces"][0]["y"][:31])
    assert f">{january:,.1f}<" in page.text


def test_without_scripts_the_drawing_shows_a_bar_a_day(ann: Browser):
    page = ann.get("/usage")
    assert page.text.count('class="delivered measured"') == 365 - 3 - 1 - 1 + 96


def test_the_meter_of_somebody_else_is_not_there(ann: Browser, new_browser):
    bob = new_browser()
    bob.sign_in("bob")
    theirs = re.search(r'action="(/usage/\d+)', bob.get("/usage").text)
    assert theirs is not None
    assert bob.get(theirs[1]).status_code == 200
    assert ann.get(theirs[1]).status_code == 404
    assert ann.get("/usage/1234567890123456").status_code == 404


def test_every_meter_has_its_page(ann: Browser):
    page = ann.get(meter(ann.get("/usage"), "Gas"))
    year, day = figures(page)
    assert (year["unit"], day["unit"]) == ("ccf", "ccf")
    assert "meter G-1" in page.text


@pytest.mark.parametrize("query", ["day=never", "day=2025-02-30", "day=1800-01-01", "until=2025-13", "until=x"])
def test_a_day_that_is_none_is_refused_in_words(ann: Browser, query: str):
    answer = ann.get(f"/usage?{query}")
    assert answer.status_code == 400
    assert "looks like" in answer.text or "no readings in that year" in answer.text
