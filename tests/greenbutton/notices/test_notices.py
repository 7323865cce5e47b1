"""What third parties are told, when, and how often."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, select
from standardwebhooks import Webhook
from tests.greenbutton.notices.conftest import BASE, DAY, NOW, SCOPE, WHO, World

from energygrid.access import tenants
from energygrid.access.addresses import AllowList
from energygrid.access.consents import consents
from energygrid.access.outgoing import OutgoingClient
from energygrid.access.third_parties import changing
from energygrid.billing.records.record import RecordKind
from energygrid.errors import Conflict, Invalid
from energygrid.greenbutton import bulk, notices
from energygrid.greenbutton.notices.tables import notice_pending
from energygrid.messaging.webhooks import delivery

YESTERDAY = (NOW - 2 * DAY, NOW - DAY)
DELAY = 1
"""Seconds, of a sandbox tenant."""


def _feed(consent_id: str, first: str = "2026-02-27T12:00:00Z", last: str = "2026-02-28T12:00:00Z") -> str:
    return f"{BASE}/Batch/Subscription/{consent_id}?published-min={first}&published-max={last}"


def test_psh001_a_changed_application_is_told_with_its_address(world: World) -> None:
    party = world.party()
    world.database.write(notices.application_changed, party, world.now)
    world.later(DELAY)
    world.tell()
    assert world.deliver(party) == [[f"{BASE}/ApplicationInformation/{party.application_id}"]]


def test_psh002_a_new_and_a_revoked_authorization_are_told_in_their_order(world: World) -> None:
    party = world.party()
    world.customers(1)
    given = world.consent(party)
    for consent in (given, world.database.write(consents.revoke, world.tenant.id, given.id, who=WHO, now=world.now)):
        world.database.write(notices.consent_changed, world.tenant, consent, world.now)
        world.later(DELAY)
        world.tell()
    assert world.deliver(party) == [[f"{BASE}/Authorization/{given.id}"]] * 2


def test_psh003_new_data_are_told_with_the_batch_that_holds_them(world: World) -> None:
    party = world.party()
    world.customers(1)
    consent = world.consent(party)
    world.change({"m0": YESTERDAY})
    world.later(DELAY)
    world.tell()
    assert world.deliver(party) == [[_feed(consent.id)]]
    request = world.receiver.requests[0]
    assert request["headers"]["content-type"] == "application/xml"


def test_psh004_a_failed_notice_is_logged_tried_again_and_delivered(world: World) -> None:
    party = world.party()
    world.customers(1)
    consent = world.consent(party)
    world.receiver.behave = lambda n, _headers: (500 if n == 1 else 200, {})
    world.change({"m0": YESTERDAY})
    world.later(DELAY)
    world.tell()
    world.deliver(party)
    [failed] = world.database.read(notices.notices_to, party)
    assert (failed.delivery.state, failed.delivery.attempts) == ("pending", 1)
    world.later(10)
    assert world.deliver(party) == [[_feed(consent.id)]]
    notice, attempts = world.database.read(notices.notice_to, party, failed.id)
    assert notice.delivery.state == "delivered"
    assert notice.resources == (_feed(consent.id),)
    assert [(each.status, each.outcome) for each in attempts] == [(500, "refused"), (200, "delivered")]


def test_messages_are_signed_as_standard_webhooks_are(world: World) -> None:
    party = world.party()
    world.database.write(notices.test, world.vault, party, BASE, who=WHO, now=world.now)
    world.deliver(party)
    [request] = world.receiver.requests
    headers = {name.lower(): value for name, value in request["headers"].items()}
    secret = world.secrets[party.client_id]
    assert secret is not None
    signed = Webhook(secret).sign(headers["webhook-id"], world.now, request["body"].decode())
    assert signed == headers["webhook-signature"]


def test_what_changes_before_the_notice_is_due_becomes_one_span(world: World) -> None:
    party = world.party()
    world.customers(1)
    consent = world.consent(party)
    world.change({"m0": YESTERDAY})
    world.later(DELAY / 2)
    world.change({"m0": (NOW - 5 * DAY, NOW - 4 * DAY)})
    assert world.tell() == 0
    world.later(DELAY)
    assert world.tell() == 1
    assert world.tell() == 0
    assert world.deliver(party) == [[_feed(consent.id, first="2026-02-24T12:00:00Z")]]


def test_a_load_over_a_thousand_consents_makes_one_message_a_third_party(world: World) -> None:
    parties = [world.party("One"), world.party("Two")]
    world.customers(1000)
    for party in parties:
        world.consents(party, 1000)
    for first in range(0, 1000, 100):
        world.change({f"m{i}": YESTERDAY for i in range(first, first + 100)})
    world.later(DELAY)
    assert world.tell() == 2
    told = world.deliver(*parties)
    assert [len(each) for each in told] == [1, 1]
    for party, [address] in zip(parties, told, strict=True):
        name = address.removeprefix(f"{BASE}/Bulk/")
        selection = world.database.read(bulk.find, party, name, world.now)
        assert len(selection.parts) == 1000
        assert {(each.first, each.last) for each in selection.parts} == {YESTERDAY}


def test_ten_consents_are_listed_one_by_one_and_eleven_are_a_bulk_feed(world: World) -> None:
    party = world.party()
    world.customers(11)
    ids = world.consents(party, 11)
    world.change({f"m{i}": YESTERDAY for i in range(10)})
    world.later(DELAY)
    world.tell()
    assert world.deliver(party) == [[_feed(each) for each in ids[:10]]]
    world.change({f"m{i}": YESTERDAY for i in range(11)})
    world.later(DELAY)
    world.tell()
    [[address]] = world.deliver(party)
    assert address.startswith(f"{BASE}/Bulk/")


@pytest.mark.parametrize("block", [35, 67])
def test_who_offers_bulk_is_told_of_bulk_feeds_however_few(world: World, block: int) -> None:
    party = world.party(scopes=[f"{SCOPE};AccountCollection=2", f"FB=4_{block}"])
    world.customers(1)
    consent = world.consent(party)
    world.database.write(notices.consent_changed, world.tenant, consent, world.now)
    world.change({"m0": YESTERDAY})
    world.later(DELAY)
    world.tell()
    told = world.deliver(party)
    assert [f"{BASE}/Authorization/{consent.id}"] in told
    [[address]] = [each for each in told if "Authorization" not in each[0]]
    selection = world.database.read(bulk.find, party, address.removeprefix(f"{BASE}/Bulk/"), world.now)
    assert [(each.consent_id, each.is_new) for each in selection.parts] == [(consent.id, True)]


def test_a_consent_revoked_while_its_data_wait_is_told_as_revoked_and_its_data_are_not(world: World) -> None:
    party = world.party()
    world.customers(2)
    kept, ended = world.consent(party, 0), world.consent(party, 1)
    world.change({"m0": YESTERDAY, "m1": YESTERDAY})
    revoked = world.database.write(consents.revoke, world.tenant.id, ended.id, who=WHO, now=world.now)
    world.database.write(notices.consent_changed, world.tenant, revoked, world.now)
    world.later(DELAY)
    world.tell()
    assert sorted(world.deliver(party)) == sorted([[f"{BASE}/Authorization/{ended.id}"], [_feed(kept.id)]])


def test_spans_are_cut_to_what_the_customer_held_and_shares(world: World) -> None:
    party = world.party()
    world.customers(1, since=NOW - 10 * DAY)
    world.customers(1, since=NOW - 700 * DAY, first=1)
    held = world.consent(party, 0)
    shared = world.consent(party, 1, data_from=NOW - 20 * DAY, data_until=NOW - 3 * DAY)
    year = (NOW - 365 * DAY, NOW)
    world.change({"m0": year, "m1": year})
    world.later(DELAY)
    world.tell()
    expected = [
        _feed(held.id, "2026-02-19T12:00:00Z", "2026-03-01T12:00:00Z"),
        _feed(shared.id, "2026-02-09T12:00:00Z", "2026-02-26T12:00:00Z"),
    ]
    [listed] = world.deliver(party)
    assert sorted(listed) == sorted(expected)


def test_data_outside_of_what_is_shared_are_not_told(world: World) -> None:
    party = world.party()
    world.customers(2)
    world.consent(party, 0, data_until=NOW - 30 * DAY)
    world.consent(party, 1, scope="FB=15_16")
    world.change({"m0": YESTERDAY, "m1": YESTERDAY})
    world.later(DELAY)
    assert world.tell() == 0


def test_bills_are_told_with_their_period_to_who_may_read_bills(world: World) -> None:
    party = world.party()
    world.customers(3)
    bills, _, quality = world.consent(party, 0), world.consent(party, 1, "FB=4_5"), world.consent(party, 2, "FB=17")
    for kind, about in (
        (RecordKind.INVOICE, ("a0", None, "2025-12-31", "2026-01-29")),
        (RecordKind.INVOICE, ("a1", None, "2025-12-31", "2026-01-29")),
        (RecordKind.MCH, ("a9", "m0", "2026-02-01", "2026-02-28")),
        (RecordKind.POWER_QUALITY, (None, "m2", "2026-02-01", "2026-02-28")),
    ):
        world.database.write(notices.records_written, world.tenant, kind, [about], world.now)
    world.later(DELAY)
    world.tell()
    [told] = world.deliver(party)
    assert sorted(told) == sorted(
        [
            _feed(bills.id, "2025-12-31T00:00:00Z", "2026-01-30T00:00:00Z"),
            _feed(quality.id, "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ]
    )


@pytest.mark.parametrize("about", [("a0", None), ("a0", "m0"), (None, "m0")])
def test_records_of_an_account_or_a_device_are_told_to_who_may_read_its_customer(
    world: World, about: tuple[str | None, str | None]
) -> None:
    party = world.party()
    world.customers(2)
    consent, _ = world.consent(party, 0), world.consent(party, 1)
    changed = [(*about, None, None)]
    world.database.write(notices.records_written, world.tenant, RecordKind.AGREEMENT, changed, world.now)
    world.later(DELAY)
    world.tell()
    assert world.deliver(party) == [[f"{BASE}/Batch/RetailCustomer/{consent.id}"]]


def test_changed_customers_are_told_with_the_feed_of_personal_data_alone(world: World) -> None:
    party = world.party()
    world.customers(2)
    account, plain = world.consent(party, 0), world.consent(party, 1, scope="FB=4_5")
    world.database.write(notices.customers_changed, world.tenant, ["c0", "c1"], world.now)
    world.later(DELAY)
    world.tell()
    assert world.deliver(party) == [[f"{BASE}/Batch/RetailCustomer/{account.id}"]]
    assert plain.id != account.id


def test_without_an_address_nothing_is_even_noted(world: World) -> None:
    party = world.party(uri=None)
    world.customers(1)
    world.database.write(notices.consent_changed, world.tenant, world.consent(party), world.now)
    world.change({"m0": YESTERDAY})
    assert world.database.read(lambda db: db.execute(select(func.count()).select_from(notice_pending)).scalar()) == 0


def test_a_change_whose_job_never_ran_is_told_by_the_sweep(world: World) -> None:
    """A worker that dies between the change's commit and the notice loses nothing."""
    party = world.party()
    world.customers(1)
    consent = world.consent(party)
    world.change({"m0": YESTERDAY})
    world.later(DELAY)

    def dies(*_: object, **__: object) -> None:
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("energygrid.greenbutton.notices.telling.events.record", dies)
        with pytest.raises(SystemExit):
            world.tell()
    world.database.write(notices.sweep, world.vault, BASE, world.now)
    world.database.write(notices.sweep, world.vault, BASE, world.now)
    assert world.deliver(party) == [[_feed(consent.id)]]


