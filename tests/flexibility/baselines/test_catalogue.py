import json
import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from energygrid.errors import NotFound
from energygrid.flexibility.baselines import catalogue
from energygrid.flexibility.baselines.markets.elsewhere import high_x_of_y
from energygrid.flexibility.baselines.rule_set import DayClass, DayTypes, Holidays, Pick, RuleSet
from energygrid.flexibility.baselines.selection import MATTERS, Reason

ON = date(2026, 1, 15)


def test_households_lost_in_day_adjustment_on_27_october_2023() -> None:
    before, after = (catalogue.find("DFS_DOMESTIC", date(2023, 10, day)) for day in (26, 27))
    assert (before.version, before.adjustment is None) == (1, False)
    assert (after.version, after.adjustment is None) == (2, True)
    assert catalogue.find_version("DFS_DOMESTIC", 1) is before


def test_a_date_without_a_version_and_an_unknown_name_are_told_apart() -> None:
    with pytest.raises(NotFound) as error:
        catalogue.find("DFS_DOMESTIC", date(2022, 10, 31))
    assert error.value.code == "RULE_SET_NOT_IN_FORCE"
    for lookup in (lambda: catalogue.find("BL02", ON), lambda: catalogue.find_version("BL01", 2)):
        with pytest.raises(NotFound) as error:
            lookup()
        assert error.value.code == "UNKNOWN_RULE_SET"


def test_versions_of_a_rule_set_follow_each_other() -> None:
    for name in catalogue.IDS:
        versions = [rules for rules in catalogue.RULE_SETS if rules.id == name]
        assert [rules.version for rules in versions] == list(range(1, len(versions) + 1))
        for earlier, later in pairwise(versions):
            assert earlier.effective_to == later.effective_from


@pytest.mark.parametrize("rules", catalogue.RULE_SETS, ids=lambda rules: f"{rules.id}-{rules.version}")
def test_each_names_its_source_and_can_be_published(rules: RuleSet) -> None:
    assert rules.source
    assert rules.title
    published = json.loads(json.dumps(rules.as_json()))
    assert published["confirmed"] is (not rules.unconfirmed)
    assert rules.archetype in {"historical", "control group", "nominated", "fixed"}
    assert rules.digest() != replace(rules, version=rules.version + 1).digest()


def test_numbers_nobody_confirmed_are_labelled() -> None:
    confirmed = {rules.id for rules in catalogue.RULE_SETS if rules.confirmed}
    assert confirmed == {"PJM_SAME_DAY", "NOMINATED", "FIXED", "ZERO"}


def test_elia_is_a_matter_of_parameters() -> None:
    rules = high_x_of_y((3, 6), (1, 2), None, version=2)
    assert [(kind.keep, kind.days) for kind in rules.day_types.classes] == [(3, 6), (1, 2)]
    assert rules.adjustment is None


@pytest.mark.parametrize(
    "change",
    [
        {"minimum": 0},
        {"minimum": 11},
        {"keep": 11},
        {"keep": 7, "pick": Pick.MIDDLE},
        {"keep": 8, "pick": Pick.MIDDLE, "minimum": 2},
        {"weights": (0.5, 0.5)},
    ],
)
def test_a_day_class_that_cannot_be_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="ANY"):
        replace(DayClass("ANY", (0,), 10, 5), **change)


def test_a_rule_set_that_cannot_be_is_refused() -> None:
    week = DayClass("ANY", tuple(range(7)), 10, 5)
    for wrong in (
        lambda: DayTypes((week, week), Holidays.IGNORED),
        lambda: DayTypes((week,), Holidays.IGNORED, "ANY"),
        lambda: DayTypes((week,), Holidays.OWN_CLASS, "OTHER"),
        lambda: replace(catalogue.find("BL01", ON), lookback_days=0),
        lambda: replace(catalogue.find("PJM_SAME_DAY", ON), windows=()),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            wrong()


def test_rules_hold_from_their_first_day_and_before_their_last() -> None:
    rules = replace(catalogue.find("BL01", ON), effective_from=ON, effective_to=ON + timedelta(days=2))
    assert [rules.in_force(ON + timedelta(days=by)) for by in (-1, 0, 1, 2)] == [False, True, True, False]


def test_the_documentation_names_each_with_its_source_and_what_is_unconfirmed() -> None:
    page = (Path(__file__).parents[3] / "docs" / "baselines.md").read_text()
    for rules in catalogue.RULE_SETS:
        cells = (f"`{rules.id}`", rules.version, rules.effective_from or "", rules.title, rules.source)
        assert f"| {' | '.join(map(str, cells))} | {', '.join(rules.unconfirmed)} |" in page
    for reason in Reason:
        assert re.search(rf"^\| {reason.name} \| .* \| {'yes' if reason in MATTERS else 'no'} \|$", page, re.MULTILINE)


def test_a_published_version_is_never_edited() -> None:
    """A change of rules is a new version: statements name version and digest, and are computed again by them."""
    digests = {(rules.id, rules.version): rules.digest()[:12] for rules in catalogue.RULE_SETS}
    assert digests == PUBLISHED


def test_words_may_be_put_right() -> None:
    rules = catalogue.find("BL01", ON)
    assert replace(rules, title="Other", unconfirmed=(), effective_to=ON).digest() == rules.digest()
    assert replace(rules, lookback_days=45).digest() != rules.digest()


PUBLISHED = {
    ("BL01", 1): "274f63bc50d3",
    ("BL01_NO_IDA", 1): "2fd2670a715d",
    ("DFS_DOMESTIC", 1): "c5bda9e32d8a",
    ("DFS_DOMESTIC", 2): "5dbcc003953d",
    ("OCTOPUS_SS", 1): "0030e983ca99",
    ("GB_MID_8_OF_10", 1): "bdaca7ab1b9e",
    ("GB_MID_8_OF_10_SDA", 1): "017731cb4474",
    ("CAISO_10_OF_10", 1): "8f9e527e57dd",
    ("CAISO_5_OF_10", 1): "5948679bc4b0",
    ("PJM_3_DAY_TYPES", 1): "2cf228a49997",
    ("PJM_SAME_DAY", 1): "9e9925f9e473",
    ("NYISO_5_OF_10", 1): "67246e40e8c4",
    ("ERCOT_MID_8_OF_10", 1): "f9202e5dfbd5",
    ("ELIA_HIGH_X_OF_Y", 1): "3ca95a20d3b6",
    ("NOMINATED", 1): "b57a6118fb6d",
    ("FIXED", 1): "06d8e6724f29",
    ("ZERO", 1): "fcdfd229fb88",
    ("CONTROL_GROUP", 1): "25de355fa971",
}
