"""From a file of readings to a message at a third party's address, and feeds built by the worker."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text
from tests.greenbutton.bulk.conftest import SCOPE, WHO, register
from tests.greenbutton.notices.conftest import resources_of
from tests.greenbutton.usage.conftest import Utility
from tests.jobs.test_metering import MIDNIGHT, add_meter, send, utility
from tests.messaging.webhooks.conftest import Receiver, receiver
from tests.metering.test_ingest import day_csv

from energygrid.access import tenants
from energygrid.access.caller import Tenant
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.access.vault import Vault
from energygrid.billing.erase import erase_customer
from energygrid.database.engine import Database
from energygrid.greenbutton import ahead, notices
from energygrid.greenbutton.ahead import Building, Built, Recipe
from energygrid.greenbutton.notices.tables import notice_pending
from energygrid.jobs.metering import _validate
from energygrid.metering.series import series_of_owners
from energygrid.settings import Settings

__all__ = ["receiver", "utility"]

DAY_SPAN = "published-min=2026-01-15T00:00:00Z&published-max=2026-01-17T00:00:00Z"
"""The two UTC days in which the file's local day lies."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The receiver is on this machine."""
    return Settings(data_dir=tmp_path, environment="sandbox", outgoing_allow=["127.0.0.1"], outgoing_http=True)


@pytest.fixture
def told(database: Database, utility: Tenant, vault: Vault, receiver: Receiver) -> ThirdParty:
    """A third party with an address, whom a utility that waits for nothing tells at once."""
    receiver.parse = resources_of
    now = datetime.now(UTC)
    tenant = database.write(tenants.set_section, utility, "greenbutton", {"notice_delay_s": 0}, who=WHO, now=now)
    party = register(Utility(database, vault, tenant), scopes=[SCOPE])
    database.write(notices.set_notify_uri, vault, party, receiver.url, who=WHO, now=now)
    return party


def give(database: Database, utility: Tenant, party: ThirdParty) -> Consent:
    return database.write(
        consents.give,
        utility.id,
        client_id=party.client_id,
        customer_id="C1",
        requested_scope=SCOPE,
        scope=SCOPE,
        meters=["M1"],
        who=WHO,
        now=datetime.now(UTC),
    )


def backdate(database: Database) -> None:
    """The customer has held the meter for long."""
    database.write(lambda db: db.execute(text("UPDATE contract SET since = '2025-01-01Z'")))


def test_a_file_of_readings_ends_in_a_message_that_names_what_to_fetch(
    database: Database,
    utility: Tenant,
    vault: Vault,
    told: ThirdParty,
    receiver: Receiver,
    settings: Settings,
    run_jobs: Callable[[], None],
    failed_jobs: Callable[[], list[str]],
) -> None:
    add_meter(database, utility, vault, "M1")
    backdate(database)
    consent = give(database, utility, told)
    send(database, utility, day_csv("M1"))
    run_jobs()
    assert failed_jobs() == []
    accepted = [each for bodies in receiver.accepted.values() for each in bodies]
    assert accepted == [[f"{settings.resource_url}/Batch/Subscription/{consent.id}?{DAY_SPAN}"]]


def test_the_same_file_twice_is_told_once(
    database: Database,
    utility: Tenant,
    vault: Vault,
    told: ThirdParty,
    receiver: Receiver,
    run_jobs: Callable[[], None],
) -> None:
    add_meter(database, utility, vault, "M1")
    backdate(database)
    give(database, utility, told)
    for _ in range(2):
        send(database, utility, day_csv("M1"))
        run_jobs()
    assert len(receiver.accepted) == 1


def messages(receiver: Receiver) -> list[list[str]]:
    return [each for bodies in receiver.accepted.values() for each in bodies]


def test_a_changed_customer_is_told_of_and_one_pushed_unchanged_is_not(
    database: Database,
    utility: Tenant,
    vault: Vault,
    told: ThirdParty,
    receiver: Receiver,
    settings: Settings,
    run_jobs: Callable[[], None],
    failed_jobs: Callable[[], list[str]],
) -> None:
    mirror = Utility(database, vault, utility)
    mirror.customer([{"meterId": "M1"}])
    consent = give(database, utility, told)
    mirror.customer([{"meterId": "M1"}])
    run_jobs()
    assert messages(receiver) == []
    mirror.customer([{"meterId": "M1", "rateCode": "RES2"}])
    run_jobs()
    mirror.customer([{"meterId": "M1", "rateCode": "RES2"}], client_id="C2", premise="P2")  # takes it from C1
    run_jobs()
    assert failed_jobs() == []
    assert messages(receiver) == [[f"{settings.resource_url}/Batch/RetailCustomer/{consent.id}"]] * 2


