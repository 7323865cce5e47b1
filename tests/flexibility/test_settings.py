import pytest
from pydantic import ValidationError

from energygrid.flexibility.settings import FlexibilitySettings


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"])
def test_a_zone_whose_clock_strikes_with_utcs_half_hours_is_taken(zone: str) -> None:
    assert FlexibilitySettings(zone=zone).zone == zone


@pytest.mark.parametrize(
    ("zone", "why"),
    [("Asia/Kathmandu", "quarter of an hour"), ("Pacific/Chatham", "quarter of an hour"), ("Europe/Lundon", "IANA")],
)
def test_any_other_is_refused_before_an_event_could_stand_still_over_it(zone: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        FlexibilitySettings(zone=zone)
