"""The rule sets there are, as dated data. A published version is never edited: a change is a new version.

`unconfirmed` names the numbers that were taken from memory or from one secondary reading and not yet compared with
the market's own text. See docs/baselines.md.
"""

from datetime import date

from energygrid.errors import NotFound
from energygrid.flexibility.baselines.markets.elsewhere import CONTROL_GROUP, ELIA_HIGH_X_OF_Y, FIXED, NOMINATED, ZERO
from energygrid.flexibility.baselines.markets.great_britain import (
    BL01,
    BL01_NO_IDA,
    DFS_DOMESTIC,
    GB_MID_8_OF_10,
    GB_MID_8_OF_10_SDA,
    OCTOPUS_SS,
)
from energygrid.flexibility.baselines.markets.north_america import (
    CAISO_5_OF_10,
    CAISO_10_OF_10,
    ERCOT_MID_8_OF_10,
    NYISO_5_OF_10,
    PJM_3_DAY_TYPES,
    PJM_SAME_DAY,
)
from energygrid.flexibility.baselines.rule_set import RuleSet

RULE_SETS = (
    BL01,
    BL01_NO_IDA,
    *DFS_DOMESTIC,
    OCTOPUS_SS,
    GB_MID_8_OF_10,
    GB_MID_8_OF_10_SDA,
    CAISO_10_OF_10,
    CAISO_5_OF_10,
    PJM_3_DAY_TYPES,
    PJM_SAME_DAY,
    NYISO_5_OF_10,
    ERCOT_MID_8_OF_10,
    ELIA_HIGH_X_OF_Y,
    NOMINATED,
    FIXED,
    ZERO,
    CONTROL_GROUP,
)
IDS = tuple(dict.fromkeys(rules.id for rules in RULE_SETS))


def find(rule_set: str, on: date) -> RuleSet:
    """The version in force on an event's first local day.

    Raises NotFound UNKNOWN_RULE_SET; NotFound RULE_SET_NOT_IN_FORCE when it is known and none of its versions holds.
    """
    versions = [rules for rules in RULE_SETS if rules.id == rule_set]
    if not versions:
        raise NotFound("UNKNOWN_RULE_SET", f"there is no rule set {rule_set!r}: use one of {', '.join(IDS)}")
    for rules in versions:
        if rules.in_force(on):
            return rules
    message = f"rule set {rule_set} has no version in force on {on}"
    raise NotFound("RULE_SET_NOT_IN_FORCE", message, rule_set=rule_set, on=on.isoformat())


def find_version(rule_set: str, version: int) -> RuleSet:
    """A version by its number, in force or not: what a statement was settled by. Raises NotFound UNKNOWN_RULE_SET."""
    for rules in RULE_SETS:
        if (rules.id, rules.version) == (rule_set, version):
            return rules
    raise NotFound("UNKNOWN_RULE_SET", f"there is no version {version} of rule set {rule_set!r}")
