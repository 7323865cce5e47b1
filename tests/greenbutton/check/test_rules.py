"""Every rule finds what it is there to find: each case breaks one thing in a document that is right."""

import copy
import re
from collections.abc import Callable

import pytest
from lxml import etree
from tests.greenbutton.check.conftest import (
    ATOM,
    CUSTOMER,
    POINT,
    READING,
    USAGE,
    Change,
    R,
    Tree,
    customer_feed,
    entries,
    entry_text,
    usage_feed,
    written,
)

from energygrid.greenbutton import check
from energygrid.greenbutton.check.rules import RULES

SUMMARY, QUALITY, BLOCK = "UsageSummary", "ElectricPowerQualitySummary", "IntervalBlock"
TIME = "LocalTimeParameters"
MIDNIGHT = 1_767_243_600


def unchanged(root: Tree) -> None:
    """For rules that ask for data that the document lacks as it is."""


def body(entry: Tree) -> Tree:
    return entry.find(f"{{{ATOM}}}content")[0]


def at(root: Tree, resource: str, path: str) -> Tree:
    found = body(entries(root, resource)[0])
    return found.find("/".join(f"{{{etree.QName(found).namespace}}}{name}" for name in path.split("/")))


def drop(resource: str, path: str) -> Change:
    def change(root: Tree) -> None:
        found = at(root, resource, path)
        found.getparent().remove(found)

    return change


def put(resource: str, path: str, text: str) -> Change:
    return lambda root: setattr(at(root, resource, path), "text", text)


def drop_part(resource: str, part: str) -> Change:
    def change(root: Tree) -> None:
        entry = entries(root, resource)[0]
        for found in entry.findall(f"{{{ATOM}}}link" if part in {"self", "up"} else f"{{{ATOM}}}{part}"):
            if found.get("rel", part) == part:
                entry.remove(found)

    return change


def put_part(resource: str, part: str, text: str) -> Change:
    return lambda root: setattr(entries(root, resource)[0].find(f"{{{ATOM}}}{part}"), "text", text)


def drop_feed_part(part: str) -> Change:
    return lambda root: root.remove(root.find(f"{{{ATOM}}}{part}"))


def without(*resources: str) -> Change:
    def change(root: Tree) -> None:
        for resource in resources:
            for entry in entries(root, resource):
                entry.getparent().remove(entry)

    return change


def twice(resource: str) -> Change:
    """The entry again, under an id of its own."""

    def change(root: Tree) -> None:
        entry = entries(root, resource)[0]
        again = copy.deepcopy(entry)
        again.find(f"{{{ATOM}}}id").text = "urn:uuid:0f7a12c4-0000-5000-8000-000000000000"
        entry.addnext(again)

    return change


def link(resource: str, rel: str, href: str | None = None, **attributes: str) -> Change:
    """Change the first link of that kind; `href` None: keep it."""

    def change(root: Tree) -> None:
        found = next(each for each in entries(root, resource)[0].findall(f"{{{ATOM}}}link") if each.get("rel") == rel)
        for name, value in (attributes | ({"href": href} if href else {})).items():
            found.set(name, value)

    return change


def unrelate(resource: str, ending: str) -> Change:
    """Take away the related links of `resource` whose URL ends like that."""

    def change(root: Tree) -> None:
        for entry in entries(root, resource):
            for found in entry.findall(f"{{{ATOM}}}link"):
                if found.get("rel") == "related" and re.search(ending, found.get("href")):
                    entry.remove(found)

    return change


def add(text: str) -> Change:
    return lambda root: root.append(etree.fromstring(text))


def reading(number: int, path: str, text: str | None) -> Change:
    """Change, or take away, a part of one reading of the first block."""

    def change(root: Tree) -> None:
        found = body(entries(root, BLOCK)[0]).findall(f"{{{USAGE}}}IntervalReading")[number]
        part = found.find("/".join(f"{{{USAGE}}}{name}" for name in path.split("/")))
        if text is None:
            part.getparent().remove(part)
        else:
            part.text = text

    return change


def all_of(*changes: Change) -> Change:
    def change(root: Tree) -> None:
        for each in changes:
            each(root)

    return change


def every(resource: str, path: str) -> Change:
    """Take away all elements at a path."""

    def change(root: Tree) -> None:
        for entry in entries(root, resource):
            for found in body(entry).findall("/".join(f"{{{USAGE}}}{name}" for name in path.split("/"))):
                found.getparent().remove(found)

    return change


