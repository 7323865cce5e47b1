from datetime import UTC, datetime

from tests.surfaces.greenbutton.world import GreenButton, hrefs, titles

from energygrid.access.audit import SYSTEM
from energygrid.billing.erase import erase_customer


def test_a_third_party_walks_from_its_authorizations_down_to_a_block_by_links_alone(greenbutton: GreenButton) -> None:
    held = greenbutton.atom("/Authorization", greenbutton.client_token())
    batch = greenbutton.atom(held.findtext(".//{http://naesb.org/espi}resourceURI"))
    assert titles(batch)[:2] == ["UsagePoint", "LocalTimeParameters"]
    for href in hrefs(batch, "self", "espi-entry/") + hrefs(batch, "related", "espi-") + hrefs(batch, "up"):
        greenbutton.atom(href)


def test_the_tokens_of_an_erased_customer_open_nothing(greenbutton: GreenButton) -> None:
    token, path = greenbutton.access_token(), f"/Batch/Subscription/{greenbutton.consent.id}"
    assert greenbutton.get(path, token).status_code == 200
    greenbutton.database.write(erase_customer, greenbutton.utility.tenant, "C1", who=SYSTEM, now=datetime.now(UTC))
    for each in (path, f"/Batch/RetailCustomer/{greenbutton.consent.id}", f"/Authorization/{greenbutton.consent.id}"):
        assert greenbutton.get(each, token).status_code == 401
    ended = greenbutton.atom(f"/Authorization/{greenbutton.consent.id}", greenbutton.client_token())
    assert ended.findtext(".//{http://naesb.org/espi}status") == "0"
