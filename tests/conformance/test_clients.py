"""Programs that were not written here read our batch feed to the right numbers: contracts/greenbutton.md 6."""

import json
import os
import shutil
import subprocess
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import feedparser
import pytest
from greenbutton_objects import parse
from lxml import etree
from tests.conformance.conftest import ATOM, USAGE, World, body, entries, links
from tests.conformance.expected import Stored, stored

from energygrid.greenbutton.atom import urn

NODE_MODULES = Path(__file__).parents[2] / ".venv" / "node" / "node_modules"
Key = tuple[str, str]


@pytest.fixture(scope="session")
def file(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clients") / "batch.xml"
    path.write_bytes(world.batch)
    return path


@pytest.fixture(scope="session")
def keys(batch: etree._Element) -> dict[str, Key]:
    """Commodity and flowDirection by the self link of each MeterReading of intervals; register reads have none."""
    types = {links(each, "self")[0]: body(each) for each in entries(batch, "ReadingType")}
    found = {}
    for reading in entries(batch, "MeterReading"):
        [kind] = [types[href] for href in links(reading, "related") if href in types]
        if kind.findtext(f"{{{USAGE}}}accumulationBehaviour") != "4":
            continue
        codes = [str(kind.findtext(f"{{{USAGE}}}{name}")) for name in ("commodity", "flowDirection")]
        found[links(reading, "self")[0]] = (codes[0], codes[1])
    return found


def same(read: Mapping[int, float], wanted: Stored) -> bool:
    """The same instants, and each value to a thousandth."""
    assert sorted(read) == wanted.starts
    return [read[start] for start in wanted.starts] == pytest.approx(wanted.values, abs=1e-3)


def electric_both_ways(world: World, path: Path) -> Path:
    """The batch of the electric usage point less its series of net energy: a customer who shares none."""
    root = etree.fromstring(world.batch)
    [point] = [
        each for each in entries(root, "UsagePoint") if body(each).find(f"{{{USAGE}}}ServiceCategory")[0].text == "0"
    ]
    feed = etree.fromstring(world.get(links(point, "self")[0].replace("/resource/", "/resource/Batch/")))
    [kind] = [each for each in entries(feed, "ReadingType") if body(each).findtext(f"{{{USAGE}}}flowDirection") == "4"]
    [reading] = links(kind, "related")
    for entry in feed.findall(f"{{{ATOM}}}entry"):
        if entry is kind or links(entry, "self")[0].startswith(reading):
            feed.remove(entry)
    path.write_bytes(etree.tostring(feed))
    return path


def test_greenbutton_objects(world: World, keys: dict[str, Key], tmp_path: Path) -> None:
    """PyPI greenbutton-objects 2024.7.11; its own code lists lack volumes (kind 58) and net energy: it gets neither."""
    [point] = parse.parse_feed(str(electric_both_ways(world, tmp_path / "batch.xml")))
    assert (point.title, point.serviceCategory.name) == ("UsagePoint", "electricity")
    read = {keys[each.link_self]: each for each in point.meterReadings if each.link_self in keys}
    assert read.keys() == {("1", "1"), ("1", "19")}
    for key, reading in read.items():
        assert reading.readingType.uom.name == "wattHours"
        values = {int(each.timePeriod.start.timestamp()): float(each.value) for each in reading.intervalReadings}
        assert same(values, stored(world)[key]), key


def test_feedparser(world: World) -> None:
    """PyPI feedparser: any program that reads Atom reads the feed whole. Six weeks, for it takes its time."""
    window = "?published-min=2025-02-01T00:00:00Z&published-max=2025-03-15T00:00:00Z"
    batch = world.get(f"/Batch/Subscription/{world.consent.id}{window}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        feed = feedparser.parse(batch)
    assert feed.bozo is False
    assert feed.version == "atom10"
    ours = etree.fromstring(batch).findall(f"{{{ATOM}}}entry")
    assert len(feed.entries) == len(ours) > 42
    for read, entry in zip(feed.entries, ours, strict=True):
        [own] = links(entry, "self")
        assert (read.id, read.title) == (urn(own), etree.QName(body(entry)).localname)
        assert [(each.rel, each.href) for each in read.links] == [
            (each.get("rel"), each.get("href")) for each in entry.findall(f"{{{ATOM}}}link")
        ]
        assert read.published == entry.findtext(f"{{{ATOM}}}published")
        assert read.updated == entry.findtext(f"{{{ATOM}}}updated")
        assert [each.type for each in read.content] == ["application/xml"]


def node_client(feed: Path) -> dict[str, object]:
    node = shutil.which("node")
    if node is None or not NODE_MODULES.is_dir():
        why = "the client that runs on Node.js is not here: install node and npm, then `make node-clients`"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    script = Path(__file__).with_name("read_with_cityssm.mjs")
    done = subprocess.run([node, script, NODE_MODULES, feed], capture_output=True, check=True, timeout=120)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_cityssm_green_button_parser(world: World, batch: etree._Element, file: Path, keys: dict[str, Key]) -> None:
    """npm @cityssm/green-button-parser 1.0.1"""
    found = node_client(file)
    ours = Counter(etree.QName(body(each)).localname for each in batch.findall(f"{{{ATOM}}}entry"))
    assert found["kinds"] == ours
    powers = {
        keys[href]: int(body(each).findtext(f"{{{USAGE}}}powerOfTenMultiplier"))
        for each in entries(batch, "ReadingType")
        for href in links(each, "related")
        if href in keys
    }
    wanted = stored(world)
    readings = {keys[href]: rows for href, rows in found["readings"].items() if href in keys}
    assert readings.keys() == wanted.keys()
    for key, rows in readings.items():
        assert {duration for _, duration, _ in rows} == {wanted[key].interval_s}
        assert same({start: value * 10.0 ** powers[key] for start, _, value in rows}, wanted[key]), key


def test_cityssm_green_button_parser_reads_every_kind_of_the_customer(
    world: World, customer: etree._Element, tmp_path: Path
) -> None:
    path = tmp_path / "customer.xml"
    path.write_bytes(world.customer)
    ours = Counter(etree.QName(body(each)).localname for each in customer.findall(f"{{{ATOM}}}entry"))
    assert node_client(path)["kinds"] == ours
