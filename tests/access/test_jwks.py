"""Key sets of outside providers: what is taken from them, how long, and how often they are asked."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from energygrid.access.jwks import KeySet
from energygrid.access.outgoing import Answer
from energygrid.errors import Unavailable

from .conftest import NOW, Idp


def key_set(idp: Idp, **more: Any) -> KeySet:
    return KeySet(idp.issuer, f"{idp.issuer}/keys", idp.fetch, **more)


def after(seconds: float):
    return NOW + timedelta(seconds=seconds)


def public(key: Any, **more: object) -> dict[str, object]:
    return {**key.as_dict(private=False), **more}


EC = ECKey.generate_key("P-256", private=True)


def holding(*entries: object) -> Idp:
    return Idp(body=json.dumps({"keys": list(entries)}).encode())


def test_every_kind_of_public_key_is_taken():
    keys = {
        "ec": EC,
        "rsa": RSAKey.generate_key(2048, private=True),
        "ed": OKPKey.generate_key("Ed25519", private=True),
    }
    found = key_set(holding(*(public(key, kid=kid) for kid, key in keys.items())))
    for kid, key in keys.items():
        taken = found.key(kid, NOW)
        assert taken is not None
        assert taken.thumbprint() == key.thumbprint()


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(
    "entry",
    [
        public(EC, kid="k", use="enc"),
        public(EC, kid="k", key_ops=["sign"]),
        public(EC, kid=7),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k"},
        {"kty": "EC", "kid": "k"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "k"},
        {"kty": "EC", "crv": "P-999", "x": "AA", "y": "AA", "kid": "k"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "k"},
        {"kty": ["EC"], "kid": "k"},
        {"kid": "k"},
        "k",
        None,
        [],
    ],
)
def test_what_is_not_a_usable_key_is_passed_over(entry: object):
    other = ECKey.generate_key("P-256", private=True)
    found = key_set(holding(entry, public(other, kid="good")))
    assert found.key("k", NOW) is None
    assert found.key("good", NOW) is not None


def test_a_private_part_that_a_provider_publishes_is_dropped():
    found = key_set(holding({**EC.as_dict(private=True), "kid": "k"}))
    taken = found.key("k", NOW)
    assert taken is not None
    assert not taken.is_private


def test_a_token_without_kid_is_taken_when_there_is_only_one_key():
    assert key_set(holding(public(EC))).key(None, NOW) is not None
    assert key_set(holding(public(EC, kid="a"))).key(None, NOW) is not None
    assert key_set(holding(public(EC, kid="a"), public(EC, kid="b"))).key(None, NOW) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":' + b"[" * 9_000,
        b'{"keys":[' + b",".join([b"{}"] * 51) + b"]}",
        b" " * 70_000,
        b"\xff",
    ],
)
def test_an_answer_that_is_no_key_set_counts_as_an_outage(body: bytes):
    idp = Idp(body=body)
    found = key_set(idp)
    with pytest.raises(Unavailable):
        found.key("first", NOW)
    assert found.failures == 1
    idp.body = None
    assert found.key("first", after(30)) is not None


@pytest.mark.parametrize("status", [204, 301, 302, 404, 500])
def test_only_200_is_an_answer(status: int):
    with pytest.raises(Unavailable):
        key_set(Idp(status=status)).key("first", NOW)


def test_a_discovery_document_of_another_issuer_is_not_believed():
    idp = Idp()
    found = KeySet("https://other.example", None, idp.fetch)
    with pytest.raises(Unavailable):
        found.key("first", NOW)
    assert idp.fetched == ["https://other.example/.well-known/openid-configuration"]


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [("", 300), ("no-store", 300), ("max-age=600", 600), ("public, max-age=86400", 3600), ("max-age=1", 30)],
)
def test_a_set_is_believed_for_5_minutes_or_up_to_an_hour_if_the_provider_says_so(cache_control: str, seconds: int):
    idp = Idp(headers={"cache-control": cache_control})
    found = key_set(idp, spawn=lambda _: None)
    found.key("first", NOW)
    found.key("first", after(seconds - 1))
    assert len(idp.fetched) == 1
    found.key("first", after(seconds))
    assert len(idp.fetched) == 2


def test_a_set_is_renewed_in_the_background_before_it_ends():
    idp, spawned = Idp(), []
    found = key_set(idp, spawn=spawned.append)
    found.key("first", NOW)
    found.key("first", after(239))
    assert not spawned
    found.key("first", after(241))
    assert (len(spawned), len(idp.fetched)) == (1, 1)
    spawned[0]()
    found.key("first", after(301))
    assert len(idp.fetched) == 2


def test_while_one_thread_fetches_the_others_use_what_there_is():
    idp = Idp()
    entered, leave = threading.Event(), threading.Event()

    def slow(url: str) -> Answer:
        if len(idp.fetched) == 1:
            entered.set()
            assert leave.wait(5)
        return idp.fetch(url)

    found = KeySet(idp.issuer, f"{idp.issuer}/keys", slow)
    found.key("first", NOW)
    with ThreadPoolExecutor(1) as pool:
        fetching = pool.submit(found.key, "first", after(300))
        assert entered.wait(5)
        for _ in range(100):
            assert found.key("first", after(300)) is not None
        leave.set()
        assert fetching.result() is not None
    assert len(idp.fetched) == 2


def test_threads_that_start_together_fetch_once():
    idp = Idp()
    found = key_set(idp)
    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(lambda _: found.key("first", NOW), range(64)))
    assert None not in keys
    assert len(idp.fetched) == 1


def test_a_provider_that_is_down_is_asked_every_30_seconds_at_most():
    idp = Idp(down=True)
    found = key_set(idp)
    for second in range(90):
        with pytest.raises(Unavailable):
            found.key("first", after(second))
    assert len(idp.fetched) == 3


def test_an_unknown_kid_is_not_asked_for_again_for_a_minute():
    idp = Idp()
    found = key_set(idp, spawn=lambda _: None)
    found.key("first", NOW)
    for second in range(31, 91):
        assert found.key("forged", after(second)) is None
    assert len(idp.fetched) == 2
    idp.rotate("forged")
    assert found.key("forged", after(91)) is not None
