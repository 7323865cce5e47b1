"""The markets' rule sets, and the words they are written with."""

from energygrid.flexibility.baselines.rule_set import Anchor, DayClass, DayTypes, Holidays, Pick, Window

WORKDAYS, WEEKEND = (0, 1, 2, 3, 4), (5, 6)


def before(from_h: float, to_h: float) -> Window:
    return Window(Anchor.START, -from_h, -to_h)


def after(from_h: float, to_h: float) -> Window:
    return Window(Anchor.END, from_h, to_h)


def two_types(working: DayClass, other: DayClass, holidays: Holidays = Holidays.OWN_CLASS) -> DayTypes:
    return DayTypes((working, other), holidays, None if holidays is Holidays.IGNORED else other.name)


def working(days: int, minimum: int, pick: Pick = Pick.ALL, keep: int | None = None) -> DayClass:
    return DayClass("WORKING", WORKDAYS, days, minimum, pick, keep)


def non_working(days: int, minimum: int, pick: Pick = Pick.ALL, keep: int | None = None) -> DayClass:
    return DayClass("NON_WORKING", WEEKEND, days, minimum, pick, keep)


THREE_HOURS = (before(4, 1),)
"""The three hours that end one hour before the event."""
