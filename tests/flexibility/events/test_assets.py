from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from tests.flexibility.events.conftest import NOW, Stage

from energygrid.access.audit import SYSTEM
from energygrid.errors import Conflict, NotFound
from energygrid.flexibility.events import assets, events
from energygrid.flexibility.events.event import Event
from energygrid.flexibility.registry import consents
from energygrid.metering.quality import Quality
from energygrid.metering.readings import Commodity, Flow, Kind, ReadingBatch, SeriesKey
from energygrid.metering.series import ensure_series
from energygrid.metering.store import write_readings


def _say(stage: Stage, event: Event, word: assets.Word, uuids: Sequence[UUID], at: datetime = NOW) -> None:
    assets.say(stage.db, stage.tenant, event.uuid, dict.fromkeys(uuids, word), who=SYSTEM, now=at)


def _states(stage: Stage, event: Event) -> dict[UUID, tuple[str, str]]:
    """State and the code of the reason."""
    found, _ = assets.page(stage.db, stage.tenant, event.uuid, offset=0, limit=1000)
    return {each.uuid: (each.state, (each.reason or "").split(":")[0]) for each in found}


def _history(stage: Stage, asset: UUID, days: int) -> None:
    """One reading a day on the days before NOW."""
    key = SeriesKey(str(asset), Commodity.ELECTRICITY, Flow.DELIVERED, Kind.ENERGY, "kWh", 1800)
    zones = {str(asset): "Europe/London"}
    made = ensure_series(stage.db, stage.tenant.id, [key], zones=zones, offsets=[0], now=NOW, owner_kind="asset")
    starts = [int((NOW - timedelta(days=day)).timestamp()) for day in range(1, days + 1)]
    batch = ReadingBatch(
        series=[key],
        index=np.zeros(days, np.int32),
        start=np.array(starts, np.int64),
        value=np.full(days, 0.4),
        quality=np.full(days, Quality.ACTUAL, np.uint8),
        row=np.arange(days, dtype=np.int64),
    )
    write_readings(stage.db, made, batch, known_at=NOW)


def test_a_scheme_without_portfolios_reaches_those_ready_in_it(stage: Stage) -> None:
    ready, out, waiting, _ = stage.assets(4)
    event = stage.event(scheme_uuid=stage.scheme({ready: "READY", out: "OPT_OUT", waiting: "OPT_IN"}))
    assert _states(stage, event) == {ready: ("PENDING", "")}


def test_controls_are_drawn_by_lot_and_stay_the_same_for_every_event_of_a_scheme(stage: Stage) -> None:
    """Of those that may take part only; they cannot opt in, and the draw does not change once it is made."""
    ready = stage.assets(40)
    for gone in ready[:20]:
        stage.withdraw(gone)
    facts = {"controlShare": 0.5, "ruleSets": ["CONTROL_GROUP"]}
    scheme, other = (stage.scheme(dict.fromkeys(ready, "READY"), **facts) for _ in range(2))
    first, second, elsewhere = (stage.event(scheme_uuid=each) for each in (scheme, scheme, other))
    states = _states(stage, first)
    controls = [uuid for uuid, state in states.items() if state == ("INELIGIBLE", "CONTROL_GROUP")]
    assert 0 < len(controls) < 20
    assert states == _states(stage, second) != _states(stage, elsewhere)
    assert {states[gone] for gone in ready[:20]} == {("INELIGIBLE", "CONSENT_WITHDRAWN")}
    with pytest.raises(Conflict, match="CONTROL_GROUP: held out by lot"):
        _say(stage, first, "OPT_IN", controls[:1])
    for terms in ({"controlShare": 0.1}, {}):
        with pytest.raises(Conflict, match="controls was settled") as refused:
            events.change(stage.db, stage.tenant, first.uuid, {"terms": terms}, who=SYSTEM, now=NOW)
        assert refused.value.code == "EVENT_FIXED"
    kept = {"controlShare": 0.5, "ruleSets": ["CONTROL_GROUP", "BL01"]}
    events.change(stage.db, stage.tenant, first.uuid, {"terms": kept}, who=SYSTEM, now=NOW)


def test_a_portfolio_of_controls_is_compared_with_and_never_called(stage: Stage) -> None:
    called, apart = stage.portfolio(), stage.portfolio()
    asset = stage.assets(1, portfolio=called)[0]
    standing, gone = stage.assets(2, portfolio=apart)
    stage.withdraw(gone)
    terms = {"ruleSets": ["CONTROL_GROUP"], "controlPortfolioUUID": str(apart)}
    event = stage.event(called, terms=terms, eligibility={"assetType": "SMARTMETER"})
    assert _states(stage, event) == {
        asset: ("PENDING", ""),
        standing: ("INELIGIBLE", "CONTROL_GROUP"),
        gone: ("INELIGIBLE", "CONSENT_WITHDRAWN"),
    }
    whole = stage.event(scheme_uuid=stage.scheme({asset: "READY", standing: "READY"}), terms=terms)
    assert _states(stage, whole) == _states(stage, event)
    with pytest.raises(NotFound, match="no portfolio"):
        stage.event(called, terms=terms | {"controlPortfolioUUID": str(uuid4())}, scheduled=False)
    with pytest.raises(Conflict, match="calls nobody") as refused:
        stage.event(apart, terms=terms)
    assert refused.value.code == "NO_AUDIENCE"


