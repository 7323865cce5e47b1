"""Nobody sees readings of a time in which somebody else had the meter, or that the consent leaves out."""

from datetime import UTC, datetime

from tests.greenbutton.usage.conftest import Utility, at, text

MOVE = datetime(2025, 6, 15, 16, 10, tzinfo=UTC)
START = at(2025, 6, 14, 4)
DAYS = [n / 1000 for n in range(96 * 3)]


def moved(utility: Utility) -> None:
    utility.customer([{"meterId": "m1", "rateCode": "OLD"}])
    utility.customer([{"meterId": "m1", "rateCode": "NEW", "accountNumber": "A-2"}], client_id="C2", now=MOVE)
    utility.readings("m1", START, DAYS)


def test_each_holder_sees_whole_intervals_of_its_own_time(utility: Utility) -> None:
    moved(utility)
    before = [start for start, _, _ in utility.parsed(utility.share("m1")).readings()]
    after = [start for start, _, _ in utility.parsed(utility.share("m1", client_id="C2")).readings()]
    cut = at(2025, 6, 15, 16)
    assert before == list(range(START, cut, 900))
    assert after == list(range(cut + 900, START + 96 * 3 * 900, 900))


def test_who_has_left_does_not_see_the_rate_of_who_came(utility: Utility) -> None:
    moved(utility)
    (left,) = utility.parsed(utility.share("m1")).contents("UsagePoint")
    (came,) = utility.parsed(utility.share("m1", client_id="C2")).contents("UsagePoint")
    assert (text(left, "status"), text(left, "serviceDeliveryPoint", "tariffProfile")) == ("0", None)
    assert (text(came, "status"), text(came, "serviceDeliveryPoint", "tariffProfile")) == ("1", "NEW")


def test_a_consent_shows_only_the_data_times_it_is_for(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}])
    utility.readings("m1", START, DAYS)
    limits = {
        "data_from": datetime(2025, 6, 15, 4, tzinfo=UTC),
        "data_until": datetime(2025, 6, 16, 4, tzinfo=UTC),
    }
    readings = utility.parsed(utility.share("m1", **limits)).readings()
    assert [start for start, _, _ in readings] == list(range(at(2025, 6, 15, 4), at(2025, 6, 16, 4), 900))


def test_meters_that_were_not_chosen_are_not_there(utility: Utility) -> None:
    utility.customer([{"meterId": "m1"}, {"meterId": "m2"}])
    utility.readings("m2", START, DAYS)
    assert utility.parsed(utility.share("m1")).order() == ["UsagePoint", "LocalTimeParameters"]
