"""Valid documents to start from, and the tools to break one thing in them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from lxml import etree

from energygrid.greenbutton.atom import urn

FEEDS = Path(__file__).parent / "feeds"
ATOM = "http://www.w3.org/2005/Atom"
USAGE = "http://naesb.org/espi"
CUSTOMER = "http://naesb.org/espi/customer"
R = "https://dc.example.org/DataCustodian/espi/1_1/resource"
POINT = f"{R}/Subscription/5f0a1c2b7d3e/UsagePoint/9c1d2e3f4a5b"
READING = f"{POINT}/MeterReading/281474976710657"

Tree: TypeAlias = etree._Element
Change: TypeAlias = Callable[[Tree], None]

DEMANDS = """
<peakDemand><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>38</uom><value>900</value></peakDemand>
<previousDayOverallConsumption><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom><value>9</value>
</previousDayOverallConsumption>"""
RATCHET = """
<ratchetDemand><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>38</uom><value>900</value></ratchetDemand>
<ratchetDemandPeriod><duration>2678400</duration><start>1764565200</start></ratchetDemandPeriod>"""
CURRENT_DAY = """
<currentDayOverallConsumption><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom><value>5</value>
</currentDayOverallConsumption>"""
QUALITY = "".join(
    f"<{name}>1</{name}>"
    for name in [
        "flickerPlt",
        "flickerPst",
        "harmonicVoltage",
        "longInterruptions",
        "mainsVoltage",
        "powerFrequency",
        "rapidVoltageChanges",
        "shortInterruptions",
    ]
) + (
    "<summaryInterval><duration>86400</duration><start>1767243600</start></summaryInterval>"
    + "".join(
        f"<{name}>1</{name}>"
        for name in ["supplyVoltageDips", "supplyVoltageImbalance", "supplyVoltageVariations", "tempOvervoltage"]
    )
)


def entry_text(resource: str, content: str, own: str, related: tuple[str, ...] = (), namespace: str = USAGE) -> str:
    """One valid entry; `related` are URLs of entries."""
    family = "espi" if namespace == USAGE else "cust"
    more = "".join(f'<link rel="related" href="{href}" type="{family}-entry/UsagePoint"/>' for href in related)
    return (
        f'<entry xmlns="{ATOM}"><id>{urn(own)}</id>'
        f'<link rel="self" href="{own}" type="{family}-entry/{resource}"/>'
        f'<link rel="up" href="{own.rpartition("/")[0]}" type="{family}-feed/{resource}"/>{more}'
        f"<title>{resource}</title><published>2026-01-02T06:00:00Z</published><updated>2026-01-03T06:00:00Z</updated>"
        f'<content type="application/xml"><{resource} xmlns="{namespace}">{content}</{resource}></content></entry>'
    )


def entries(root: Tree, resource: str) -> list[Tree]:
    found = root.findall(f".//{{{ATOM}}}entry[{{{ATOM}}}content]")
    found += [root] if etree.QName(root).localname == "entry" else []
    return [each for each in found if etree.QName(each.find(f"{{{ATOM}}}content")[0]).localname == resource]


def usage_feed() -> Tree:
    """The target shape, with power quality and with demands beside it: every block but those of other measurements."""
    root = etree.parse(FEEDS / "usage.xml").getroot()
    [summary] = [each.find(f"{{{ATOM}}}content")[0] for each in entries(root, "UsageSummary")]
    for text, after in (
        (CURRENT_DAY + DEMANDS, "currentBillingPeriodOverAllConsumption"),
        (RATCHET, "qualityOfReading"),
    ):
        place = summary.find(f"{{{USAGE}}}{after}")
        for new in reversed(etree.fromstring(f'<a xmlns="{USAGE}">{text}</a>')):
            place.addnext(new)
    lines = summary.findall(f"{{{USAGE}}}costAdditionalDetailLastPeriod/{{{USAGE}}}amount")
    lines[0].text = "10000000"  # so that the lines add up to the bill
    own = f"{POINT}/ElectricPowerQualitySummary/1234567890123456"
    root.append(etree.fromstring(entry_text("ElectricPowerQualitySummary", QUALITY, own, (POINT,))))
    return root


def customer_feed() -> Tree:
    return etree.parse(FEEDS / "customer.xml").getroot()


def written(root: Tree) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


@pytest.fixture
def usage() -> Tree:
    return usage_feed()


@pytest.fixture
def customer() -> Tree:
    return customer_feed()


BLOCKS_A_DAY = 96


def meter_year(days: int) -> bytes:
    """The first day of the target shape, once for each day from 2026-01-01 on; none is longer or shorter."""
    root = etree.parse(FEEDS / "usage.xml").getroot()
    first, *others = entries(root, "IntervalBlock")
    for other in others:
        root.remove(other)
    text = etree.tostring(first).decode()
    own = first.find(f"{{{ATOM}}}link").get("href")
    place = first
    for day in range(1, days):
        shifted = re.sub(r"<start>(\d+)</start>", lambda found, day=day: _later(found, day), text)  # type: ignore[misc]
        href = f"{own}{day:04d}"
        shifted = shifted.replace(f'href="{own}"', f'href="{href}"')
        shifted = re.sub(r"<id>.*?</id>", f"<id>{urn(href)}</id>", shifted)
        new = etree.fromstring(shifted)
        place.addnext(new)
        place = new
    return written(root).replace(b"<entry", b"\n<entry")


def _later(found: re.Match[str], day: int) -> str:
    return f"<start>{int(found[1]) + 86_400 * day}</start>"