def test_a_change_that_is_rolled_back_is_never_told(world: World) -> None:
    world.customers(1)
    world.consent(world.party())

    def fails(db: Connection) -> None:
        notices.data_changed(db, world.tenant, {"m0": YESTERDAY}, world.now)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        world.database.write(fails)
    world.later(DELAY)
    assert world.tell() == 0


def test_a_third_party_hears_nothing_of_anothers_consents(world: World) -> None:
    ours, theirs = world.party("One"), world.party("Two")
    world.customers(1)
    consent = world.consent(ours)
    world.change({"m0": YESTERDAY})
    world.later(DELAY)
    assert world.tell() == 1
    assert world.deliver(theirs) == []
    assert world.deliver(ours) == [[_feed(consent.id)]]


def test_an_address_that_turns_private_after_registration_is_not_called(world: World) -> None:
    party = world.party(uri="https://insights.example/hook")
    world.database.write(notices.test, world.vault, party, BASE, who=WHO, now=world.now)
    inside = OutgoingClient(AllowList(), resolve=lambda _host, _port, _timeout: ["10.0.0.7"])
    world.deliver(party, client=inside)
    [notice] = world.database.read(notices.notices_to, party)
    _, [attempt] = world.database.read(notices.notice_to, party, notice.id)
    assert (notice.delivery.state, attempt.outcome, attempt.status) == ("pending", "forbidden", None)
    assert world.receiver.requests == []


