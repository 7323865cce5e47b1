"""The payload's rules (contract 1.4 and P-1)."""

import contextlib
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.customers.payloads import customer, meter, site

from energygrid.customers.payload import CustomerPayload, check_payload, decode_json
from energygrid.customers.settings import CustomerSettings
from energygrid.errors import Invalid

SETTINGS = CustomerSettings()


def check(payload: Any, **settings: Any) -> CustomerPayload:
    return check_payload(payload, CustomerSettings(**settings)).payload


def refusal(payload: Any, **settings: Any) -> Invalid:
    with pytest.raises(Invalid) as caught:
        check(payload, **settings)
    return caught.value


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"customerSites": []}, "clientId"),
        ({"clientId": "c1"}, "customerSites"),
        ({"clientId": None, "customerSites": []}, "clientId"),
        (customer("c1", {"externalSiteId": "p1", "meters": []}), "customerSites[0].postalCode"),
        (customer("c1", {"externalSiteId": "p1", "postalCode": "48067"}), "customerSites[0].meters"),
        (customer("c1", site("p1", meter("m1", isAMI=None))), "customerSites[0].meters[0].isAMI"),
        (customer("c1", site("p1", meter("m1", rateCode=None))), "customerSites[0].meters[0].rateCode"),
    ],
)
def test_the_launch_minimum_is_required(payload: Any, field: str) -> None:
    error = refusal(payload)
    assert error.code == "MISSING_FIELD"
    assert error.facts["errors"] == [{"field": field, "message": "is missing"}]


@pytest.mark.parametrize(
    "payload",
    [
        [],
        "text",
        None,
        customer("has space", site("p1")),
        customer("", site("p1")),
        customer("x" * 65, site("p1")),
        customer("c1", site("p1"), firstName="tab\there"),
        customer("c1", site("p1"), firstName="nul\0"),
        customer("c1", site("p1"), firstName="x" * 101),
        customer("c1", site("p1"), AcctStatus="ABCDE"),
        {"clientId": "c1", "customerSites": "none"},
        customer("c1", site("p1", postalCode="4806")),
        customer("c1", site("p1", postalCode="K1A0B1")),
        customer("c1", site("p1", postalCode="٤٨٠٦٧")),
        customer("c1", site("p1", state="Michigan")),
        customer("c1", site("p1", isPrimary="true")),
        customer("c1", site("p1", meter("m1", isAMI=1))),
        customer("c1", site("p1", meter("m1", meterType="electric"))),
        customer("c1", site("p1", meter("m1", unitOfMeasure="kwh"))),
        customer("c1", site("p1", meter("m1", billingCycleId=-1))),
        customer("c1", site("p1", meter("m1", billingCycleId=1.5))),
        customer("c1", site("p1", meter("m1", billingCycleId=True))),
        customer("c1", site("p1", meter("m1", PANID=[]))),
        customer("c1", site("p1"), site("p1")),
        customer("c1", site("p1", meter("m1")), site("p2", meter("m1"))),
        customer("c1", *[site(f"p{n}") for n in range(101)]),
    ],
)
def test_a_payload_that_breaks_a_rule_is_refused(payload: Any) -> None:
    assert refusal(payload).code == "INVALID_PAYLOAD"


@pytest.mark.parametrize("postal_code", ["48067", "48067-1234", "K1A 0B1"])
def test_us_and_canadian_postal_codes_by_default(postal_code: str) -> None:
    assert check(customer("c1", site("p1", postalCode=postal_code)))


def test_postal_codes_of_other_countries_by_tenant_pattern() -> None:
    pattern = {"postal_code_pattern": "[0-9]{4}", "state_pattern": "[A-Z]{2,3}"}
    assert check(customer("c1", site("p1", postalCode="2000", state="NSW")), **pattern)
    assert refusal(customer("c1", site("p1", postalCode="48067")), **pattern).code == "INVALID_PAYLOAD"


def test_all_complaints_come_at_once() -> None:
    error = refusal(customer("c 1", site("p1", meter("m1", isAMI="yes", billingCycleId={}))))
    assert [complaint["field"] for complaint in error.facts["errors"]] == [
        "clientId",
        "customerSites[0].meters[0].isAMI",
        "customerSites[0].meters[0].billingCycleId",
    ]


