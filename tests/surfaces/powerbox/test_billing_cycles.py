"""PUT and GET /powerbox/billing-cycles (contract P-6, C16, C30)."""

from typing import Any

from tests.surfaces.powerbox.conftest import PowerBox

PERIODS = [
    {"startDate": "2024-12-03", "endDate": "2025-01-02"},
    {"startDate": "2025-01-03", "endDate": "2025-01-30"},
    {"startDate": "2025-12-03", "endDate": "2026-01-02"},
]


def put(powerbox: PowerBox, cycle: str, **body: Any) -> Any:
    return powerbox.call("PUT", f"/powerbox/billing-cycles/{cycle}", "rates.write", json={"periods": PERIODS} | body)


def test_c30_inclusive_days_here_and_the_last_second_in_the_usage_apis_form(powerbox: PowerBox) -> None:
    put(powerbox, "1", name="Cycle 1")
    whole = powerbox.call("GET", "/powerbox/billing-cycles/1", "rates.write").json()
    assert whole["periods"][0] == {"periodId": 1, "startDate": "2024-12-03", "endDate": "2025-01-02"}
    assert "warnings" not in whole
    year = powerbox.call("GET", "/powerbox/billing-cycles/1?year=2025", "rates.write").json()
    assert year[0] == {
        "billingCycleId": 1,
        "billingPeriodId": 1,
        "billingYearId": 2025,
        "startDate": "2024-12-03T00:00:00",
        "endDate": "2025-01-02T23:59:59",
        "billingCycle": {"billingCycleId": 1, "name": "Cycle 1", "isBiMonthly": False},
    }
    assert len(year) == 2


def test_c16_an_integer_id_stays_one_and_any_other_stays_text(powerbox: PowerBox) -> None:
    for path, shown in (("7", 7), ("0", 0), ("007", "007"), ("MRU-7", "MRU-7"), ("1234567890", "1234567890")):
        assert put(powerbox, path).json()["billingCycleId"] == shown


def test_a_hole_is_warned_of_and_an_overlap_refused(powerbox: PowerBox) -> None:
    assert [w["code"] for w in put(powerbox, "1").json()["warnings"]] == ["PERIODS_NOT_CONTIGUOUS"]
    twice = put(powerbox, "1", periods=[PERIODS[0], PERIODS[0]])
    assert (twice.status_code, twice.json()["errorCode"]) == (400, "INVALID_PAYLOAD")
    back = put(powerbox, "1", periods=[{"startDate": "2025-02-01", "endDate": "2025-01-01"}])
    assert back.status_code == 400


def test_a_put_is_the_whole_schedule(powerbox: PowerBox) -> None:
    put(powerbox, "1")
    put(powerbox, "1", periods=PERIODS[1:2])
    got = powerbox.call("GET", "/powerbox/billing-cycles/1", "rates.write").json()
    assert [each["startDate"] for each in got["periods"]] == ["2025-01-03"]


def test_cycles_are_listed_in_pages(powerbox: PowerBox) -> None:
    for cycle in ("A", "B", "C"):
        put(powerbox, cycle)
    first = powerbox.call("GET", "/powerbox/billing-cycles?limit=2", "rates.write").json()
    assert [each["billingCycleId"] for each in first["billingCycles"]] == ["A", "B"]
    assert first["next"] == "B"


def test_refusals(powerbox: PowerBox) -> None:
    assert powerbox.call("GET", "/powerbox/billing-cycles/9", "rates.write").json()["errorCode"] == (
        "UNKNOWN_BILLING_CYCLE"
    )
    assert powerbox.call("GET", "/powerbox/billing-cycles/9", "customer.sync").status_code == 403
    for wrong in ("2025-02-30", "2025-1-3", 5, None, "1969-12-31"):
        period = {"startDate": wrong, "endDate": "2025-03-01"}
        assert put(powerbox, "1", periods=[period]).status_code == 400