def move_first(rel: str, resource: str) -> Change:
    def change(root: Tree) -> None:
        entry = entries(root, resource)[0]
        found = next(each for each in entry.findall(f"{{{ATOM}}}link") if each.get("rel") == rel)
        entry.find(f"{{{ATOM}}}id").addnext(found)

    return change


def prefixed(root: Tree) -> None:
    old = body(entries(root, "MeterReading")[0])
    old.getparent().replace(old, etree.fromstring(f'<espi:MeterReading xmlns:espi="{USAGE}"/>'))


def two_blocks(root: Tree) -> None:
    first, second, *_ = entries(root, BLOCK)
    body(first).addnext(body(second))
    root.remove(second)


def type_last(root: Tree) -> None:
    root.append(entries(root, "ReadingType")[0])


def second_resource(root: Tree) -> None:
    body(entries(root, "MeterReading")[0]).addnext(etree.Element(f"{{{USAGE}}}MeterReading"))


def id_of_another(root: Tree) -> None:
    put_part("MeterReading", "id", entries(root, BLOCK)[0].findtext(f"{{{ATOM}}}id"))(root)


def short_day(root: Tree) -> None:
    put(BLOCK, "interval/duration", "82800")(root)


def bill_of_the_days(root: Tree) -> None:
    """A billing period that the three days cover."""
    put(SUMMARY, "billingPeriod/start", str(MIDNIGHT))(root)
    put(SUMMARY, "billingPeriod/duration", str(3 * 86_400))(root)


OTHER_TIME = entry_text(
    "LocalTimeParameters",
    "<dstEndRule>FFFFFFFF</dstEndRule><dstOffset>0</dstOffset><dstStartRule>FFFFFFFF</dstStartRule><tzOffset>0</tzOffset>",
    f"{R}/LocalTimeParameters/UTC",
)
OTHER_TYPE = entry_text(
    "ReadingType", "<accumulationBehaviour>4</accumulationBehaviour><commodity>1</commodity>", f"{R}/ReadingType/2"
)
SOMEBODY = entry_text(
    "Customer", "<customerName>A</customerName>", f"{R}/RetailCustomer/1/Customer/1", namespace=CUSTOMER
)
NOBODY = "https://dc.example.org/nobody"

Case = tuple[Change, Callable[[], Tree], set[int] | None]


def on_usage(change: Change, *blocks: int) -> Case:
    return change, usage_feed, set(blocks) or None


def on_customer(change: Change) -> Case:
    return change, customer_feed, None


def parts(resource: str, block: int, **rules: str) -> dict[str, Case]:
    return {number: on_usage(drop_part(resource, part), block) for part, number in rules.items()}


def fields(resource: str, block: int, **rules: str) -> dict[str, Case]:
    return {number: on_usage(drop(resource, path.replace("__", "/")), block) for path, number in rules.items()}


APPLICATION = f"""<entry xmlns="{ATOM}"><id>urn:uuid:0f7a12c4-0000-5000-8000-000000000000</id>
<link rel="self" href="{R}/ApplicationInformation/1234567890123456" type="espi-entry/ApplicationInformation"/>
<link rel="up" href="{R}/ApplicationInformation" type="espi-feed/ApplicationInformation"/>
<title>ApplicationInformation</title><published>2026-01-02T06:00:00Z</published><updated>2026-01-03T06:00:00Z</updated>
<content type="application/xml"><ApplicationInformation xmlns="{USAGE}"><dataCustodianId>acme</dataCustodianId>
<dataCustodianApplicationStatus>2</dataCustodianApplicationStatus>
<thirdPartyNotifyUri>https://tp.example/notify</thirdPartyNotifyUri>
<authorizationServerAuthorizationEndpoint>https://dc.example.org/authorize</authorizationServerAuthorizationEndpoint>
<authorizationServerTokenEndpoint>https://dc.example.org/token</authorizationServerTokenEndpoint>
<dataCustodianBulkRequestURI>{R}/Batch/Bulk/1</dataCustodianBulkRequestURI>
<dataCustodianResourceEndpoint>{R}</dataCustodianResourceEndpoint><client_secret/><client_name>TP</client_name>
<redirect_uri>https://tp.example/callback</redirect_uri><client_id>tp</client_id><software_id>tp</software_id>
<software_version>1</software_version><client_id_issued_at>1700000000</client_id_issued_at>
<client_secret_expires_at>0</client_secret_expires_at>
<token_endpoint_auth_method>client_secret_basic</token_endpoint_auth_method><scope>FB=4_16</scope>
<grant_types>authorization_code</grant_types><grant_types>refresh_token</grant_types>
<response_types>code</response_types><registration_client_uri>https://dc.example.org/register/1</registration_client_uri>
<registration_access_token/></ApplicationInformation></content></entry>"""
AUTHORIZATION = entry_text(
    "Authorization",
    "<status>1</status><expires_at>1800000000</expires_at><scope>FB=4</scope><token_type>Bearer</token_type>"
    f"<resourceURI>{R}/Batch/Subscription/1234567890123456</resourceURI>"
    f"<authorizationURI>{R}/Authorization/1234567890123456</authorizationURI>",
    f"{R}/Authorization/1234567890123456",
)
STATUS = f'<ServiceStatus xmlns="{USAGE}"><currentStatus>1</currentStatus></ServiceStatus>'
NOTIFICATION = f'<BatchList xmlns="{USAGE}"><resources>{R}/Batch/Subscription/1</resources></BatchList>'


