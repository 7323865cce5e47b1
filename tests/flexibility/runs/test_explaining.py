"""What a statement is made of, and that nobody can change it unnoticed."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from tests.flexibility.runs.conftest import AFTER, BEFORE, EVENT_DAY, STARTS, Fleet, kwh

from energygrid.errors import NotFound
from energygrid.flexibility.events.assets import page_with_baselines
from energygrid.flexibility.runs import explaining, verifying
from energygrid.metering.readings import Flow

LATER = AFTER + timedelta(hours=1)


@pytest.fixture
def settled(fleet: Fleet, history: list[date]) -> tuple[Fleet, UUID, list[UUID]]:
    """Three assets, one with export, by two methods; a reference day of the first is corrected afterwards."""
    assets = fleet.add(3)
    fleet.write(assets, [*history, EVENT_DAY])
    fleet.write(assets[2:], [*history, EVENT_DAY], value=lambda *_: 0.2, flow=Flow.RECEIVED)
    fleet.event(assets, number=9, starts_at=STARTS - timedelta(days=2))
    terms = {"ruleSets": ["BL01", "CAISO_10_OF_10"]}
    event = fleet.event(assets, status="SCHEDULED", terms=terms)
    fleet.run(event, BEFORE)
    fleet.db.execute(text("UPDATE flex_event SET status = 'ENDED' WHERE uuid = :uuid"), {"uuid": event.uuid})
    fleet.run(fleet.find(event.uuid))
    fleet.write(assets[:1], [date(2026, 1, 6)], slots=[34], value=lambda d, s: kwh(d, s) + 0.1, now=LATER)
    fleet.restate(LATER)
    return fleet, event.uuid, assets


def _faults(fleet: Fleet, event: UUID) -> list[tuple[int | None, str]]:
    found = verifying.verify(fleet.db, fleet.tenant, event)
    return [(None if fault.asset is None else fault.asset.int, fault.what) for each in found for fault in each.faults]


def test_every_day_is_named_with_its_reason(settled: tuple[Fleet, UUID, list[UUID]]) -> None:
    fleet, event, assets = settled
    (bl01, caiso) = explaining.explain(fleet.db, fleet.tenant, event, assets[0])
    (considered,) = bl01["flows"]["import"]["considered"]
    reasons = {each["day"]: each["reason"] for each in considered["days"]}
    assert considered["forDay"] == "2026-01-15"
    assert reasons["2026-01-14"] == "PICKED"
    assert reasons["2026-01-13"] == "EVENT_DAY"
    assert reasons["2026-01-11"] == "OTHER_DAY_TYPE"
    assert reasons["2025-12-29"] == "NOT_NEEDED"
    assert next(iter(reasons)) == "2025-11-16"
    assert (bl01["ruleSet"]["id"], caiso["ruleSet"]["id"]) == ("BL01", "CAISO_10_OF_10")
    revisions = {each["utcDay"]: each["revision"] for each in bl01["flows"]["import"]["readingRevisions"]}
    assert (revisions["2026-01-06"], revisions["2026-01-07"]) == (2, 1)
    assert (bl01["revision"], bl01["eventRevision"]) == (2, 2)


def test_what_is_paid_by_stands_first_also_when_one_method_alone_was_restated(
    fleet: Fleet, history: list[date]
) -> None:
    """A reference day that only the nearer look-back of BL01 has: its statement is newer than the other's."""
    assets = fleet.add(1)
    fleet.write(assets, [*history, EVENT_DAY])
    event = fleet.event(assets, status="SCHEDULED", terms={"ruleSets": ["CAISO_10_OF_10", "BL01", "ZERO"]})
    fleet.run(event, BEFORE)
    fleet.write(assets, [date(2026, 1, 6)], slots=[34], value=lambda d, s: kwh(d, s) + 5.0, now=BEFORE)
    fleet.restate(BEFORE)
    told = explaining.explain(fleet.db, fleet.tenant, event.uuid, assets[0])
    assert [each["ruleSet"]["id"] for each in told] == ["CAISO_10_OF_10", "BL01", "ZERO"]
    assert {each["revision"] for each in told} == {1, 2}
    (((_, baselines),), _) = page_with_baselines(fleet.db, fleet.tenant, event.uuid, offset=0, limit=10)
    assert [each.method for each in baselines] == ["CAISO_10_OF_10", "BL01", "ZERO"]


