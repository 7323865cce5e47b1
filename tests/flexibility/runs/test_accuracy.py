"""How well baselines fit, measured on placebo days and stored until something about it changes."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Connection, text
from tests.flexibility.runs.conftest import AFTER, BEFORE, EVENT_DAY, STARTS, Fleet, kwh

from energygrid.errors import Denied, NotFound
from energygrid.flexibility import accuracy as pure
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.days import Usage, holidays
from energygrid.flexibility.runs import accuracy

WINDOW = (time(17), time(19))
METHODS = {"BL01", "BL01_NO_IDA", "GB_MID_8_OF_10", "CAISO_10_OF_10"}


def uneven(day: date, slot: int) -> float:
    return round(0.2 + (day.toordinal() * 7 % 11) * 0.03 + (slot % 3) * 0.01, 6)


def of(fleet: Fleet, asset: UUID, now: datetime = AFTER) -> accuracy.Shown:
    return accuracy.shown(fleet.db, fleet.tenant, asset, now)


def test_stored_figures_are_those_of_the_pure_measure(fleet: Fleet, history: list[date]) -> None:
    (asset,) = fleet.add(1)
    fleet.write([asset], history, value=uneven)
    accuracy.measure(fleet.db, fleet.tenant, [asset], AFTER)
    found = dict(of(fleet, asset).methods)
    rules = catalogue.find("BL01", EVENT_DAY)
    off = holidays("GB-ENG", history[0], EVENT_DAY)
    placebo = pure.placebo_days(rules, EVENT_DAY, 30, off)
    days = pure.days_to_load([rules], "Europe/London", WINDOW, placebo)
    moments = [datetime.fromtimestamp(each, UTC) for each in days.instants.tolist()]
    known = set(history)
    cells = [uneven(at.date(), at.hour * 2 + at.minute // 30) if at.date() in known else np.nan for at in moments]
    expected = pure.backtest(rules, Usage(days, np.array([cells])), WINDOW, placebo, holidays=off).accuracy()
    assert found.keys() == METHODS
    assert found["BL01"]["days"] == expected.days[0] >= 20
    assert found["BL01"]["n"] == expected.n[0] == expected.days[0] * 4
    assert found["BL01"]["rrmse"] == pytest.approx(expected.rrmse[0], abs=1e-6)
    assert float(found["BL01"]["bias"]) == pytest.approx(expected.bias[0], abs=1e-6)
    assert found["BL01"]["verdict"] == pure.Verdict(expected.verdict[0]).name != "UNKNOWN"


def test_methods_stand_in_the_order_of_their_rank(fleet: Fleet, history: list[date]) -> None:
    (asset,) = fleet.add(1)
    fleet.write([asset], history, value=uneven)
    accuracy.measure(fleet.db, fleet.tenant, [asset], AFTER)
    methods = of(fleet, asset).methods
    assert [figures["rank"] for _, figures in methods] == [1, 2, 3, 4]
    assert [figures["rrmse"] for _, figures in methods] == sorted(figures["rrmse"] for _, figures in methods)


def test_what_is_stored_stands_for_a_day_and_until_readings_change(fleet: Fleet, history: list[date]) -> None:
    (asset,) = fleet.add(1)
    fleet.write([asset], history)
    assert (of(fleet, asset).state, of(fleet, asset).computed_at) == ("PENDING", None)
    accuracy.measure(fleet.db, fleet.tenant, [asset], AFTER)
    assert (of(fleet, asset).state, of(fleet, asset).computed_at) == ("READY", AFTER)
    assert of(fleet, asset, AFTER + timedelta(hours=23)).state == "READY"
    assert of(fleet, asset, AFTER + timedelta(days=1)).state == "PENDING"
    fleet.write([asset], history[5:6], slots=[7], value=lambda *_: 9.0, now=BEFORE + timedelta(hours=1))
    stale = of(fleet, asset)
    assert (stale.state, stale.computed_at, len(stale.methods)) == ("PENDING", AFTER, 4)
    accuracy.measure(fleet.db, fleet.tenant, [asset], AFTER)
    assert of(fleet, asset).state == "READY"


def test_other_hours_are_measured_anew(fleet: Fleet, history: list[date]) -> None:
    (asset,) = fleet.add(1)
    fleet.write([asset], history, value=uneven)
    accuracy.measure(fleet.db, fleet.tenant, [asset], AFTER)
    settings = {"accuracy_from": "07:00", "accuracy_to": "08:30", "accuracy_rule_sets": []}
    fleet.tenant = replace(fleet.tenant, settings={"flexibility": settings}, _sections={})
    assert of(fleet, asset).state == "PENDING"
    accuracy.measure(fleet.db, fleet.tenant, [asset], AFTER)
    found = of(fleet, asset)
    ((method, figures),) = found.methods
    assert (found.state, found.window, method, figures["n"]) == (
        "READY",
        ("07:00", "08:30"),
        "BL01",
        figures["days"] * 3,
    )


def test_a_day_of_an_event_is_no_placebo_day(fleet: Fleet, history: list[date]) -> None:
    asked, free = fleet.add(2)
    fleet.write([asked, free], history)
    fleet.event([asked], starts_at=STARTS - timedelta(days=2))
    accuracy.measure(fleet.db, fleet.tenant, [asked, free], AFTER)
    days = [dict(of(fleet, each).methods)["BL01"]["days"] for each in (asked, free)]
    assert days[0] == days[1] - 1


def test_an_asset_is_measured_alike_in_any_company(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(3)
    for at, asset in enumerate(assets):
        fleet.write([asset], history[: len(history) - 3 * at], value=lambda d, s, n=at: uneven(d, s) + n)
    accuracy.measure(fleet.db, fleet.tenant, assets, AFTER)
    together = [of(fleet, each).methods for each in assets]
    for asset in reversed(assets):
        accuracy.measure(fleet.db, fleet.tenant, [asset], AFTER)
    assert [of(fleet, each).methods for each in assets] == together
    assert len({str(each) for each in together}) == 3


def test_without_readings_there_is_nothing_to_rank(fleet: Fleet) -> None:
    (asset,) = fleet.add(1)
    accuracy.measure(fleet.db, fleet.tenant, [asset], AFTER)
    found = of(fleet, asset)
    figures = dict(found.methods)["BL01"]
    assert found.state == "READY"
    assert (figures["rank"], figures["days"], figures["bias"], figures["verdict"]) == (None, 0, None, "UNKNOWN")


def test_a_settlement_has_its_assets_measured(fleet: Fleet, history: list[date]) -> None:
    assets = fleet.add(3)
    fleet.write(assets, [*history, EVENT_DAY], value=kwh)
    event = fleet.event(assets)
    fleet.run(event)
    jobs = fleet.db.execute(
        text("SELECT args FROM procrastinate_jobs WHERE task_name = 'flexibility.measure_part' ORDER BY id")
    ).scalars()
    for args in jobs.all():
        accuracy.measure_part(
            fleet.db, fleet.tenant, UUID(args["event"]), args["kind"], args["revision"], args["part"], AFTER
        )
    assert [of(fleet, each).state for each in assets] == ["READY"] * 3


def test_nothing_is_computed_once_consent_is_withdrawn(fleet: Fleet, history: list[date], db: Connection) -> None:
    (asset,) = fleet.add(1)
    fleet.write([asset], history)
    db.execute(
        text(
            "INSERT INTO flex_consent (tenant_id, uuid, user_id, asset_uuid, scope, granted_at, withdrawn_at,"
            " source) VALUES (:tenant, :uuid, 'u1', :uuid, 'METER_DATA', :at, :at, 'API')"
        ),
        {"tenant": fleet.tenant.id, "uuid": asset, "at": BEFORE},
    )
    accuracy.measure(fleet.db, fleet.tenant, [asset], AFTER)
    assert db.execute(text("SELECT count(*) FROM flex_accuracy")).scalar_one() == 0
    with pytest.raises(Denied) as refused:
        of(fleet, asset)
    assert refused.value.code == "CONSENT_WITHDRAWN"


def test_an_asset_of_nobody_is_not_found(fleet: Fleet) -> None:
    with pytest.raises(NotFound):
        of(fleet, UUID(int=99))
