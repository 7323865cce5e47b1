"""The range that a portfolio is expected in, from placebo days of its own."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.flexibility.runs.conftest import EVENT_DAY, STARTS, Fleet

from energygrid.flexibility.runs.basis import Basis, RunKind, basis_of
from energygrid.flexibility.runs.spread import spread
from energygrid.flexibility.settings import FlexibilitySettings

WHOLE_DAYS = [date(2025, 9, 1) + timedelta(days=number) for number in range((EVENT_DAY - date(2025, 9, 1)).days)]


def _basis(fleet: Fleet, assets: list[UUID], number: int = 1, **terms: object) -> Basis:
    event = fleet.event(assets, status="SCHEDULED", terms=terms, number=number)
    return basis_of(event, RunKind.BASELINE, fleet.tenant.section("flexibility", FlexibilitySettings))


def jagged(day: date, slot: int) -> float:
    """Half a kWh, on every third day a tenth more."""
    return 0.6 if day.toordinal() % 3 == 0 else 0.5


def test_assets_that_go_together_have_a_wider_range_than_those_that_make_up_for_each_other(fleet: Fleet) -> None:
    alike, other = fleet.add(2), fleet.add(1, first=3)
    fleet.write(alike, WHOLE_DAYS, value=jagged)
    fleet.write(other, WHOLE_DAYS, value=lambda day, slot: 1.1 - jagged(day, slot))
    how = _basis(fleet, alike)
    together = spread(fleet.db, fleet.tenant.id, how, dict.fromkeys(alike, 1_000_000), EVENT_DAY)
    apart = spread(fleet.db, fleet.tenant.id, how, dict.fromkeys([alike[0], *other], 1_000_000), EVENT_DAY)
    assert together is not None
    assert apart is not None
    assert (together.method, together.assets, together.baseline) == ("BL01", 2, Decimal("2.000000"))
    assert together.days >= 20
    assert together.p90 - together.p10 == pytest.approx(Decimal("0.4"), abs=Decimal("0.1"))
    assert apart.p90 - apart.p10 < Decimal("0.001")


def test_homes_of_two_zones_share_their_days(fleet: Fleet) -> None:
    assets = fleet.add(2)
    fleet.write(assets, WHOLE_DAYS, value=jagged)
    fleet.db.execute(text("UPDATE flex_asset SET zone = 'Europe/Lisbon' WHERE uuid = :it"), {"it": assets[1]})
    found = spread(fleet.db, fleet.tenant.id, _basis(fleet, assets), dict.fromkeys(assets, 1_000_000), EVENT_DAY)
    assert found is not None
    assert (found.assets, found.days >= 20) == (2, True)
    assert found.p90 - found.p10 > Decimal("0.3")


def test_an_event_some_weeks_ahead_has_the_days_that_there_are(fleet: Fleet) -> None:
    assets = fleet.add(1)
    fleet.write(assets, WHOLE_DAYS, value=jagged)
    event = fleet.event(assets, status="SCHEDULED", starts_at=STARTS + timedelta(days=42))
    how = basis_of(event, RunKind.BASELINE, fleet.tenant.section("flexibility", FlexibilitySettings))
    found = spread(fleet.db, fleet.tenant.id, how, {assets[0]: 1_000_000}, EVENT_DAY)
    assert found is not None
    assert found.days >= 20


def test_there_is_none_without_nine_days_or_by_curves_that_are_given(fleet: Fleet) -> None:
    assets = fleet.add(1)
    fleet.write(assets, WHOLE_DAYS[-20:], value=jagged)
    how = _basis(fleet, assets)
    baselines = {assets[0]: 1_000_000}
    assert spread(fleet.db, fleet.tenant.id, how, baselines, EVENT_DAY) is None
    assert spread(fleet.db, fleet.tenant.id, how, {}, EVENT_DAY) is None
    fleet.write(assets, WHOLE_DAYS, value=jagged)
    assert spread(fleet.db, fleet.tenant.id, how, baselines, EVENT_DAY) is not None
    assert spread(fleet.db, fleet.tenant.id, how, baselines, EVENT_DAY - timedelta(days=400)) is None
    fixed = _basis(fleet, assets, number=2, ruleSets=["FIXED"], fixedKwh=[1, 1])
    assert spread(fleet.db, fleet.tenant.id, fixed, baselines, EVENT_DAY) is None