def test_what_was_not_metered_is_null_and_not_zero(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(2)
    fleet.write(assets, history)
    fleet.write(assets[:1], [EVENT_DAY], slots=[34], value=lambda *_: 0.0)
    event = fleet.event(assets, terms={"ruleSets": ["BL01_NO_IDA"]})
    fleet.run(event)
    metered = [explaining.explain(fleet.db, fleet.tenant, event.uuid, each)[0]["flows"]["import"] for each in assets]
    assert [each["actualKwh"] for each in metered] == [["0.000000", None], [None, None]]
    assert metered[0]["baselineKwh"] == metered[1]["baselineKwh"] == ["0.604000", "0.609000"]
    assert _faults(fleet, event.uuid) == []


def test_an_asset_that_takes_no_part_has_nothing_to_explain(settled: tuple[Fleet, UUID, list[UUID]]) -> None:
    fleet, event, _ = settled
    with pytest.raises(NotFound, match="no figures"):
        explaining.explain(fleet.db, fleet.tenant, event, uuid4())


def test_statements_follow_from_the_readings_they_were_made_of(settled: tuple[Fleet, UUID, list[UUID]]) -> None:
    """Also after readings have changed that came too late for what was published."""
    fleet, event, assets = settled
    assert _faults(fleet, event) == []
    fleet.write(assets, [date(2026, 1, 7), EVENT_DAY], value=lambda *_: 5.0, now=LATER + timedelta(hours=1))
    assert _faults(fleet, event) == []


def test_a_statement_by_older_terms_is_written_anew(settled: tuple[Fleet, UUID, list[UUID]]) -> None:
    fleet, event, _ = settled
    terms = '{"ruleSets": ["BL01"], "capAtBaseline": true}'
    fleet.db.execute(text("UPDATE flex_event SET terms = CAST(:terms AS jsonb)"), {"terms": terms})
    fleet.run(fleet.find(event), LATER)
    assert _faults(fleet, event) == []


TAMPERINGS = {
    "delivered = delivered + 1": "its figures are not those of its evidence",
    "evidence = replace(evidence, 'PROCESSED', 'PENDING')": "its evidence does not have its hash",
    "state = 'EXPIRED'": "its figures are not those of its evidence",
}


@pytest.mark.parametrize("change", TAMPERINGS)
def test_a_tampered_statement_is_found(settled: tuple[Fleet, UUID, list[UUID]], change: str) -> None:
    fleet, event, assets = settled
    at = "kind = 'SETTLEMENT' AND method = 'BL01' AND asset_uuid = :asset"
    fleet.db.execute(text(f"UPDATE flex_statement SET {change} WHERE {at}"), {"asset": assets[1]})
    assert _faults(fleet, event) == [(2, TAMPERINGS[change])]


def test_whoever_forges_the_hash_too_is_found_by_the_chain_and_by_the_readings(
    settled: tuple[Fleet, UUID, list[UUID]],
) -> None:
    fleet, event, assets = settled
    forged, words = "evidence = replace(evidence, :old, :new)", {"old": '"delivered":', "new": '"delivered":9'}
    at = "kind = 'SETTLEMENT' AND method = 'BL01' AND asset_uuid = :asset"
    fleet.db.execute(text(f"UPDATE flex_statement SET {forged} WHERE {at}"), words | {"asset": assets[1]})
    fleet.db.execute(
        text(f"UPDATE flex_statement SET digest = sha256(convert_to(evidence, 'UTF8')) WHERE {at}"),
        {"asset": assets[1]},
    )
    chain, row = _faults(fleet, event)
    assert chain[0] is None
    assert row == (2, "its readings come to something else now, in: delivered")


def test_a_statement_that_was_taken_out_breaks_the_chain(settled: tuple[Fleet, UUID, list[UUID]]) -> None:
    fleet, event, assets = settled
    gone = "DELETE FROM flex_statement WHERE kind = 'SETTLEMENT' AND asset_uuid = :asset"
    fleet.db.execute(text(gone), {"asset": assets[1]})
    ((asset, what),) = _faults(fleet, event)
    assert asset is None
    assert "chain" in what
