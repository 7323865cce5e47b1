from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.flexibility.settlement import neso
from energygrid.flexibility.settlement.neso import Bid

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


@pytest.mark.parametrize(("mwh", "amount"), [(15, 4500), (12, 3600), (6, 1350), (3, 0), (20, 5400), (-3, -900)])
def test_30_megawatts_at_300_pounds(mwh: int, amount: int) -> None:
    assert neso.payment(Bid(mw=30, price=300), mwh * 10**9).amount == amount


def test_money_is_rounded_once_half_to_even() -> None:
    """From 50 to 120 percent the payment is P times V: 45 kWh at 1 GBP/MWh are 4.5 pence."""
    paid = [neso.payment(Bid(mw="0.1", price=1), kwh * 10**6).amount for kwh in (45, 55, 35)]
    assert [str(each) for each in paid] == ["0.04", "0.06", "0.04"]


@given(PERCENT, PERCENT)
def test_who_delivers_more_is_never_paid_less(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert neso.factor(low) <= neso.factor(high)


@given(PERCENT, st.decimals("0.001", "0.1", places=3))
def test_the_factor_has_no_steps(percent: Decimal, step: Decimal) -> None:
    """Kinks only: a little more energy is a little more money, two percent a percent at most."""
    assert neso.factor(percent + step) - neso.factor(percent) <= step * Decimal("0.02")


def _poor(pattern: str, apart: int = 1, since: int = 0) -> str | None:
    first = date(2026, 4, 9)
    factors = {"-": Decimal("0.49"), "+": Decimal("0.5")}
    settled = [(first + timedelta(days=apart * n), factors[each]) for n, each in enumerate(pattern)]
    return neso.poor_delivery(settled, first + timedelta(days=since))


def test_five_poor_deliveries_in_a_row_are_told() -> None:
    assert _poor("----+----+") is None
    assert "5 times in a row up to 2026-04-14" in (_poor("+-----") or "")
    assert "6 times in a row up to 2026-04-15" in (_poor("+------+") or "")


def test_what_came_before_counts_but_is_not_told_again() -> None:
    assert "5 times in a row up to 2026-04-13" in (_poor("-----+", since=4) or "")
    assert _poor("-----+", since=5) is None


def test_ten_poor_deliveries_in_three_months_are_told() -> None:
    assert "10 times in the three months" in (_poor("--+--+--+--+--") or "")
    assert _poor("--+--+--+--+-") is None
    assert _poor("--+--+--+--+--", apart=10) is None
