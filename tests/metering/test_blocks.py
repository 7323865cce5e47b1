import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from energygrid.metering import blocks
from energygrid.metering.quality import Quality

decimals = st.integers(-(10**8), 10**8).flatmap(lambda n: st.integers(0, 9).map(lambda d: n / 10**d))
values = st.one_of(decimals, st.floats(allow_nan=True, allow_infinity=False), st.just(float("nan")), st.just(-0.0))
shapes = st.tuples(st.integers(1, 4), st.sampled_from([1, 3, 8, 24, 96]))


@given(arrays.arrays(np.float64, shapes, elements=values))
def test_values_come_back_bit_by_bit(matrix: np.ndarray) -> None:
    back = blocks.unpack_values(blocks.pack_values(matrix), matrix.shape[1])
    same = (back.view(np.int64) == matrix.view(np.int64)) | (np.isnan(back) & np.isnan(matrix))
    assert same.all()


@given(arrays.arrays(np.float64, shapes, elements=values))
def test_blocks_one_after_the_other_come_back_as_each_by_itself(matrix: np.ndarray) -> None:
    packed = blocks.pack_values(matrix)
    sizes = np.array([len(each) for each in packed])
    back = blocks.unpack_joined(b"".join(packed), sizes, matrix.shape[1])
    assert back.tobytes() == blocks.unpack_values(packed, matrix.shape[1]).tobytes()


@given(arrays.arrays(np.float64, shapes, elements=values), st.data())
def test_qualities_come_back_where_there_is_a_value(matrix: np.ndarray, data: st.DataObject) -> None:
    quality = data.draw(arrays.arrays(np.uint8, matrix.shape, elements=st.integers(1, 6)))
    back = blocks.unpack_quality(blocks.pack_quality(quality, matrix), matrix)
    present = ~np.isnan(matrix)
    assert (back[present] == quality[present]).all()
    assert (back[~present] == Quality.MISSING).all()


def test_a_day_of_actual_values_stores_no_quality() -> None:
    matrix = np.arange(96.0).reshape(1, 96)
    assert blocks.pack_quality(np.full((1, 96), Quality.ACTUAL, np.uint8), matrix) == [None]


def test_three_decimals_take_fewer_than_two_bytes_a_reading() -> None:
    kwh = np.round(np.random.default_rng(7).gamma(2, 0.08, (100, 96)), 3)
    assert sum(map(len, blocks.pack_values(kwh))) < 100 * 96 * 2


@given(st.lists(st.sampled_from(["", "S14", "E52/79 outage"]), min_size=1, max_size=288))
def test_marks_of_the_source_come_back(marks: list[str]) -> None:
    assert blocks.unpack_marks(blocks.pack_marks(marks), len(marks)) == marks


@pytest.mark.parametrize("intervals", [1, 48])
def test_no_blocks_are_no_values(intervals: int) -> None:
    assert blocks.unpack_values([], intervals).shape == (0, intervals)
    assert blocks.pack_values(np.empty((0, intervals))) == []


def test_a_block_has_as_few_decimals_as_hold_it() -> None:
    """Byte 1 of the form: 0.25 needs two, 1.5 one, 7 none, 123456789 none though three would not hold it."""
    days = np.array([[0.25] * 48, [1.5] * 48, [7.0] * 48, [123_456_789.0] * 48, [0.0625] * 48])
    assert [packed[1] for packed in blocks.pack_values(days)] == [2, 1, 0, 0, 4]
