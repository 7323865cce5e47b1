"""powerbox.md 4.7: canonical quality from each format's own marks."""

import pytest

from energygrid.metering.quality import CMEP_LETTERS, ESPI_CODES, NEM_FLAGS, USAGE_CSV_LETTERS, Quality, worst


@pytest.mark.parametrize(
    ("quality", "nem", "cmep", "espi"),
    [
        (Quality.ACTUAL, "A", "RA", {0, 17, 19}),
        (Quality.ESTIMATED, "E", "E", {8, 9, 12}),
        (Quality.SUBSTITUTED, "SF", "", {7, 11}),
        (Quality.SUSPECT, "", "", {10, 18}),
        (Quality.MISSING, "N", "N", set()),
        (Quality.RAW, "", "", {14}),
    ],
)
def test_the_mapping_of_the_contract(quality, nem, cmep, espi):
    assert {letter for letter, mark in NEM_FLAGS.items() if mark is quality} == set(nem)
    assert {letter for letter, mark in USAGE_CSV_LETTERS.items() if mark is quality} == set(nem)
    assert {letter for letter, mark in CMEP_LETTERS.items() if mark is quality} == set(cmep)
    assert {code for code, mark in ESPI_CODES.items() if mark is quality} == espi


def test_of_several_marks_the_worst_counts():
    assert worst([Quality.ACTUAL, Quality.ESTIMATED]) is Quality.ESTIMATED
    assert worst([Quality.ACTUAL, Quality.MISSING, Quality.SUSPECT]) is Quality.MISSING
    assert worst([]) is Quality.UNKNOWN
