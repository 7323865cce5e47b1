"""ApplicationInformation, Authorization, ServiceStatus, BatchList and the customer's resources."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from energygrid.greenbutton.check.document import CUSTOMER, USAGE, Document
from energygrid.greenbutton.check.readings import line_of
from energygrid.greenbutton.check.rules import Hit, rule

_CHILDREN = {
    "CustomerAccount": "Customer", "CustomerAgreement": "CustomerAccount", "ServiceSupplier": "CustomerAgreement",
    "ProgramDateIdMappings": "CustomerAgreement", "ServiceLocation": "CustomerAgreement",
    "Statement": "CustomerAgreement", "Meter": "ServiceLocation", "EndDevice": "ServiceLocation",
}  # fmt: skip
_LIST = f"{{{USAGE}}}resources"


@rule("FND002", 3, advice="see the ApplicationInformation of the standard")
def application_information(document: Document) -> Iterator[Hit]:
    """ApplicationInformation has a status from 1 to 4, client_secret_basic and the response type code [test FND002]"""
    wanted = {
        "dataCustodianApplicationStatus": {"1", "2", "3", "4"},
        "token_endpoint_auth_method": {"client_secret_basic"},
        "response_types": {"code"},
    }
    for entry in document.of("ApplicationInformation"):
        for name, values in wanted.items():
            if entry.text(name) not in values:
                yield Hit(entry.line, f"{name} is {entry.text(name)!r}", f"write {' or '.join(sorted(values))}")


@rule("FND006", 3, advice="write 1 while data can be read")
def service_status(document: Document) -> Iterator[Hit]:
    """ReadServiceStatus answers currentStatus 1 [test FND006]"""
    if document.kind == "ServiceStatus":
        status = document.root.findtext(f"{{{USAGE}}}currentStatus")
        if status != "1":
            yield Hit(line_of(document.root), f"currentStatus is {status!r}")


@rule(
    "R01",
    3,
    severity="warning",
    advice="write the URL of the batch: R/Batch/Subscription/ID, R/Batch/RetailCustomer/ID",
)
def authorization_leads_to_a_batch(document: Document) -> Iterator[Hit]:
    """ResourceURI and customerResourceURI of an Authorization lead to a batch [Green Button Alliance, access tokens]"""
    for entry in document.of("Authorization"):
        for name in ("resourceURI", "customerResourceURI"):
            if (uri := entry.text(name)) and "/Batch/" not in uri and "/Bulk/" not in uri:
                yield Hit(entry.line, f"{name} is {uri}")


@rule("R02", 3, advice="list absolute https URLs of resources that the third party may ask for")
def notification_lists_urls(document: Document) -> Iterator[Hit]:
    """A BatchList names at least one resource, each by an absolute URL [ESPI notifications]"""
    if document.kind != "BatchList":
        return
    listed = document.root.findall(_LIST)
    if not listed:
        yield Hit(line_of(document.root), "the BatchList names no resource")
    for each in listed:
        if not urlsplit((each.text or "").strip()).netloc:
            yield Hit(line_of(each), f"{(each.text or '')[:80]!r} is not a URL")


@rule("R51", 51, severity="warning", advice="complete the entry as those of the usage feed are")
def customer_entries_are_complete(document: Document) -> Iterator[Hit]:
    """Each entry of the customer's feed has id, title, published, updated, a self and an up link [function block 51]"""
    for entry in document.of_namespace(CUSTOMER):
        missing = [name for name in ("id", "title", "published", "updated") if entry.atom(name) is None]
        missing += [f"link rel={rel}" for rel in ("self", "up") if not entry.hrefs(rel)]
        if missing:
            yield Hit(entry.line, f"{entry.name()} lacks {', '.join(missing)}")


@rule("R52", 51, severity="warning", scope="any", advice="relate each resource to the list of what hangs below it")
def customer_links_lead_down(document: Document) -> Iterator[Hit]:
    """Each resource below a customer is reached by a related link of the one above it [ESPI resource model]"""
    if document.kind != "feed":
        return
    for resource, parent in _CHILDREN.items():
        related = document.related_counts[parent]
        for entry in document.of(resource):
            if any(document.of(parent)) and entry.up_href not in related and entry.self_href not in related:
                yield Hit(entry.line, f"no {parent} is related to the list that {entry.name()} stands in")


@rule("R54", 54, severity="warning", advice="write customerName, or organisationName")
def customers_have_a_name(document: Document) -> Iterator[Hit]:
    """Each Customer has a name [function block 54]"""
    for entry in document.of("Customer"):
        if not entry.text("customerName") and not entry.text("Organisation/organisationName"):
            yield Hit(entry.line, f"{entry.name()} has no name")


@rule("R58", 58, severity="warning", advice="write the UsagePoint's self link, to the character")
def locations_name_their_points(document: Document) -> Iterator[Hit]:
    """Each ServiceLocation names its UsagePoints by the https URLs of their self links [Green Button Alliance]"""
    for entry in document.of("ServiceLocation"):
        points = entry.at("UsagePoints")
        urls = [] if points is None else [(each.text or "").strip() for each in points]
        if not urls:
            yield Hit(entry.line, f"{entry.name()} names no UsagePoint")
        for url in urls:
            if not url.startswith("https://"):
                yield Hit(entry.line, f"the UsagePoint {url[:120]!r} is not an https URL")