@pytest.mark.parametrize("uri", ["http://127.0.0.1/hook", "https://10.0.0.7/hook", "https://nowhere.invalid/hook"])
def test_an_address_inside_is_refused_at_registration(uri: str) -> None:
    with pytest.raises(Invalid):
        notices.check(OutgoingClient(AllowList()), uri)


def test_a_delivered_notice_can_be_sent_again(world: World) -> None:
    party = world.party()
    notice_id = world.database.write(notices.test, world.vault, party, BASE, who=WHO, now=world.now)
    first = world.deliver(party)
    world.database.write(notices.resend, party, notice_id, who=WHO, now=world.now)
    assert world.deliver(party) == first == [[f"{BASE}/ApplicationInformation/{party.application_id}"]]
    ids = {each["headers"]["webhook-id"] for each in world.receiver.requests}
    assert ids == {notice_id}


def test_what_an_address_that_was_given_up_missed_can_be_sent_once_it_is_set_again(world: World) -> None:
    party = world.party()
    world.receiver.behave = lambda _n, _headers: (410, {})
    world.database.write(notices.test, world.vault, party, BASE, who=WHO, now=world.now)
    world.deliver(party)
    with pytest.raises(Conflict, match="disabled"):
        world.database.write(notices.test, world.vault, party, BASE, who=WHO, now=world.now)
    world.database.write(notices.application_changed, party, world.now)
    world.later(DELAY)
    world.tell()
    world.receiver.behave = lambda _n, _headers: (200, {})
    world.database.write(notices.set_notify_uri, world.vault, party, world.receiver.url, who=WHO, now=world.now)
    assert world.deliver(party) == []
    world.later(1)
    assert world.database.write(notices.resend_missed, party, NOW, who=WHO, now=world.now) == 2
    assert len(world.deliver(party)) == 2


