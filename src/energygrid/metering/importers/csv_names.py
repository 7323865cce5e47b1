"""Texts of the usage CSV as numbers, given out on first sight, so that the work on rows is work on integers."""

import re
from collections.abc import Mapping

import numpy as np

from energygrid.errors import Invalid
from energygrid.metering.importers.options import ImportOptions
from energygrid.metering.importers.units import Unit, unit_named
from energygrid.metering.quality import USAGE_CSV_LETTERS, Quality
from energygrid.metering.readings import Commodity, Flow, Int64s, SeriesKey

BAD = -1
OTHER_COMMODITY = -2
FLOWS = (Flow.DELIVERED, Flow.RECEIVED, Flow.NET)
NET = FLOWS.index(Flow.NET)
_FLOW_LETTERS = {"": 0, "D": 0, "R": 1, "N": NET}
_FLOW_BITS, _UNIT_BITS, _LENGTH_BITS = 2, 8, 17
_ID = re.compile(r"[\x21-\x7E]{1,64}")


class Names:
    """Every number here is a position in one of the lists.

    labels     texts of the Quality column that say more than the scale does
    qualities  what each quality number stands for: (Quality, position in `labels` or -1)
    """

    def __init__(self, options: ImportOptions, commodity: Commodity | None, *, has_units: bool) -> None:
        self._commodity = commodity
        self._meter_map = options.meter_map
        self._letters: Mapping[str, Quality] = {**USAGE_CSV_LETTERS, **options.quality_letters}
        self._meters: dict[str, int] = {}
        self._meter_ids: list[str] = []
        self._units: list[Unit] = []
        self._series: dict[int, int] = {}
        self._series_codes: list[int] = []
        self._keys: dict[int, SeriesKey] = {}
        self.labels: list[str] = []
        self.qualities: list[tuple[Quality, int]] = []
        self._default = "" if commodity is None else options.units.get(commodity, "")
        if not has_units:
            self.unit("")

    def meter(self, text: str) -> int:
        """BAD when it cannot be an id."""
        name = self._meter_map.get(text, text)
        if not _ID.fullmatch(name):
            return BAD
        if name not in self._meters:
            self._meters[name] = len(self._meter_ids)
            self._meter_ids.append(name)
        return self._meters[name]

    @staticmethod
    def flow(text: str) -> int:
        return _FLOW_LETTERS.get(text.upper(), BAD)

    def unit(self, text: str) -> int:
        """Raises Invalid when a row leaves out what the file and the settings do not say either."""
        unit = unit_named(text or self._default)
        if unit is None and text:
            return BAD
        if unit is None:
            code, what = ("COMMODITY_UNKNOWN", "commodity") if self._commodity is None else ("UNIT_UNKNOWN", "unit")
            raise Invalid(code, f"neither the file, its name nor the settings say the {what} of TotalUnit")
        unit = unit._replace(commodity=unit.commodity or self._commodity)
        if unit.commodity is None:
            raise Invalid("COMMODITY_UNKNOWN", f"neither the file's name nor the settings say what {unit.name} is of")
        if self._commodity not in {None, unit.commodity}:
            return OTHER_COMMODITY
        if unit not in self._units:
            self._units.append(unit)
        return self._units.index(unit)

    def quality(self, text: str) -> int:
        letter = text.upper()
        if letter and letter not in self._letters:
            return BAD
        quality = self._letters[letter] if letter else Quality.UNKNOWN
        plain = not letter or letter == quality.name[0] or quality is Quality.MISSING
        if not plain and letter not in self.labels:
            self.labels.append(letter)
        entry = (quality, -1 if plain else self.labels.index(letter))
        if entry not in self.qualities:
            self.qualities.append(entry)
        return self.qualities.index(entry)

    def series(self, meter: Int64s, flow: Int64s, unit: Int64s) -> Int64s:
        """Number of each row's series; rows with a negative part get series 0."""
        codes = (((meter << _FLOW_BITS) + flow) << _UNIT_BITS) + unit
        codes[(meter < 0) | (flow < 0) | (unit < 0)] = BAD
        different, at = distinct(codes)
        numbers = np.fromiter((self._series_number(code) for code in different.tolist()), np.int64, len(different))
        found: Int64s = numbers[at]
        return found

    def _series_number(self, code: int) -> int:
        if code == BAD:
            return 0
        if code not in self._series:
            self._series[code] = len(self._series_codes)
            self._series_codes.append(code)
        return self._series[code]

    def keys(self, series: Int64s, length: Int64s) -> tuple[list[SeriesKey], Int64s]:
        """The series with their lengths, and which of them each row has."""
        different, at = distinct((series << _LENGTH_BITS) + length)
        return [self._key(code) for code in different.tolist()], at

    def _key(self, code: int) -> SeriesKey:
        if code not in self._keys:
            number, length = divmod(code, 1 << _LENGTH_BITS)
            unit = self._units[self._series_codes[number] & ((1 << _UNIT_BITS) - 1)]
            flow = FLOWS[(self._series_codes[number] >> _UNIT_BITS) & ((1 << _FLOW_BITS) - 1)]
            assert unit.commodity is not None
            self._keys[code] = SeriesKey(self.meter_id(number), unit.commodity, flow, unit.kind, unit.name, length)
        return self._keys[code]

    def meter_id(self, series: int) -> str:
        return self._meter_ids[self._series_codes[series] >> (_UNIT_BITS + _FLOW_BITS)]


def distinct(codes: Int64s) -> tuple[Int64s, Int64s]:
    """Different codes and where each row has which; quick when equal ones stand together, as they do in most files."""
    if not len(codes):
        return codes, codes
    heads = np.flatnonzero(np.diff(codes, prepend=~codes[0]))
    if len(heads) * 4 > len(codes):
        different, at = np.unique(codes, return_inverse=True)
        return different, at
    different, of = np.unique(codes[heads], return_inverse=True)
    return different, np.repeat(of, np.diff(heads, append=len(codes)))