def test_a_bill_of_an_espi_feed_is_told_with_its_period(
    database: Database,
    utility: Tenant,
    vault: Vault,
    told: ThirdParty,
    receiver: Receiver,
    settings: Settings,
    run_jobs: Callable[[], None],
    failed_jobs: Callable[[], list[str]],
) -> None:
    Utility(database, vault, utility).customer([{"meterId": "M1"}])
    consent = give(database, utility, told)
    start, length = int(datetime(2026, 1, 1, 5, tzinfo=UTC).timestamp()), 31 * 86_400
    send(
        database,
        utility,
        f"""<feed xmlns="http://www.w3.org/2005/Atom"><entry>
        <link rel="self" href="/Subscription/1/UsagePoint/M1/UsageSummary/1"/>
        <content><UsageSummary xmlns="http://naesb.org/espi">
        <billingPeriod><duration>{length}</duration><start>{start}</start></billingPeriod>
        <billLastPeriod>1100000</billLastPeriod>
        <overallConsumptionLastPeriod><uom>72</uom><value>100000</value></overallConsumptionLastPeriod>
        </UsageSummary></content></entry></feed>""".encode(),
    )
    run_jobs()
    assert failed_jobs() == []
    span = "published-min=2026-01-01T05:00:00Z&published-max=2026-02-01T05:00:00Z"
    assert messages(receiver) == [[f"{settings.resource_url}/Batch/Subscription/{consent.id}?{span}"]]


def test_an_erased_customer_has_no_consents_and_who_had_them_is_told(
    database: Database,
    utility: Tenant,
    vault: Vault,
    told: ThirdParty,
    run_jobs: Callable[[], None],
    failed_jobs: Callable[[], list[str]],
) -> None:
    add_meter(database, utility, vault, "M1")
    first, second = give(database, utility, told), give(database, utility, told)
    before = database.write(consents.revoke, utility.id, first.id, who=WHO, now=datetime.now(UTC))
    database.write(erase_customer, utility, "C1", who=WHO, now=datetime.now(UTC))
    assert database.read(consents.find, utility.id, first.id) == before
    assert database.read(consents.find, utility.id, second.id).revoked_by == WHO.name
    run_jobs()
    assert failed_jobs() == []
    query = select(notice_pending.c.kind, notice_pending.c.about)
    assert database.read(lambda db: db.execute(query).all()) == [("authorization", second.id)]


def test_estimates_are_told_as_readings_are(
    database: Database, utility: Tenant, vault: Vault, told: ThirdParty
) -> None:
    add_meter(database, utility, vault, "M1")
    backdate(database)
    consent = give(database, utility, told)
    values = [round(0.1 + n / 100, 3) for n in range(96)]
    values[40:44] = [float("nan")] * 4
    Utility(database, vault, utility).readings("M1", int(MIDNIGHT.timestamp()), values)
    [series] = database.read(series_of_owners, utility.id, ["M1"])
    first = (MIDNIGHT.date() - date(1970, 1, 1)).days
    assert database.write(_validate, utility, [(series.id, first, first + 1)], datetime.now(UTC)) == 4
    query = select(notice_pending.c.kind, notice_pending.c.about)
    assert database.read(lambda db: db.execute(query).all()) == [("readings", consent.id)]


def test_a_worker_builds_a_feed_and_tells_its_client(
    database: Database,
    utility: Tenant,
    vault: Vault,
    told: ThirdParty,
    receiver: Receiver,
    settings: Settings,
    run_jobs: Callable[[], None],
    failed_jobs: Callable[[], list[str]],
) -> None:
    add_meter(database, utility, vault, "M1")
    consent = give(database, utility, told)
    href = f"{settings.resource_url}/Batch/Subscription/{consent.id}"
    recipe = Recipe("subscription", consent.id, told.client_id, href)

    def ask() -> Building | Built | None:
        return database.write(ahead.request, utility, recipe, version="1", readings=0, now=datetime.now(UTC))

    assert isinstance(ask(), Building)
    run_jobs()
    assert failed_jobs() == []
    assert isinstance(ask(), Built)
    assert [each for bodies in receiver.accepted.values() for each in bodies] == [[href]]


def test_a_feed_that_cannot_be_built_is_given_up_and_answered_at_once(
    database: Database,
    utility: Tenant,
    vault: Vault,
    told: ThirdParty,
    run_jobs: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_meter(database, utility, vault, "M1")
    consent = give(database, utility, told)
    recipe = Recipe("subscription", consent.id, told.client_id, "https://dc.example/feed")

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("energygrid.greenbutton.ahead.building.render", broken)
    monkeypatch.setattr("energygrid.jobs.greenbutton._BUILDS", 1)
    database.write(ahead.request, utility, recipe, version="1", readings=0, now=datetime.now(UTC))
    run_jobs()
    again = database.write(ahead.request, utility, recipe, version="1", readings=0, now=datetime.now(UTC))
    assert again is None