def test_unknown_fields_are_ignored_but_counted_at_every_level() -> None:
    payload = customer("c1", site("p1", meter("m1", colour="red"), floor=3), vip=True, **{"": 1})
    checked = check_payload(payload, CustomerSettings(warn_below_full=False))
    assert sorted(notice.field for notice in checked.notices) == [
        "",
        "customerSites[0].floor",
        "customerSites[0].meters[0].colour",
        "vip",
    ]
    assert checked.payload == check(customer("c1", site("p1", meter("m1"))))


def test_c18_below_the_full_profile_is_warned_of() -> None:
    def fields(payload: Any) -> list[str]:
        return [notice.field for notice in check_payload(payload, SETTINGS).notices]

    bare = customer("c1", site("p1", meter("m1")))
    where = "customerSites[0]."
    assert fields(bare) == [where + name for name in ("address1", "city", "state", "meters[0].isPrimary")]
    full = customer("c1", site("p1", meter("m1", isPrimary=True), address1="1 A St.", city="Troy", state="MI"))
    assert fields(full) == []


def test_an_account_on_two_premises_and_two_primary_sites_are_odd() -> None:
    payload = customer(
        "c1",
        site("p1", meter("m1", accountNumber="A"), isPrimary=True),
        site("p2", meter("m2", accountNumber="A"), isPrimary=True),
    )
    notices = check_payload(payload, CustomerSettings(warn_below_full=False)).notices
    assert [notice.code for notice in notices] == ["SEVERAL_PRIMARY", "ACCOUNT_ON_SEVERAL_PREMISES"]


def test_the_only_site_is_primary_unless_the_cis_says_otherwise() -> None:
    primary = [
        check(customer("c1", site("p1"))),
        check(customer("c1", site("p1", isPrimary=False))),
        check(customer("c1", site("p1"), site("p2"))),
    ]
    assert [payload.customer_sites[0].is_primary for payload in primary] == [True, False, None]


def test_the_number_one_point_zero_is_the_integer_one() -> None:
    assert check(customer("c1", site("p1", meter("m1", billingCycleId=1.0)))) == check(
        customer("c1", site("p1", meter("m1", billingCycleId=1)))
    )


def test_null_and_empty_text_say_nothing() -> None:
    said = customer("c1", site("p1", meter("m1", accountNumber="")), firstName="", lastName=None, AcctStatus="")
    assert check(said).canonical() == check(customer("c1", site("p1", meter("m1")), AcctStatus=None)).canonical()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=100))
def test_texts_that_are_canonically_equal_are_the_same_text(name: str) -> None:
    decomposed = unicodedata.normalize("NFD", name)
    if len(decomposed) <= 100:
        assert check(customer("c1", site("p1"), firstName=decomposed)) == check(
            customer("c1", site("p1"), firstName=unicodedata.normalize("NFC", name))
        )


@given(st.randoms())
def test_the_order_of_keys_does_not_change_the_canonical_form(shuffler: Any) -> None:
    payload = customer("c1", site("p1", meter("m1", accountNumber="A"), city="Troy"), firstName="Ann")

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            shuffler.shuffle(items)
            return {key: shuffled(below) for key, below in items}
        return [shuffled(below) for below in value] if isinstance(value, list) else value

    assert check(shuffled(payload)).canonical() == check(payload).canonical()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a":"\\ud800"}', b"[" * 100_000, b'{"a":1e400}', b"NaN"])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        decode_json(body)
    assert caught.value.code == "MALFORMED_JSON"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
)
FIELDS = ["clientId", "customerSites", "AcctStatus", "externalSiteId", "meters", "meterId", "postalCode", "PANID"]


@given(st.recursive(JSON, lambda below: st.lists(below) | st.dictionaries(st.sampled_from(FIELDS), below)))
def test_any_json_value_is_taken_or_refused_never_a_fault(value: Any) -> None:
    with contextlib.suppress(Invalid):
        check(value)
