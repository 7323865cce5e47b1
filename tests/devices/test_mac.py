"""Hardware addresses: contract P-3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.devices.mac import parse_mac, show_mac
from energygrid.errors import Invalid


@pytest.mark.parametrize(
    "text",
    ["AA:BB:CC:DD:EE:FF", "aa-bb-cc-dd-ee-ff", "aabb.ccdd.eeff", "AABBCCDDEEFF", "aa.bb.cc.dd.ee.ff", "aAbBcCdDeEfF"],
)
def test_every_way_of_writing_an_address_is_the_same_address(text: str) -> None:
    assert parse_mac(text) == "aabbccddeeff"


def test_an_address_of_64_bits_stays_one() -> None:
    assert show_mac(parse_mac("00-15-5f-00-9a-bc-de-f0")) == "00:15:5F:00:9A:BC:DE:F0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AA:BB:CC:DD:EE",
        "AA:BB:CC:DD:EE:FF:00",
        "AA:BB-CC:DD:EE:FF",
        "AA:BB:CC:DD:EE:FF ",
        "AA::BB:CC:DD:EE:FF",
        "GG:BB:CC:DD:EE:FF",
        "AA:BB:CC:DD:EE:FF\n",
        "٠٠:BB:CC:DD:EE:FF",
        "000000000000",
        "FF:FF:FF:FF:FF:FF:FF:FF",
        "A:ABB:CC:DD:EE:FF",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_mac(text)
    assert refusal.value.code == "INVALID_MAC_ADDRESS"


@given(st.binary(min_size=6, max_size=6) | st.binary(min_size=8, max_size=8), st.sampled_from([":", "-", ".", ""]))
def test_shown_and_read_again_an_address_is_unchanged(raw: bytes, separator: str) -> None:
    if raw in {bytes(len(raw)), b"\xff" * len(raw)}:
        return
    text = raw.hex(separator) if separator else raw.hex()
    assert parse_mac(text) == raw.hex()
    assert parse_mac(show_mac(parse_mac(text))) == raw.hex()
