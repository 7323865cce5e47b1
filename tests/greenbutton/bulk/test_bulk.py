"""One feed over many consents: what is in it, and what never is."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.greenbutton.bulk.conftest import DAY, MIDNIGHT, SPAN, Sharing, register
from tests.greenbutton.usage.conftest import BASE, at, link

from energygrid.billing.records.record import RecordKind
from energygrid.errors import NotFound
from energygrid.greenbutton import bulk
from energygrid.greenbutton.bulk import Part
from energygrid.greenbutton.window import EVERYTHING, Window


def parts(sharing: Sharing, *, is_new: bool = False) -> list[Part]:
    return [Part(each.id, *SPAN, is_new=is_new) for each in sharing.consents]


def test_rbk001_a_bulk_feed_holds_new_authorizations_bills_and_intervals_and_is_valid(sharing: Sharing) -> None:
    whole = (SPAN[0] - 10 * DAY, SPAN[0] + 40 * DAY)
    found = sharing.parsed(sharing.bulk(*[Part(each.id, *whole, is_new=True) for each in sharing.consents]))
    named = {link(each, "self") for each in found.entries("Authorization")}
    assert named == {f"{BASE}/Authorization/{each.id}" for each in sharing.consents}
    assert len(found.entries("UsageSummary")) == 3
    assert sorted({value for _, _, value in found.readings()}) == [0, 1_000_000, 2_000_000]
    assert len(found.readings()) == 3 * 96


def test_a_bulk_feed_of_a_notice_holds_its_spans_and_no_more(sharing: Sharing) -> None:
    found = sharing.parsed(sharing.bulk(*parts(sharing)))
    assert [start for start, _, _ in found.readings()] == [MIDNIGHT + 900 * n for n in range(8)] * 3
    assert found.entries("Authorization") == []


def test_a_request_narrows_a_bulk_feed_and_never_widens_it(sharing: Sharing) -> None:
    name = sharing.bulk(*parts(sharing))
    narrowed = sharing.parsed(name, Window(published_min=MIDNIGHT + 3600, published_max=at(2026, 2, 1)))
    assert [start for start, _, _ in narrowed.readings()] == [MIDNIGHT + 900 * n for n in range(4, 8)] * 3
    assert sharing.parsed(name, Window(published_min=at(2026, 2, 1))).readings() == []


def test_the_standing_feed_holds_every_consent_whole(sharing: Sharing) -> None:
    found = sharing.parsed(sharing.party.application_id)
    assert len(found.entries("Authorization")) == 3
    assert len(found.readings()) == 3 * 96


def test_what_was_revoked_since_is_not_in_the_feed(sharing: Sharing) -> None:
    name = sharing.bulk(*parts(sharing, is_new=True))
    sharing.revoke(sharing.consents[1])
    for feed in (name, sharing.party.application_id):
        values = {value for _, _, value in sharing.parsed(feed).readings()}
        assert values == {0, 2_000_000}


def test_what_is_revoked_while_the_feed_is_read_drops_out_of_the_rest(sharing: Sharing) -> None:
    selection = sharing.selection(sharing.bulk(*parts(sharing)))
    last = next(each for each in sharing.consents if each.id == selection.parts[-1].consent_id)
    sharing.revoke(last)
    assert f"/Subscription/{last.id}/".encode() not in sharing.text(selection)
    assert f"/Subscription/{selection.parts[0].consent_id}/".encode() in sharing.text(selection)


def test_what_expires_drops_out(sharing: Sharing) -> None:
    brief = sharing.give(0, expires_at=sharing.now + DAY)
    name = sharing.bulk(Part(brief.id, *SPAN))
    assert len(sharing.parsed(name).readings()) == 8
    sharing.now += 2 * DAY
    assert sharing.parsed(name).readings() == []


def test_usage_and_personal_data_never_share_a_feed(sharing: Sharing) -> None:
    name = sharing.bulk(*parts(sharing, is_new=True))
    usage = sharing.text(sharing.selection(name))
    customer = sharing.text(sharing.selection(name, kind="customer"))
    assert b"http://naesb.org/espi/customer" not in usage
    assert b'xmlns="http://naesb.org/espi"' not in customer
    assert customer.count(b"<Customer xmlns") == 3


def test_another_third_partys_bulk_feed_does_not_exist(sharing: Sharing) -> None:
    other = register(sharing.utility, "Other")
    name = sharing.bulk(*parts(sharing), party=other)
    for unknown in (name, other.application_id, "1234567890123456"):
        with pytest.raises(NotFound, match="no bulk feed"):
            sharing.selection(unknown)


def test_a_consent_to_another_third_party_is_not_read_even_if_it_is_listed(sharing: Sharing) -> None:
    theirs = sharing.give(0, party=register(sharing.utility, "Other"))
    assert sharing.parsed(sharing.bulk(Part(theirs.id, *SPAN))).readings() == []


def test_a_bulk_feed_ends_says_so_and_is_forgotten(sharing: Sharing) -> None:
    name = sharing.bulk(*parts(sharing))
    sharing.now += 7 * DAY
    with pytest.raises(NotFound) as expired:
        sharing.selection(name)
    assert expired.value.code == "BULK_EXPIRED"
    sharing.utility.database.write(bulk.drop, sharing.now)
    with pytest.raises(NotFound) as expired:
        sharing.selection(name)
    assert expired.value.code == "BULK_EXPIRED"
    sharing.utility.database.write(bulk.drop, sharing.now + timedelta(days=31))
    with pytest.raises(NotFound) as unknown:
        sharing.selection(name)
    assert unknown.value.code == "UNKNOWN_BULK"


def version(sharing: Sharing, bulk_id: str = "", kind: bulk.Kind = "usage", window: Window = EVERYTHING) -> str:
    selection = sharing.selection(bulk_id or sharing.party.application_id, kind=kind)
    href = f"{BASE}/Batch/Bulk/{selection.id}"
    database, vault = sharing.utility.database, sharing.utility.vault
    return bulk.feed(database, vault, sharing.party, selection, window, base=BASE, href=href, now=sharing.now).version


@pytest.mark.parametrize("consents", [0, 25])
def test_the_version_of_a_feed_changes_with_its_data_and_with_its_consents(sharing: Sharing, consents: int) -> None:
    for _ in range(consents):
        sharing.give(0)
    before = version(sharing)
    assert version(sharing) == before
    sharing.utility.readings("M1", MIDNIGHT, [7] * 4, known=sharing.now)
    changed = version(sharing)
    sharing.revoke(sharing.consents[0])
    assert len({before, changed, version(sharing)}) == 3
    assert version(sharing, window=Window(0, 1)) != version(sharing)


def test_whatever_a_feed_can_show_changes_its_version(sharing: Sharing) -> None:
    """Each change for itself; an outsider's changes nothing."""
    utility = sharing.utility
    utility.customer([{"meterId": "X", "accountNumber": "A-X"}], client_id="CX", premise="PX")
    seen = {(kind, version(sharing, kind=kind)) for kind in ("usage", "customer")}
    utility.readings("X", MIDNIGHT, [1] * 4, known=sharing.now)
    assert seen == {(kind, version(sharing, kind=kind)) for kind in ("usage", "customer")}
    bill = {"TotalConsumption": 1, "UnitOfMeasure": "kWh", "Cost": 1}
    days = {"BillingStart": "2026-01-10", "BillingEnd": "2026-02-09"}
    changes: dict[str, Callable[[], None]] = {
        "bill": lambda: utility.records(
            RecordKind.MCH, {"ContractAccount": "A-2", "MeterID": "M2", **days, **bill}, known=sharing.now
        ),
        "place": lambda: utility.records(RecordKind.LOCATION, {"MeterID": "M2", "Type": "house"}),
        "supplier": lambda: utility.records(RecordKind.SUPPLIER, {"SupplierID": "S", "Name": "N"}),
        "mirror": lambda: utility.customer(
            [{"meterId": "M2", "accountNumber": "A-2", "rateCode": "OTHER"}], client_id="C2", premise="P2"
        ),
        "consent": lambda: sharing.consents.append(sharing.give(2)),
        "day": lambda: setattr(sharing, "now", sharing.now + DAY),
    }
    for name, change in changes.items():
        before = version(sharing, kind="customer")
        change()
        assert version(sharing, kind="customer") != before, name


def test_a_feed_of_a_notice_has_the_version_of_its_days_alone(sharing: Sharing) -> None:
    name = sharing.bulk(Part(sharing.consents[1].id, *SPAN))
    before = version(sharing, name)
    sharing.utility.readings("M1", MIDNIGHT + 10 * 86400, [1] * 4, known=sharing.now)
    assert version(sharing, name) == before
    sharing.utility.readings("M1", MIDNIGHT, [9] * 4, known=sharing.now)
    assert version(sharing, name) != before
