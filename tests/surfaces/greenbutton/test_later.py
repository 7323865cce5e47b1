"""202, then 200 at the same address: asked for, or because a feed is larger than the utility set."""

from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from tests.surfaces.greenbutton.world import FIRST_DAY, GreenButton, valid

ASYNC = {"Prefer": "respond-async"}
CODED = ["identity", "gzip", "zstd"]


@pytest.fixture
def path(greenbutton: GreenButton) -> str:
    return f"/Batch/Subscription/{greenbutton.consent.id}"


def test_a_feed_that_is_asked_for_later_comes_at_the_same_address(
    greenbutton: GreenButton, run_jobs: Callable[[], None], path: str
) -> None:
    at_once = greenbutton.get(path)
    for _ in range(2):
        waiting = greenbutton.get(path, headers=ASYNC)
        assert (waiting.status_code, waiting.content) == (202, b"")
        assert int(waiting.headers["retry-after"]) >= 1
        assert waiting.headers["preference-applied"] == "respond-async"
        assert waiting.headers["cache-control"] == "no-store"
    run_jobs()
    for coded in CODED:
        built = greenbutton.get(path, headers=ASYNC | {"Accept-Encoding": coded})
        assert built.status_code == 200
        assert built.headers["content-type"] == at_once.headers["content-type"]
        assert built.headers.get("content-encoding", "identity") == coded
        body = built.content  # the client of these tests unpacks gzip, and does not know zstd
        body = zstandard.ZstdDecompressor().decompressobj().decompress(body) if coded == "zstd" else body
        assert readings(body) == readings(at_once.content)
    known = greenbutton.get(path, headers=ASYNC | {"If-None-Match": built.headers["etag"], "Accept-Encoding": coded})
    assert (known.status_code, known.content) == (304, b"")


def readings(body: bytes) -> list[str | None]:
    return [each.text for each in valid(body).iter("{*}value")]


@pytest.mark.parametrize("prefer", ["return=minimal, respond-async", "Respond-Async; wait=10", "wait=5,respond-async"])
def test_the_preference_is_read_as_the_standard_writes_it(shared: GreenButton, prefer: str) -> None:
    path = f"/Batch/Subscription/{shared.consent.id}"
    assert shared.get(path, headers={"Prefer": prefer}).status_code == 202


def test_a_feed_above_the_size_comes_later_and_a_window_of_it_at_once(
    greenbutton: GreenButton, run_jobs: Callable[[], None], path: str
) -> None:
    greenbutton.configure(async_above_readings=400)
    waiting = greenbutton.get(path)
    assert (waiting.status_code, waiting.content) == (202, b"")
    assert "preference-applied" not in waiting.headers
    assert (
        greenbutton.get(f"{path}?published-min=2025-11-03T05:00:00Z&published-max=2025-11-04T05:00:00Z").status_code
        == 200
    )
    run_jobs()
    built = greenbutton.get(path)
    assert built.status_code == 200
    assert len(readings(built.content)) == 96 * 4 + 96 + 48


@pytest.mark.parametrize("query", ["?max-results=5", "?start-index=2", "?depth=1"])
def test_a_page_is_always_answered_at_once(shared: GreenButton, query: str) -> None:
    assert shared.get(f"/Batch/Subscription/{shared.consent.id}{query}", headers=ASYNC).status_code == 200


def test_every_form_can_be_built(
    greenbutton: GreenButton, run_jobs: Callable[[], None], failed_jobs: Callable[[], list[str]], path: str
) -> None:
    forms = ["application/atom+xml", "application/json", "text/csv", "application/vnd.apache.parquet"]
    assert {greenbutton.get(path, headers=ASYNC | {"Accept": each}).status_code for each in forms} == {202}
    run_jobs()
    assert failed_jobs() == []
    for accept in forms:
        built = greenbutton.get(path, headers=ASYNC | {"Accept": accept})
        at_once = greenbutton.get(path, headers={"Accept": accept})
        assert built.status_code == 200
        assert built.headers.get("content-disposition") == at_once.headers.get("content-disposition")
        assert built.content == at_once.content


def test_what_is_built_is_its_askers_alone(greenbutton: GreenButton, run_jobs: Callable[[], None], path: str) -> None:
    assert greenbutton.get(path, headers=ASYNC).status_code == 202
    run_jobs()
    stranger = greenbutton.access_token(greenbutton.consented("C2"))
    assert greenbutton.get(path, stranger, headers=ASYNC).status_code == 404
    assert greenbutton.get(path, greenbutton.client_token(), headers=ASYNC).status_code == 403


def test_a_revoked_permission_ends_what_was_built_under_it(
    greenbutton: GreenButton, run_jobs: Callable[[], None], path: str
) -> None:
    token = greenbutton.access_token()
    greenbutton.get(path, token, headers=ASYNC)
    run_jobs()
    given_back = greenbutton.get(
        f"/Authorization/{greenbutton.consent.id}", greenbutton.client_token(), method="DELETE"
    )
    assert given_back.status_code == 200
    assert greenbutton.get(path, token, headers=ASYNC).status_code == 401


def test_a_head_does_not_have_a_feed_sent(greenbutton: GreenButton, run_jobs: Callable[[], None], path: str) -> None:
    waiting = greenbutton.get(path, method="HEAD", headers=ASYNC)
    assert (waiting.status_code, waiting.content) == (202, b"")
    run_jobs()
    assert greenbutton.get(path, method="HEAD", headers=ASYNC).status_code == 200


def test_newer_data_are_in_a_feed_that_is_asked_for_after_the_first_was_kept_long_enough(
    greenbutton: GreenButton, run_jobs: Callable[[], None], path: str
) -> None:
    """A feed that was fetched stays the same for a while, so that a client that asks twice gets one answer."""
    greenbutton.get(path, headers=ASYNC)
    run_jobs()
    first = greenbutton.get(path, headers=ASYNC)
    greenbutton.utility.readings("E1", int(FIRST_DAY.timestamp()), [9.0])
    again = greenbutton.get(path, headers=ASYNC)
    assert (again.status_code, again.headers["etag"]) == (200, first.headers["etag"])
    assert readings(again.content) == readings(first.content)


def test_bulk_feeds_come_at_once_or_later_and_hold_every_customer_of_the_third_party(
    greenbutton: GreenButton, run_jobs: Callable[[], None]
) -> None:
    """Of two customers, one with two meters."""
    greenbutton.consented("C2")
    uid, token = greenbutton.party.third_party.application_id, greenbutton.client_token()
    paths = [f"/Bulk/{uid}", f"/Batch/Bulk/{uid}", f"/Batch/BulkRetailCustomerInfo/{uid}"]
    at_once = [named(greenbutton.get(path, token)) for path in paths]
    assert {greenbutton.get(path, token, headers=ASYNC).status_code for path in paths} == {202}
    run_jobs()
    assert [named(greenbutton.get(path, token, headers=ASYNC)) for path in paths] == at_once
    for usage in at_once[:2]:
        assert (usage.count("UsagePoint"), usage.count("Customer")) == (3, 0)
    assert (at_once[2].count("UsagePoint"), at_once[2].count("Customer")) == (0, 2)


def named(answer: Any) -> list[str]:
    return [str(each.findtext("{*}title")) for each in valid(answer.content).findall("{*}entry")]
