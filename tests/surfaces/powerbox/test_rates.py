"""PUT and GET /powerbox/rates (contract P-7, C27)."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.surfaces.powerbox.conftest import PowerBox

PUBLISHED = json.loads((Path(__file__).parents[2] / "billing" / "published_tou.json").read_text())
FLAT = {"type": "FLAT", "validFrom": "2025-01-01", "flatAmount": "0.1230"}


def put(powerbox: PowerBox, code: str, body: Any) -> Any:
    return powerbox.call("PUT", f"/powerbox/rates/{code}", "rates.write", json=body)


def test_c27_the_published_sample_is_stored_as_incomplete_and_names_its_hole(powerbox: PowerBox) -> None:
    body = {"type": "TOU", "validFrom": "2025-06-01", "validTo": "2025-09-30", "tou": PUBLISHED}
    answer = put(powerbox, "EFR_D1.11", body)
    assert answer.status_code == 200
    rate = answer.json()
    assert rate["status"] == "incomplete"
    assert rate["findings"] == [
        {
            "code": "TOU_GAP",
            "dayType": "WEEKDAY",
            "startHour": 19,
            "endHour": 23,
            "firstDate": "2025-06-02",
            "lastDate": "2025-09-30",
            "days": 87,
        }
    ]
    got = powerbox.call("GET", "/powerbox/rates/EFR_D1.11", "rates.write").json()
    assert got == rate
    assert got["tou"][2]["amount"] == "0.1660"


def test_the_sandbox_rate_is_complete(powerbox: PowerBox) -> None:
    assert put(powerbox, "RES9", FLAT).json()["status"] == "complete"


def test_money_is_a_decimal_string_both_ways(powerbox: PowerBox) -> None:
    assert put(powerbox, "R", FLAT).json()["flatAmount"] == "0.1230"
    for wrong in (0.123, "1e3", "0,1", "NaN", "", "0.123456789"):
        answer = put(powerbox, "R", FLAT | {"flatAmount": wrong})
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "INVALID_PAYLOAD")


def test_versions_follow_one_another(powerbox: PowerBox) -> None:
    put(powerbox, "R", FLAT)
    put(powerbox, "R", FLAT | {"validFrom": "2026-01-01", "flatAmount": "0.2"})
    for day, amount in (("2025-12-31", "0.1230"), ("2026-01-01", "0.2")):
        got = powerbox.call("GET", f"/powerbox/rates/R?on={day}", "rates.write")
        assert got.json()["flatAmount"] == amount
    assert [v.get("validTo") for v in got.json()["versions"]] == ["2025-12-31", None]
    assert powerbox.call("GET", "/powerbox/rates/R?on=2024-12-31", "rates.write").status_code == 404


@pytest.mark.parametrize("code", ["EFR_D1_8", "EFR_D1-A", "EFR_D1.13"])
def test_published_codes_are_accepted(powerbox: PowerBox, code: str) -> None:
    assert put(powerbox, code, FLAT).json()["rateCode"] == code


def test_codes_are_listed_in_pages(powerbox: PowerBox) -> None:
    for code in ("A", "B", "C"):
        put(powerbox, code, FLAT)
    first = powerbox.call("GET", "/powerbox/rates?limit=2", "rates.write").json()
    assert [rate["rateCode"] for rate in first["rates"]] == ["A", "B"]
    rest = powerbox.call("GET", f"/powerbox/rates?limit=2&after={first['next']}", "rates.write").json()
    assert [rate["rateCode"] for rate in rest["rates"]] == ["C"]
    assert "next" not in rest


def test_refusals(powerbox: PowerBox) -> None:
    assert put(powerbox, "R", FLAT | {"rateCode": "OTHER"}).status_code == 400
    assert put(powerbox, "-R", FLAT).status_code == 400
    assert put(powerbox, "R", [FLAT]).status_code == 400
    assert powerbox.call("PUT", "/powerbox/rates/R", "usage.ingest", json=FLAT).status_code == 403
    unknown = powerbox.call("GET", "/powerbox/rates/NONE", "rates.write")
    assert (unknown.status_code, unknown.json()["errorCode"]) == (404, "UNKNOWN_RATE")
    assert powerbox.call("POST", "/powerbox/rates/R", json=FLAT).status_code == 405


def test_another_utilitys_rate_is_unknown(powerbox: PowerBox, new_caller: Any) -> None:
    put(powerbox, "R", FLAT)
    other = new_caller("elsewhere")
    assert other.call("GET", "/powerbox/rates/R").status_code == 404