def test_portfolios_narrow_a_scheme_and_say_who_is_not_ready(stage: Stage) -> None:
    portfolio = stage.portfolio()
    ready, out, stranger = stage.assets(3, portfolio=portfolio)
    elsewhere = stage.assets(1)[0]
    scheme = stage.scheme({ready: "READY", out: "OPT_OUT", elsewhere: "READY"})
    event = stage.event(portfolio, scheme_uuid=scheme)
    assert _states(stage, event) == {
        ready: ("PENDING", ""),
        out: ("INELIGIBLE", "NOT_IN_SCHEME"),
        stranger: ("INELIGIBLE", "NOT_IN_SCHEME"),
    }


def test_archived_assets_are_not_reached_and_withdrawn_ones_may_not_take_part(stage: Stage) -> None:
    portfolio = stage.portfolio()
    stage.assets(1, portfolio=portfolio, archived_at=NOW)
    there, gone = stage.assets(2, portfolio=portfolio)
    stage.withdraw(gone)
    assert _states(stage, stage.event(portfolio)) == {
        there: ("PENDING", ""),
        gone: ("INELIGIBLE", "CONSENT_WITHDRAWN"),
    }


def test_postcode_type_and_settlement_are_checked(stage: Stage) -> None:
    portfolio = stage.portfolio()
    fits = stage.assets(1, portfolio=portfolio, postcode="NE81AA", hh_settled=True)[0]
    far = stage.assets(1, portfolio=portfolio, postcode="SW1A1AA", hh_settled=True)[0]
    unsettled = stage.assets(1, portfolio=portfolio, postcode="DH11AA")[0]
    criteria = {"postcodePrefix": "ne8, DH1", "hhSettled": "true", "assetType": "SMARTMETER", "x-note": "anything"}
    event = stage.event(portfolio, eligibility=criteria)
    assert _states(stage, event) == {
        fits: ("PENDING", ""),
        far: ("INELIGIBLE", "POSTCODE"),
        unsettled: ("INELIGIBLE", "HH_SETTLED"),
    }


def test_too_short_a_history_is_told_with_its_length(stage: Stage) -> None:
    portfolio = stage.portfolio()
    enough, short, none = stage.assets(3, portfolio=portfolio)
    _history(stage, enough, 5)
    _history(stage, short, 4)
    event = stage.event(portfolio, eligibility={"minBaselineDays": "5"})
    assert _states(stage, event) == {
        enough: ("PENDING", ""),
        short: ("INELIGIBLE", "TOO_FEW_DAYS"),
        none: ("INELIGIBLE", "TOO_FEW_DAYS"),
    }
    found, _ = assets.page(stage.db, stage.tenant, event.uuid, offset=1, limit=1)
    assert found[0].reason == "TOO_FEW_DAYS: 4 of the 60 days before the event have readings, 5 are needed"


def test_silence_takes_part_only_where_no_opt_in_is_required(stage: Stage) -> None:
    portfolio = stage.portfolio()
    keen, silent, out, gone = stage.assets(4, portfolio=portfolio)
    stage.withdraw(gone)
    for required, expected in ((True, {keen}), (False, {keen, silent})):
        event = stage.event(portfolio, opt_in_required=required)
        _say(stage, event, "OPT_IN", [keen])
        _say(stage, event, "OPT_OUT", [out])
        assert set(assets.participants(stage.db, stage.tenant, event.uuid)) == expected


def test_a_word_on_several_assets_holds_for_all_or_none(stage: Stage) -> None:
    portfolio = stage.portfolio()
    here, gone = stage.assets(2, portfolio=portfolio)
    stage.withdraw(gone)
    event = stage.event(portfolio)
    with pytest.raises(NotFound) as unknown:
        _say(stage, event, "OPT_IN", [here, uuid4()])
    assert unknown.value.code == "UNKNOWN_EVENT_ASSET"
    with pytest.raises(Conflict, match="withdrawn consent"):
        _say(stage, event, "OPT_IN", [here, gone])
    assert _states(stage, event)[here] == ("PENDING", "")
    _say(stage, event, "OPT_OUT", [here, gone])
    assert _states(stage, event) == {here: ("OPT_OUT", ""), gone: ("INELIGIBLE", "CONSENT_WITHDRAWN")}


def test_in_until_the_start_and_out_until_the_end(stage: Stage) -> None:
    """By the times themselves, however late the clock's jobs are."""
    portfolio = stage.portfolio()
    uuids = stage.assets(1, portfolio=portfolio)
    draft, event = stage.event(portfolio, scheduled=False), stage.event(portfolio)
    with pytest.raises(Conflict) as refused:
        _say(stage, draft, "OPT_IN", uuids)
    assert refused.value.code == "NOT_SCHEDULED"
    _say(stage, event, "OPT_IN", uuids)
    with pytest.raises(Conflict) as refused:
        _say(stage, event, "OPT_IN", uuids, event.starts_at)
    assert refused.value.code == "EVENT_STARTED"
    _say(stage, event, "OPT_OUT", uuids, event.starts_at)
    with pytest.raises(Conflict) as refused:
        _say(stage, event, "OPT_OUT", uuids, event.ends_at)
    assert refused.value.code == "EVENT_OVER"


def test_opting_in_is_a_consent_and_opting_out_ends_it(stage: Stage) -> None:
    portfolio = stage.portfolio()
    uuids = stage.assets(2, portfolio=portfolio)
    event = stage.event(portfolio)

    def standing() -> set[UUID]:
        return set(consents.standing(stage.db, stage.tenant, uuids, "EVENT", event.uuid))

    assert standing() == set()
    _say(stage, event, "OPT_IN", uuids)
    assert standing() == set(uuids)
    _say(stage, event, "OPT_OUT", uuids[:1])
    assert standing() == set(uuids[1:])