def test_the_endpoint_follows_an_address_that_was_changed_elsewhere(world: World) -> None:
    party = world.party(uri=None)
    moved = world.database.write(changing.set_notify_uri, party.client_id, world.receiver.url, who=WHO, now=world.now)
    world.database.write(notices.application_changed, moved, world.now)
    world.later(DELAY)
    world.tell()
    assert world.deliver(moved) == [[f"{BASE}/ApplicationInformation/{party.application_id}"]]
    gone, _ = world.database.write(notices.set_notify_uri, world.vault, moved, None, who=WHO, now=world.now)
    world.database.write(notices.application_changed, gone, world.now)
    world.later(DELAY)
    assert world.tell() == 0
    assert not world.database.read(notices.find_endpoint, gone).enabled


def test_one_third_party_learns_nothing_of_another_whose_address_was_given_up(world: World) -> None:
    failing, other = world.party("One"), world.party("Two")
    world.receiver.behave = lambda _n, _headers: (410, {})
    world.database.write(notices.test, world.vault, failing, BASE, who=WHO, now=world.now)
    world.deliver(failing)
    world.receiver.behave = lambda _n, _headers: (200, {})
    world.database.write(delivery.fan_out, world.tenant.id, world.now)
    assert world.deliver(other) == []


def test_a_notice_waits_for_the_delay_that_the_utility_has_set(world: World) -> None:
    party = world.party()
    world.customers(1)
    world.consent(party)
    world.tenant = world.database.write(
        tenants.set_section, world.tenant, "greenbutton", {"notice_delay_s": 600}, who=WHO, now=world.now
    )
    world.change({"m0": YESTERDAY})
    world.now += timedelta(seconds=599)
    assert world.tell() == 0
    world.now += timedelta(seconds=1)
    assert world.tell() == 1
