from tests.surfaces.greenbutton.world import GreenButton, hrefs, titles


def test_a_third_party_walks_from_its_authorizations_down_to_a_block_by_links_alone(greenbutton: GreenButton) -> None:
    held = greenbutton.atom("/Authorization", greenbutton.client_token())
    batch = greenbutton.atom(held.findtext(".//{http://naesb.org/espi}resourceURI"))
    assert titles(batch)[:2] == ["UsagePoint", "LocalTimeParameters"]
    for href in hrefs(batch, "self", "espi-entry/") + hrefs(batch, "related", "espi-") + hrefs(batch, "up"):
        greenbutton.atom(href)
