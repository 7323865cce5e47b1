"""What is too much: requests a second, feeds at once, registration tokens that nobody has."""

import asyncio
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from tests.surfaces.greenbutton.callers import Caller, endless, lent
from tests.surfaces.greenbutton.conftest import mounted
from tests.surfaces.greenbutton.world import RESOURCE, GreenButton, register

from energygrid.access.settings import AccessSettings
from energygrid.services import Services


def test_more_requests_than_agreed_are_429_with_a_time_to_wait(greenbutton: GreenButton) -> None:
    greenbutton.configure(requests_per_second=0.5, burst=3)
    token, path = greenbutton.access_token(), "/LocalTimeParameters"
    answers = [greenbutton.get(path, token) for _ in range(5)]
    assert [each.status_code for each in answers] == [200] * 3 + [429] * 2
    refused = answers[-1]
    assert refused.json()["error"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert refused.headers["cache-control"] == "no-store"


def test_a_third_partys_rate_holds_over_all_its_tokens_and_leaves_others_alone(greenbutton: GreenButton) -> None:
    greenbutton.configure(requests_per_second=0.5, burst=2)
    other = register(greenbutton.services, greenbutton.utility, "Other")
    tokens = [greenbutton.access_token(), greenbutton.access_token(greenbutton.consented("C2"))]
    tokens.append(greenbutton.client_token())
    statuses = [greenbutton.get("/ReadServiceStatus", token).status_code for token in tokens]
    assert statuses == [403, 403, 429]
    assert greenbutton.get("/Authorization", greenbutton.client_token(other)).status_code == 200


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::1"])
def test_registration_tokens_that_nobody_has_lock_the_address_they_come_from(
    greenbutton: GreenButton, address: str
) -> None:
    """Across processes, and whatever token comes then; other addresses are served."""
    path = "/ApplicationInformation"

    def ask(token: str, origin: str) -> Any:
        was = greenbutton.services
        proxied = was.settings.model_copy(update={"trusted_proxies": ["192.0.2.0/24"]})
        with mounted(
            Services(was.database, proxied, was.vault, was.tokens), AccessSettings(address_failures=3)
        ) as http:
            http.app_state = {}
            http._transport.client = ("192.0.2.1", 1)
            return http.get(RESOURCE + path, headers={"Authorization": f"Bearer {token}", "X-Forwarded-For": origin})

    good = greenbutton.registration_token
    assert ask(good, address).status_code == 200
    assert [ask(f"egr_{n}", address).status_code for n in range(4)] == [401, 401, 401, 429]
    locked = ask(good, address)
    assert (locked.status_code, locked.json()["error"]) == (429, "rate_limited")
    assert 890 <= int(locked.headers["retry-after"]) <= 900
    assert ask(good, "203.0.113.10").status_code == 200
    if ":" in address:
        assert ask(good, "2001:db8::2").status_code == 429, "one caller holds the whole /64"


@pytest.mark.parametrize("path", ["/Batch/Subscription/{}", "/Batch/RetailCustomer/{}/UsagePoint"])
def test_feeds_under_way_at_once_are_bounded_until_they_have_ended(
    greenbutton: GreenButton, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """For each authorization by itself; a caller who hangs up makes room."""
    greenbutton.configure(feeds_at_once=2, requests_per_second=10_000, burst=10_000)
    other = replace(greenbutton, consent=greenbutton.consented("C2"))
    endless(monkeypatch, Event())
    address, others = (path.format(each.consent.id) for each in (greenbutton, other))

    async def scenario() -> None:
        lasting = [Caller(greenbutton), Caller(greenbutton)]
        tasks = [asyncio.create_task(each.asking(address)) for each in lasting]
        for each in lasting:
            await each.begun.wait()
        refused, stranger = Caller(greenbutton), Caller(other, hangs_up_after=1)
        await refused.asking(address)
        assert refused.status == 429
        assert int(refused.answered[b"retry-after"]) > 0
        assert b"rate_limited" in refused.pieces[0]
        await stranger.asking(others)
        assert stranger.status == 200
        for each in lasting:
            each.gone.set()
        await asyncio.gather(*tasks)
        again = Caller(greenbutton, hangs_up_after=1)
        await again.asking(address)
        assert again.status == 200

    asyncio.run(asyncio.wait_for(scenario(), 30))
    assert lent(greenbutton) == [0, 0]


def test_a_refused_request_takes_no_place(greenbutton: GreenButton) -> None:
    greenbutton.configure(feeds_at_once=1)
    address = f"/Batch/Subscription/{greenbutton.consent.id}"
    answers = [greenbutton.get(f"{address}{query}").status_code for query in ("?depth=x", "", "/1", "", "?depth=1")]
    assert answers == [400, 200, 404, 200, 200]
