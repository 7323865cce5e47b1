from decimal import Decimal

from energygrid.flexibility.settlement import money
from energygrid.flexibility.settlement.energy import kwh
from energygrid.flexibility.settlement.money import Incentive


def test_halves_go_to_the_even_penny() -> None:
    paid = money.lines([350_000, 450_000, 349_999, -350_000], Decimal("0.1"), Incentive.PER_KWH)
    assert [str(each) for each in paid] == ["0.04", "0.04", "0.03", "-0.04"]


def test_a_total_is_the_sum_of_rounded_lines() -> None:
    """Three times 1.4 pence: 3 pence on the lines, although 4.2 were earned."""
    paid = money.lines([14_000] * 3, Decimal(1), Incentive.PER_KWH)
    assert money.total(paid) == Decimal("0.03")
    assert money.rounded(kwh(42_000)) == Decimal("0.04")


def test_an_event_is_paid_to_who_delivered_anything() -> None:
    assert money.lines([1, 0, -1], Decimal("2.5"), Incentive.PER_EVENT) == [Decimal("2.50"), 0, 0]


def test_points_are_whole() -> None:
    paid = money.lines([341_000], Decimal(1800), Incentive.POINTS_PER_KWH)
    assert [str(each) for each in paid] == ["614"]


def test_a_currency_may_have_other_places() -> None:
    assert str(money.lines([341_000], Decimal(57), Incentive.PER_KWH, places=0)[0]) == "19"


def test_energy_keeps_its_six_places() -> None:
    assert [str(kwh(each)) for each in (341_000, -1, 0)] == ["0.341000", "-0.000001", "0.000000"]