def on(text: str, change: Change) -> Case:
    return change, lambda: etree.fromstring(text), None


def set_text(name: str, text: str) -> Change:
    return lambda root: setattr(root.find(f".//{{{USAGE}}}{name}"), "text", text)


CASES: dict[str, Case] = {
    "X03": on_usage(put("ReadingType", "kind", "energy")),
    "X04": on_usage(lambda root: entries(root, "UsagePoint")[0].find(f"{{{ATOM}}}link").attrib.pop("type")),
    "E01": on_usage(put("ReadingType", "uom", "9999")),
    "A01": on(f'<UsagePoint xmlns="{USAGE}"/>', unchanged),
    "A02": on_usage(second_resource),
    "A03": on_usage(put_part("UsagePoint", "id", "9c1d2e3f4a5b")),
    "A04": on_usage(link("MeterReading", "related", "/ReadingType/1")),
    "A05": on_usage(link("MeterReading", "self", f"{READING}/")),
    "A06": on_usage(link("MeterReading", "self", type="espi-entry/UsagePoint")),
    "A07": on_usage(put_part("MeterReading", "updated", "2026-01-03T06:00:00")),
    "A08": on_usage(put_part("MeterReading", "updated", "2026-02-03T06:00:00Z")),
    "A09": on_usage(drop_feed_part("link")),
    "D000": (unchanged, lambda: entries(usage_feed(), "UsagePoint")[0], {1}),
    "D001": on_usage(drop_feed_part("id")),
    "D002": on_usage(drop_feed_part("title")),
    "D003": on_usage(drop_feed_part("updated")),
    "D004": on_usage(id_of_another),
    "D006": on_usage(without("UsagePoint")),
    "D007": on_usage(unrelate("UsagePoint", "LocalTimeParameters")),
    "D014": on_usage(twice("UsagePoint")),
    "D016": on_usage(unrelate("UsagePoint", ".")),
    "D135": on_usage(add(OTHER_TIME)),
    "D136": on_usage(without("LocalTimeParameters")),
    "D143": on_usage(twice("LocalTimeParameters")),
    **parts("UsagePoint", 1, id="D011", title="D012", self="D013", up="D015", published="D009", updated="D010"),
    **parts(TIME, 1, id="D138", title="D137", self="D139", up="D140", published="D141", updated="D142"),
    **parts("MeterReading", 4, id="D018", title="D019", self="D020", up="D022", published="D029", updated="D030"),
    **parts("ReadingType", 4, id="D048", title="D050", self="D051", up="D053", published="D069", updated="D070"),
    **parts(BLOCK, 4, id="D031", title="D033", self="D034", up="D036", published="D040", updated="D041"),
    **parts(SUMMARY, 15, id="D082", title="D084", self="D085", up="D087", published="D101", updated="D102"),
    **parts(QUALITY, 17, id="D128", title="D127", self="D129", up="D130", published="D131", updated="D132"),
    **fields("UsagePoint", 1, ServiceCategory__kind="D008"),
    "D021": on_usage(twice("MeterReading")),
    "D023": on_usage(link("MeterReading", "up", NOBODY)),
    "D024": on_usage(unrelate("MeterReading", "ReadingType")),
    "D025": on_usage(without(BLOCK)),
    "D026": on_usage(without(BLOCK)),
    "D027": on_usage(without("MeterReading")),
    "D032": on_usage(without(BLOCK)),
    "D035": on_usage(twice(BLOCK)),
    "D037": on_usage(link(BLOCK, "up", NOBODY)),
    "D038": on_usage(drop(BLOCK, "interval/duration")),
    "D039": on_usage(drop(BLOCK, "interval/start")),
    "D042": on_usage(put(BLOCK, "interval/start", str(MIDNIGHT - 900))),
    "D043": on_usage(every(BLOCK, "IntervalReading/cost"), 12),
    "D044": on_usage(reading(3, "timePeriod/duration", None)),
    "D045": on_usage(reading(3, "timePeriod/start", None)),
    "D046": on_usage(reading(3, "value", None)),
    "D049": on_usage(without("ReadingType")),
    "D052": on_usage(twice("ReadingType")),
    "D054": on_usage(add(OTHER_TYPE)),
    **fields("ReadingType", 4, intervalLength="D062", kind="D063", powerOfTenMultiplier="D065", uom="D068"),
    **fields("ReadingType", 5, phase="D064"),
    **fields("ReadingType", 12, currency="D058"),
    "D071": on_usage(unchanged, 6),
    "D072": on_usage(unchanged, 6),
    "D073": on_usage(unchanged, 6),
    "D074": on_usage(unchanged, 7),
    "D076": on_usage(unchanged, 8),
    "D077": on_usage(unchanged, 9),
    "D078": on_usage(put("UsagePoint", "ServiceCategory/kind", "1"), 5),
    "D079": on_usage(unchanged, 10),
    "D080": on_usage(unchanged, 11),
    "D147": on_usage(unchanged, 29),
    "D145": on_usage(reading(3, "timePeriod/start", str(MIDNIGHT + 1800))),
    "D146": on_usage(twice(BLOCK)),
    "D083": on_usage(without(SUMMARY), 15),
    "D086": on_usage(twice(SUMMARY)),
    "D088": on_usage(link(SUMMARY, "up", NOBODY)),
    **fields(
        SUMMARY, 15, billingPeriod__duration="D089", billingPeriod__start="D090", overallConsumptionLastPeriod="D081",
        qualityOfReading="D099", statusTimeStamp="D100", currentBillingPeriodOverAllConsumption__uom="D097",
        currentBillingPeriodOverAllConsumption__powerOfTenMultiplier="D095",
        currentBillingPeriodOverAllConsumption__timeStamp="D096", currentBillingPeriodOverAllConsumption__value="D098",
    ),
    **fields(SUMMARY, 16, billLastPeriod="D091", costAdditionalLastPeriod="D093", currency="D094"),
    **fields(
        SUMMARY, 27, ratchetDemand="D103", ratchetDemandPeriod="D104", peakDemand="D105",
        currentDayOverallConsumption="D106", previousDayOverallConsumption="D107", ratchetDemand__uom="D108",
        ratchetDemandPeriod__start="D109", peakDemand__uom="D110", currentDayOverallConsumption__uom="D111",
        previousDayOverallConsumption__powerOfTenMultiplier="D112",
    ),
    **fields(SUMMARY, 28, billToDate="D092"),
    **fields(
        QUALITY, 17, flickerPlt="D113", flickerPst="D114", harmonicVoltage="D115", longInterruptions="D116",
        mainsVoltage="D117", powerFrequency="D118", rapidVoltageChanges="D119", shortInterruptions="D120",
        summaryInterval="D121", supplyVoltageDips="D122", supplyVoltageImbalance="D123",
        supplyVoltageVariations="D124", tempOvervoltage="D125", summaryInterval__start="D134",
    ),
    "D126": on_usage(without(QUALITY), 17),
    "D133": on_usage(twice(QUALITY)),
    "FND002": on(APPLICATION, set_text("dataCustodianApplicationStatus", "7")),
    "FND006": on(STATUS, set_text("currentStatus", "0")),
    "R01": on(AUTHORIZATION, set_text("resourceURI", f"{R}/Subscription/1")),
    "R02": on(NOTIFICATION, set_text("resources", "Batch/Subscription/1")),
    "R51": on_customer(drop_part("Meter", "published")),
    "R52": on_customer(unrelate("ServiceLocation", "/Meter$")),
    "R54": on_customer(all_of(drop("Customer", "customerName"), drop("Customer", "Organisation/organisationName"))),
    "R58": on_customer(put("ServiceLocation", "UsagePoints/UsagePoint", POINT.replace("https:", "http:"))),
    "TC010": on_customer(put_part("ServiceLocation", "title", "1 Main St")),
    "P01": on_usage(add(SOMEBODY)),
    "P02": on_usage(link("MeterReading", "related", POINT.replace("https:", "http:"))),
    "P03": on_usage(link("UsagePoint", "self", f"{R}/Subscription/5f0a1c2b7d3e/UsagePoint/1669851")),
    "P04": on_customer(link("Meter", "self", f"{R}/Meter/1130000000")),
    "K01": on_usage(move_first("up", "UsagePoint")),
    "K02": on_usage(two_blocks),
    "K03": on_usage(link("MeterReading", "self", f"{POINT}/MeterReading/5f0a1c2b7d3e")),
    "K04": on_usage(prefixed),
    "K05": on_usage(unrelate(SUMMARY, ".")),
    "K06": on_usage(put_part("UsagePoint", "title", "1 Main St")),
    "K07": on_usage(drop("ReadingType", "currency")),
    "K08": on_usage(drop_part("UsagePoint", "up")),
    "K09": on_usage(type_last),
    "K10": on_usage(lambda root: entries(root, "UsagePoint")[0].find(f"{{{ATOM}}}content").set("type", "atom+xml")),
    "S01": on_usage(lambda root: body(entries(root, BLOCK)[0]).remove(body(entries(root, BLOCK)[0])[5])),
    "S02": on_usage(reading(3, "timePeriod/duration", "1800")),
    "S03": on_usage(put(BLOCK, "interval/duration", "43200")),
    "S04": on_usage(lambda root: body(entries(root, BLOCK)[0]).remove(body(entries(root, BLOCK)[0])[5])),
    "S05": on_usage(short_day),
    "S06": on_usage(put("LocalTimeParameters", "dstEndRule", "B40E")),
    "S07": on_usage(reading(3, "timePeriod/start", "1767246300.0")),
    "S08": on_usage(reading(95, "timePeriod/start", "1767246300000")),
    "S09": on_usage(put("ReadingType", "intervalLength", "3600")),
    "S10": on_usage(reading(3, "value", "-5")),
    "S11": on_usage(reading(3, "value", "900000000")),
    "S12": on_usage(put("ReadingType", "uom", "119")),
    "S13": on_usage(put("UsagePoint", "ServiceCategory/kind", "1")),
    "S14": on_usage(bill_of_the_days),
    "S15": on_usage(put(SUMMARY, "billLastPeriod", "1")),
}  # fmt: skip


