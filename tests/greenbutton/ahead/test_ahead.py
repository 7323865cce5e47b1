"""Feeds that are built ahead: the same bytes, in bounded time, and never past a consent."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, func, select
from tests.greenbutton.bulk.conftest import NOW, SPAN, Sharing, sharing, utility
from tests.greenbutton.usage.conftest import BASE, at

from energygrid.errors import NotFound, Unavailable
from energygrid.greenbutton import ahead, notices
from energygrid.greenbutton.ahead import Building, Built, Recipe, building, queries, requests
from energygrid.greenbutton.ahead.tables import built_feed, built_feed_chunk
from energygrid.greenbutton.bulk import Part
from energygrid.greenbutton.entitlement import entitlement_of
from energygrid.greenbutton.feed import subscription_feed
from energygrid.greenbutton.twins import WRITERS
from energygrid.greenbutton.usage.context import Context

__all__ = ["sharing", "utility"]

KEEP = timedelta(hours=48)


@dataclass
class Desk:
    """Asks and builds by hand; `told` are the addresses of feeds that became ready."""

    sharing: Sharing
    now: datetime = NOW
    told: list[str] = field(default_factory=list)

    @property
    def tenant_id(self) -> int:
        return self.sharing.utility.tenant.id

    def recipe(self, customer: int = 1, **kwargs: Any) -> Recipe:
        consent = self.sharing.consents[customer]
        href = f"{BASE}/Batch/Subscription/{consent.id}"
        return Recipe(
            **{"kind": "subscription", "name": consent.id, "client_id": consent.client_id, "href": href} | kwargs
        )

    def bulk(self, *consents: int) -> Recipe:
        parts = [Part(self.sharing.consents[each].id, *SPAN) for each in consents]
        name = self.sharing.bulk(*parts)
        return self.recipe(kind="bulk", name=name, href=f"{BASE}/Bulk/{name}")

    def ask(self, recipe: Recipe, version: str = "1") -> Built | Building | None:
        utility = self.sharing.utility
        return utility.database.write(
            ahead.request, utility.tenant, recipe, version=version, readings=1000, now=self.now
        )

    def build(self, feed_id: str) -> bool:
        def ready(_: Connection, recipe: Recipe) -> None:
            self.told.append(recipe.href)

        utility = self.sharing.utility
        return ahead.build(
            utility.database, utility.vault, BASE, lambda: self.now, self.tenant_id, feed_id, keep=KEEP, ready=ready
        )

    def built(self, recipe: Recipe) -> Built:
        asked = self.ask(recipe)
        assert isinstance(asked, Building)
        assert self.build(asked.id)
        ready = self.ask(recipe)
        assert isinstance(ready, Built)
        return ready

    def read(self, feed: Built | Building, **kwargs: Any) -> bytes:
        utility = self.sharing.utility
        return b"".join(ahead.read(utility.database, utility.vault, self.tenant_id, feed.id, **kwargs))

    def at_once(self, recipe: Recipe) -> bytes:
        """What the address answers without being built ahead."""
        utility, consent = self.sharing.utility, self.sharing.consents[1]
        entitlement = utility.database.read(entitlement_of, utility.vault, utility.tenant, consent)
        context = Context(utility.vault, BASE, entitlement, self.now)
        feed = subscription_feed(utility.database, context, recipe.window, href=recipe.href)
        return b"".join(WRITERS[recipe.representation](feed))

    def chunks(self) -> int:
        query = select(func.count()).select_from(built_feed_chunk)
        return int(self.sharing.utility.database.read(lambda db: db.execute(query).scalar_one()))

    def revoke(self, customer: int, *, hook: bool = True) -> None:
        self.sharing.now = self.now
        revoked = self.sharing.revoke(self.sharing.consents[customer])
        if hook:
            utility = self.sharing.utility
            utility.database.write(notices.consent_changed, utility.tenant, revoked, self.now)


@pytest.fixture
def desk(sharing: Sharing) -> Desk:
    return Desk(sharing)


@pytest.mark.parametrize("representation", ["xml", "json", "csv"])
def test_what_was_built_are_the_bytes_of_an_answer_at_once(desk: Desk, representation: str) -> None:
    recipe = desk.recipe(representation=representation)
    built = desk.built(recipe)
    assert desk.read(built, gzipped=False) == desk.at_once(recipe)
    assert zlib.decompress(desk.read(built), 31) == desk.at_once(recipe)
    assert desk.told == [recipe.href]


def test_a_feed_of_many_pieces_comes_back_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "PIECE", 4096)
    noise = np.random.default_rng(7).uniform(0, 9, 9600).round(3)
    desk.sharing.utility.readings("M1", at(2025, 6, 1), list(noise))
    recipe = desk.recipe()
    built = desk.built(recipe)
    assert desk.chunks() > 1
    assert desk.read(built, gzipped=False) == desk.at_once(recipe)


def test_the_same_question_while_it_is_built_waits_for_the_same_feed(desk: Desk) -> None:
    first, second = desk.ask(desk.recipe()), desk.ask(desk.recipe(), version="newer")
    assert isinstance(first, Building)
    assert isinstance(second, Building)
    assert first.id == second.id
    assert 1 <= first.retry_after <= 120
    other = desk.ask(desk.recipe(href=f"{BASE}/Batch/Subscription/1?published-min=2026-01-01T00:00:00Z"))
    assert isinstance(other, Building)
    assert other.id != first.id


def test_the_wait_is_what_is_left_at_the_speed_so_far(desk: Desk) -> None:
    asked = desk.ask(desk.recipe())
    assert isinstance(asked, Building)
    database = desk.sharing.utility.database
    attempt = database.write(queries.begin, desk.tenant_id, asked.id, desk.now)
    assert attempt is not None
    expected = database.read(queries.by_id, desk.tenant_id, asked.id)
    assert expected is not None
    database.write(queries.add_chunk, desk.tenant_id, asked.id, attempt, 0, b"", expected.expected // 4)
    desk.now += timedelta(seconds=10)
    assert desk.ask(desk.recipe()) == Building(asked.id, 30, 25)


def test_a_feed_that_waited_for_its_client_is_served_though_data_have_come_since(desk: Desk) -> None:
    """Else, under data that come all the time, it would be 202 for ever."""
    built = desk.built(desk.recipe())
    desk.now += timedelta(minutes=14)
    assert desk.ask(desk.recipe(), version="newer") == built
    desk.now += timedelta(minutes=2)
    assert isinstance(desk.ask(desk.recipe(), version="newer"), Building)


def test_what_nobody_has_changed_is_served_until_its_time_is_over(desk: Desk) -> None:
    built = desk.built(desk.recipe())
    desk.now += timedelta(hours=47)
    assert desk.ask(desk.recipe()) == built
    desk.now += timedelta(hours=1)
    assert isinstance(desk.ask(desk.recipe()), Building)


def test_a_build_that_nobody_works_on_ends_in_an_answer_at_once(desk: Desk) -> None:
    assert isinstance(desk.ask(desk.recipe()), Building)
    desk.now += requests.LONGEST_BUILD
    assert desk.ask(desk.recipe()) is None
    desk.now += requests.AGAIN_AFTER
    assert isinstance(desk.ask(desk.recipe()), Building)


def test_a_build_that_fails_ends_in_an_answer_at_once(desk: Desk) -> None:
    asked = desk.ask(desk.recipe())
    assert isinstance(asked, Building)
    desk.sharing.utility.database.write(ahead.fail, desk.tenant_id, asked.id, desk.now)
    assert desk.ask(desk.recipe()) is None


def test_a_build_that_takes_too_long_stops(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "PIECE", 64)
    asked = desk.ask(desk.recipe())
    assert isinstance(asked, Building)
    desk.now += requests.LONGEST_BUILD + timedelta(seconds=1)
    assert not desk.build(asked.id)
    assert desk.chunks() == 0
    assert desk.ask(desk.recipe()) is None


def test_a_build_that_was_cut_off_begins_anew_and_the_one_thought_dead_writes_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "PIECE", 64)
    recipe = desk.recipe()
    asked = desk.ask(recipe)
    assert isinstance(asked, Building)
    real = building.render
    taken_over: list[bool] = []

    def slow(*args: Any) -> tuple[Iterator[bytes], datetime | None]:
        parts, ends = real(*args)

        def paused() -> Iterator[bytes]:
            for number, part in enumerate(parts):
                yield part
                if number == 0 and not taken_over:
                    taken_over.append(True)
                    assert desk.build(asked.id)

        return paused(), ends

    monkeypatch.setattr(building, "render", slow)
    assert not desk.build(asked.id)
    ready = desk.ask(recipe)
    assert isinstance(ready, Built)
    assert desk.read(ready, gzipped=False) == desk.at_once(recipe)
    assert desk.told == [recipe.href]


def test_bytes_are_sealed_in_the_database(desk: Desk) -> None:
    built = desk.built(desk.recipe())
    query = select(built_feed_chunk.c.body)
    bodies = desk.sharing.utility.database.read(lambda db: db.execute(query).scalars().all())
    packed = desk.read(built)
    assert packed[:2] == b"\x1f\x8b"
    assert all(packed[:64] not in bytes(body) for body in bodies)


@pytest.mark.parametrize("hook", [True, False])
def test_what_was_built_under_a_revoked_consent_is_not_served(desk: Desk, hook: bool) -> None:
    built = desk.built(desk.recipe(1))
    desk.now += timedelta(seconds=5)
    desk.revoke(1, hook=hook)
    if hook:
        assert desk.chunks() == 0
        with pytest.raises(Unavailable, match="not there"):
            desk.read(built)
    else:
        assert desk.ask(desk.recipe(1)) is None
        assert desk.chunks() == 0


@pytest.mark.parametrize("hook", [True, False])
def test_a_bulk_feed_with_a_revoked_consent_in_it_is_not_served_and_its_client_waits_no_longer(
    desk: Desk, hook: bool
) -> None:
    recipe = desk.bulk(1, 2)
    desk.built(recipe)
    desk.now += timedelta(seconds=5)
    desk.revoke(1, hook=hook)
    assert desk.ask(recipe) is None
    assert desk.chunks() == 0


def test_a_consent_revoked_during_the_build_stops_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "PIECE", 64)
    recipe = desk.bulk(1, 2)
    asked = desk.ask(recipe)
    assert isinstance(asked, Building)
    real = building.render

    def revoked(*args: Any) -> tuple[Iterator[bytes], datetime | None]:
        parts, ends = real(*args)

        def paused() -> Iterator[bytes]:
            for number, part in enumerate(parts):
                yield part
                if number == 0:
                    desk.now += timedelta(seconds=1)
                    desk.revoke(2)

        return paused(), ends

    monkeypatch.setattr(building, "render", revoked)
    assert not desk.build(asked.id)
    assert desk.chunks() == 0
    assert desk.told == []
    assert desk.ask(recipe) is None


def test_another_customers_revocation_leaves_a_feed_alone(desk: Desk) -> None:
    built = desk.built(desk.recipe(1))
    desk.now += timedelta(seconds=5)
    desk.revoke(2)
    assert desk.ask(desk.recipe(1)) == built


def test_a_new_consent_leaves_a_bulk_feed_alone(desk: Desk) -> None:
    recipe = desk.bulk(1, 2)
    built = desk.built(recipe)
    fresh = desk.sharing.give(0)
    utility = desk.sharing.utility
    utility.database.write(notices.consent_changed, utility.tenant, fresh, desk.now)
    assert desk.ask(recipe) == built


def test_a_built_feed_ends_with_the_first_of_its_consents(desk: Desk) -> None:
    brief = desk.sharing.give(0, expires_at=NOW + timedelta(hours=3))
    name = desk.sharing.bulk(Part(brief.id, *SPAN), Part(desk.sharing.consents[1].id, *SPAN))
    recipe = desk.recipe(kind="bulk", name=name, href=f"{BASE}/Bulk/{name}")
    desk.built(recipe)
    desk.now += timedelta(hours=3)
    assert isinstance(desk.ask(recipe), Building)


def test_a_recipe_of_a_consent_that_has_ended_or_is_anothers_builds_nothing(desk: Desk) -> None:
    asked = desk.ask(desk.recipe(1))
    assert isinstance(asked, Building)
    desk.revoke(1, hook=False)
    with pytest.raises(NotFound):
        desk.build(asked.id)
    foreign = desk.ask(replace(desk.recipe(2), client_id="tp-somebody-else"))
    assert isinstance(foreign, Building)
    with pytest.raises(NotFound):
        desk.build(foreign.id)


def test_housekeeping_drops_what_has_expired_and_what_no_consent_holds_up(desk: Desk) -> None:
    desk.built(desk.recipe(1))
    desk.built(desk.recipe(2))
    database = desk.sharing.utility.database
    assert database.write(ahead.drop, desk.now) == 0
    desk.revoke(1, hook=False)
    assert database.write(ahead.drop, desk.now) == 1
    assert database.write(ahead.drop, desk.now + KEEP) == 1
    assert desk.chunks() == 0


def test_progress_is_told_and_says_nothing_of_what_there_is_not(desk: Desk) -> None:
    utility = desk.sharing.utility
    asked = desk.ask(desk.recipe())
    assert isinstance(asked, Building)
    assert isinstance(utility.database.read(ahead.progress, utility.tenant, asked.id, desk.now), Building)
    desk.build(asked.id)
    assert isinstance(utility.database.read(ahead.progress, utility.tenant, asked.id, desk.now), Built)
    assert utility.database.read(ahead.progress, utility.tenant, "bf_nothing", desk.now) is None
    assert utility.database.read(lambda db: db.execute(select(built_feed.c.attempt)).scalar_one()) == 1
