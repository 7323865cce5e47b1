"""JSON.stringify(JSON.parse(body)) is the body that was signed (contracts/flexibility.md 1.8)."""

import json
import shutil
import subprocess
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energygrid.messaging.exact import check, decimal_text, dumps

NAMES = st.one_of(st.text(max_size=6), st.integers(0, 2**33).map(str), st.sampled_from(["01", "-1", "__proto__", ""]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=20,
)
AGAIN = """
const bodies = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(bodies.map((body) => JSON.stringify(JSON.parse(body)))));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
@settings(max_examples=10, deadline=None)
@given(st.lists(VALUES, min_size=50, max_size=100))
def test_javascript_writes_what_it_has_read(values: list[object]) -> None:
    bodies = [dumps(value).decode() for value in values]
    answer = subprocess.run(["node", "-e", AGAIN], input=json.dumps(bodies), capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == bodies


@given(VALUES)
def test_nothing_is_lost(value: object) -> None:
    assert json.loads(dumps(value)) == value


def test_members_that_are_array_indices_come_first_as_in_javascript() -> None:
    assert dumps({"b": 1, "10": 2, "2": 3, "01": 4}) == b'{"2":3,"10":2,"b":1,"01":4}'


def test_text_is_utf_8_and_not_escaped() -> None:
    assert dumps({"name": "Zoë \u2028 \x7f"}) == '{"name":"Zoë \u2028 \x7f"}'.encode()


@pytest.mark.parametrize("number", [1.0, 2.25, float("nan"), 2**53, Decimal("2.25")])
def test_a_number_that_may_be_printed_otherwise_is_refused(number: object) -> None:
    with pytest.raises(TypeError, match="send it as text"):
        check({"list": [{"incentive": number}]})


@pytest.mark.parametrize(
    ("value", "text"), [("2.25", "2.25"), ("1E+3", "1000"), ("0.00", "0.00"), ("1E-8", "0.00000001")]
)
def test_a_decimal_has_no_exponent(value: str, text: str) -> None:
    assert decimal_text(Decimal(value)) == text
