"""Scope strings of ESPI (contracts/greenbutton.md 3.5): read as written, echoed letter by letter, only narrowed."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energygrid.access.consents.espi_scope import (
    DATA_BLOCKS,
    FUNCTION_BLOCKS,
    PARTS,
    initial_terms,
    is_offered,
    is_within,
    narrow,
    parse_scope,
)
from energygrid.errors import Invalid

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DETROIT = ZoneInfo("America/Detroit")
UTILITY_API = (
    "FB=1_3_4_5_8_13_14_18_19_34_35_39_51;IntervalDuration=900_3600;BlockDuration=daily;HistoryLength=34128000;"
    "SubscriptionFrequency=daily;AccountCollection=2"
)
EDDIE = "FB=4;IntervalDuration=900;AdditionalScope=historical-2024-05-09_ongoing-2024-05-23_sou-default_noedit"
PGE = "FB=4_16;AdditionalScope=Usage_Billing_Basic_Account_ProgramEnrollment;dataCustodianId=PGE"
GBA_BULK = "FB=1_3_4_5_10_11_35;BlockDuration=daily;BR=1"
PUBLISHED = [UTILITY_API, EDDIE, PGE, GBA_BULK, "FB=34_35", "FB=36_40", "FB=44", "FB=4_16_51;HistoryLength=63072000"]

_LETTERS = st.sampled_from("abcXYZ0189.-_=:/")
_WORDS = st.text(_LETTERS, min_size=1, max_size=12)
_OTHER = st.builds("{}={}".format, _WORDS.map(lambda word: "x" + word.replace("=", "")), _WORDS)
_KNOWN = st.sampled_from(
    [
        "IntervalDuration=900_3600",
        "IntervalDuration=Monthly",
        "BlockDuration=daily",
        "HistoryLength=63072000",
        "HistoryLength=13",
        "SubscriptionFrequency=billingPeriod",
        "AccountCollection=2",
        "BR=12",
        "PreferredAuthEndDate=0",
        "AdditionalScope=historical-2024-05-09_ongoing-none_meters-all",
    ]
)


@st.composite
def scopes(draw: st.DrawFn) -> str:
    blocks = draw(st.lists(st.sampled_from(sorted(FUNCTION_BLOCKS)), min_size=1, max_size=8))
    terms = draw(st.lists(_KNOWN | _OTHER, max_size=5, unique_by=lambda term: term.partition("=")[0]))
    return ";".join(["FB=" + "_".join(map(str, blocks)), *terms])


@given(scopes())
def test_what_was_read_is_echoed_letter_by_letter(text: str):
    assert parse_scope(text).text == text
    assert narrow(text, []) == text


@given(scopes(), st.sets(st.sampled_from(sorted(PARTS))))
def test_narrowing_takes_away_what_it_is_told_to_and_nothing_else(text: str, without: set[str]):
    before = parse_scope(text)
    gone = frozenset().union(*(PARTS[part] for part in without))
    if gone & before.blocks and not before.blocks & DATA_BLOCKS - gone:
        with pytest.raises(Invalid, match="nothing would be shared"):
            narrow(text, without)
        return
    after = parse_scope(narrow(text, without))
    assert after.blocks == before.blocks - gone
    assert after.terms == before.terms
    assert is_within(after, before)
    assert set(after.parts) == set(before.parts) - without
    assert is_within(before, after) == (after.blocks == before.blocks)


@given(scopes(), scopes())
def test_narrowing_is_an_order(one: str, other: str):
    first, second = parse_scope(one), parse_scope(other)
    assert is_within(first, first)
    if is_within(first, second) and is_within(second, first):
        assert (first.blocks, first.terms) == (second.blocks, second.terms)


@given(scopes(), st.lists(scopes(), min_size=1, max_size=3))
def test_offered_is_what_all_of_the_offered_scopes_open_together(text: str, offered: list[str]):
    scope = parse_scope(text)
    opened = frozenset().union(*(parse_scope(each).blocks for each in offered))
    assert is_offered(scope, offered) == (scope.blocks & DATA_BLOCKS <= opened)
    assert is_offered(scope, [*offered, text])


@given(st.text(max_size=80))
def test_any_text_is_a_scope_or_is_refused(text: str):
    with suppress(Invalid):
        assert parse_scope(text).text == text


@given(scopes())
def test_terms_of_every_scope_can_be_counted(text: str):
    terms = initial_terms(parse_scope(text), NOW, DETROIT)
    for each in (terms.data_from, terms.data_until, terms.expires_at):
        assert each is None or each.tzinfo is not None


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_examples_are_read(text: str):
    assert parse_scope(text).text == text


def test_the_parameters_of_the_model():
    scope = parse_scope(UTILITY_API)
    assert scope.interval_durations == {900, 3600}
    assert (scope.block_duration, scope.subscription_frequency) == ("daily", "daily")
    assert (scope.account_collection, scope.bulk_id) == (2, None)
    assert scope.parts == ("intervals", "account")
    assert parse_scope(GBA_BULK).bulk_id == "1"
    assert parse_scope("FB=4;IntervalDuration=900_Monthly").monthly


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FB",
        "FB=",
        "FB=_4",
        "FB=4_",
        "FB=04",
        "FB=0",
        "FB=4,5",
        "FB=4 _5",
        "FB=20",
        "FB=45",
        "FB=72",
        "FB=999",
        "fb=4",
        "IntervalDuration=900;FB=4",
        "FB=4;IntervalDuration=900, 3600",
        "FB=4;IntervalDuration=PT15M",
        "FB=4;HistoryLength=ever",
        "FB=4;HistoryLength=-1",
        "FB=4;HistoryLength=１３",
        "FB=4;PreferredAuthEndDate=99999999999999",
        "FB=4;AdditionalScope=historical-yesterday",
        "FB=4;AdditionalScope=ongoing-9999-12-31",
        "FB=4;HistoryLength=12;HistoryLength=13",
        'FB=4;x="',
        "FB=4;x=\x00",
        "FB=4;" + "x" * 1100,
    ],
)
def test_what_is_no_scope_is_refused(text: str):
    with pytest.raises(Invalid) as caught:
        parse_scope(text)
    assert caught.value.code == "BAD_SCOPE"


@pytest.mark.parametrize(
    "text", ["FB=4;", "FB=4;foo", "FB=4;foo=bar;baz=1_2;=x", "FB=4;HistoryLength=12;HistoryLength=12"]
)
def test_unknown_parameters_stay_and_have_no_effect(text: str):
    assert parse_scope(text).text == text
    assert parse_scope(text).parts == ("intervals",)


def test_history_is_seconds_or_below_a_thousand_months():
    assert parse_scope("FB=4;HistoryLength=63072000").history_from(NOW) == NOW - timedelta(days=730)
    assert parse_scope("FB=4;HistoryLength=13").history_from(NOW) == datetime(2025, 2, 1, 12, tzinfo=UTC)
    end_of_may = datetime(2026, 5, 31, tzinfo=UTC)
    assert parse_scope("FB=4;HistoryLength=3").history_from(end_of_may) == datetime(2026, 2, 28, tzinfo=UTC)
    assert parse_scope("FB=4;HistoryLength=99999999999").history_from(NOW) is None
    assert parse_scope("FB=4").history_from(NOW) is None


def test_dates_are_local_days_and_the_last_one_is_in():
    terms = initial_terms(parse_scope(EDDIE), NOW, DETROIT)
    assert terms.data_from == datetime(2024, 5, 9, 4, tzinfo=UTC)
    assert terms.data_until == datetime(2024, 5, 24, 4, tzinfo=UTC)


def test_none_means_nothing_old_or_nothing_new():
    scope = parse_scope("FB=4;HistoryLength=13;AdditionalScope=historical-none_ongoing-none")
    assert (scope.history_from(NOW), scope.until(NOW)) == (NOW, NOW)


def test_an_authorisation_ends_in_three_years_unless_it_says_otherwise():
    assert initial_terms(parse_scope("FB=4"), NOW).expires_at == datetime(2029, 3, 1, 12, tzinfo=UTC)
    leap = datetime(2028, 2, 29, tzinfo=UTC)
    assert parse_scope("FB=4").ends(leap) == datetime(2031, 2, 28, tzinfo=UTC)
    assert parse_scope("FB=4;PreferredAuthEndDate=0").ends(NOW) is None
    assert parse_scope("FB=4;PreferredAuthEndDate=1798761600").ends(NOW) == datetime(2027, 1, 1, tzinfo=UTC)


def test_wishes_about_the_page():
    scope = parse_scope("FB=4;AdditionalScope=meters-all_auth-test-test_residential_noedit")
    assert scope.additional == ("meters-all", "auth-test-test_residential", "noedit")
    assert (scope.all_meters, scope.as_asked_only, scope.test_login) == (True, True, "test_residential")
    assert parse_scope(PGE).additional == ("Usage", "Billing", "Basic", "Account", "ProgramEnrollment")
