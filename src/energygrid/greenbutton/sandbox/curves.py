"""What the sandbox's household uses: the same for the same instant, whenever it is asked.

A house with solar panels, gas heating and a garden: more light in summer, more heat in winter, people at home in the
morning and in the evening.
"""

import numpy as np

from energygrid.metering.calendar import to_local
from energygrid.metering.readings import DAY_S, Float64s, Int64s

QUARTER_S, HOUR_S = 900, 3600


def electricity(start: Int64s, zone: str) -> tuple[Float64s, Float64s]:
    """(delivered, received) of each quarter hour [kWh]: never both."""
    taken: Float64s = np.round(_house(start, zone) - _panels(start, zone), 3)
    return np.where(taken > 0, taken, 0.0), np.where(taken < 0, -taken, 0.0)


def delivered(start: Int64s, zone: str) -> Float64s:
    return electricity(start, zone)[0]


def received(start: Int64s, zone: str) -> Float64s:
    return electricity(start, zone)[1]


def net(start: Int64s, zone: str) -> Float64s:
    """Delivered less received: negative while the panels feed the grid."""
    taken, given = electricity(start, zone)
    return taken - given


def gas(start: Int64s, zone: str) -> Float64s:
    """Of each hour [ccf]."""
    hour, summer = _hour(start, zone), _summer(start)
    cooking = np.exp(-((hour - 18) ** 2) / 2) * 0.04
    return np.round(0.004 + cooking + 0.22 * np.maximum(-summer, 0) * (0.8 + 0.4 * _wobble(start, HOUR_S)), 3)


def water(start: Int64s, zone: str) -> Float64s:
    """Of each hour [US gal]."""
    hour, summer = _hour(start, zone), _summer(start)
    indoors = 14 * np.exp(-((hour - 7) ** 2) / 2) + 9 * np.exp(-((hour - 20) ** 2) / 4)
    garden = np.where(hour == 5, 60 * np.maximum(summer, 0), 0)
    gallons: Float64s = np.round(indoors * (0.5 + _wobble(start, HOUR_S)) + garden, 1)
    return gallons


def _house(start: Int64s, zone: str) -> Float64s:
    hour, wobble = _hour(start, zone), _wobble(start, QUARTER_S)
    evening = np.exp(-((hour - 19) ** 2) / 6) + 0.5 * np.exp(-((hour - 7.5) ** 2) / 3)
    cooling = 0.09 * np.maximum(_summer(start), 0) * np.exp(-((hour - 16) ** 2) / 10)
    house: Float64s = 0.06 + cooling + 0.22 * evening * (0.7 + 0.6 * wobble) + 0.03 * wobble
    return house


def _panels(start: Int64s, zone: str) -> Float64s:
    hour, summer = _hour(start, zone), _summer(start)
    half_day = 6 + 1.5 * summer
    height = np.cos(np.clip((hour - 12.5) / half_day, -1, 1) * np.pi / 2)
    clouds = 0.25 + 0.75 * ((start // DAY_S * 2_654_435_761) % 1000 / 1000)
    panels: Float64s = (0.55 + 0.25 * summer) * height**1.5 * clouds
    return panels


def _hour(start: Int64s, zone: str) -> Float64s:
    hour: Float64s = to_local(start, zone) % DAY_S / HOUR_S
    return hour


def _summer(start: Int64s) -> Float64s:
    """1 in the middle of July, -1 in January."""
    summer: Float64s = np.cos((start / DAY_S - 196) * 2 * np.pi / 365.25)
    return summer


def _wobble(start: Int64s, step: int) -> Float64s:
    """Between 0 and 1, without a pattern that an eye would see."""
    wobble: Float64s = (start // step * 2_654_435_761 % 1000) / 1000
    return wobble
