from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.errors import Invalid
from energygrid.flexibility.settlement import neso

PERCENT = st.decimals(-300, 300, places=3)


@pytest.mark.parametrize(
    ("percent", "factor"),
    [
        ("150", "1.2"),
        ("120", "1.2"),
        ("119.999", "1.19999"),
        ("100", "1.0"),
        ("80", "0.8"),
        ("50", "0.5"),
        ("49.999", "0.49998"),
        ("40", "0.3"),
        ("25", "0"),
        ("24.999", "0"),
        ("10", "0"),
        ("0", "0"),
        ("-20", "-0.2"),
        ("-100", "-1"),
        ("-140", "-1"),
    ],
)
def test_the_factor_of_the_service_terms(percent: str, factor: str) -> None:
    assert neso.factor(Decimal(percent)) == Decimal(factor)


@pytest.mark.parametrize(
    ("delivered", "amount"), [("15", 4500), ("12", 3600), ("6", 1350), ("3", 0), ("20", 5400), ("-3", -900)]
)
def test_30_megawatts_at_300_pounds(delivered: str, amount: int) -> None:
    assert neso.payment(Decimal(300), Decimal(30), Decimal(delivered)).amount == amount


@given(PERCENT, PERCENT)
def test_who_delivers_more_is_never_paid_less(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert neso.factor(low) <= neso.factor(high)


@given(PERCENT, st.decimals("0.001", "0.1", places=3))
def test_the_factor_has_no_steps(percent: Decimal, step: Decimal) -> None:
    """Kinks only: a little more energy is a little more money, two percent a percent at most."""
    assert neso.factor(percent + step) - neso.factor(percent) <= step * Decimal("0.02")


@pytest.mark.parametrize(("price", "sold"), [("300", "0.09"), ("300", "100.1"), ("300.5", "30")])
def test_a_bid_outside_the_rules_is_refused(price: str, sold: str) -> None:
    with pytest.raises(Invalid) as error:
        neso.payment(Decimal(price), Decimal(sold), Decimal(1))
    assert error.value.code == "INVALID_BID"


def _poor(pattern: str, apart: int = 1) -> str | None:
    first = date(2026, 4, 9)
    factors = {"-": Decimal("0.49"), "+": Decimal("0.5")}
    return neso.poor_delivery([(first + timedelta(days=apart * n), factors[each]) for n, each in enumerate(pattern)])


def test_five_poor_deliveries_in_a_row_are_told() -> None:
    assert _poor("----+----+") is None
    assert "5 times in a row up to 2026-04-14" in (_poor("+-----") or "")


def test_ten_poor_deliveries_in_three_months_are_told() -> None:
    assert "10 times in the three months" in (_poor("--+--+--+--+--") or "")
    assert _poor("--+--+--+--+-") is None
    assert _poor("--+--+--+--+--", apart=10) is None