@pytest.mark.parametrize("number", CASES)
def test_a_rule_finds_what_breaks_it(number: str) -> None:
    change, document, blocks = CASES[number]
    root = document()
    change(root)
    report = check.run(written(root), blocks)
    found = [each for each in report.findings if each.rule == number]
    assert found, [(each.rule, each.message) for each in report.findings]
    assert all(each.message and each.advice for each in found)
    assert number not in report.held


@pytest.mark.parametrize("number", CASES)
def test_a_rule_finds_nothing_in_a_document_that_is_right(number: str) -> None:
    _, document, blocks = CASES[number]
    if number == "A01" or (blocks and blocks & {6, 7, 8, 9, 10, 11, 29}) or number == "D000":
        pytest.skip("there is no such data in it, or no document that is right")
    report = check.run(written(document()), blocks)
    assert number in report.held, [each for each in report.findings if each.rule == number]


def test_a_feed_that_is_not_https_is_told_so_once_for_each_host() -> None:
    text = written(usage_feed()).replace(b'href="https:', b'href="http:')
    [found] = [each for each in check.run(text).findings if each.rule == "P02"]
    assert re.match(r"\d+ links lead to http://[\w.:-]+, the first \(rel=self\) to http://", found.message)


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("text", [APPLICATION, AUTHORIZATION, STATUS, NOTIFICATION])
def test_documents_that_are_no_feeds_are_right(text: str) -> None:
    report = check.run(text.encode())
    assert not report.findings
    assert report.blocks == ()


def test_the_whole_feed_passes_all_that_it_has_data_of() -> None:
    report = check.run(written(usage_feed()))
    assert not report.findings
    assert report.passed == (1, 4, 5, 12, 15, 16, 17, 27, 28)
