"""POST /powerbox/login: a consumer's token becomes a clientId, or one of the guide's numbers (1.5, C5, C6)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from tests.customers.payloads import customer, site
from tests.surfaces.powerbox.conftest import PowerBox

from energygrid.access import issuers
from energygrid.access.audit import SYSTEM
from energygrid.access.outgoing import Answer
from energygrid.access.token_check import TokenChecker
from energygrid.services import Services
from energygrid.settings import Settings

ISSUER = "https://idp.utility.example"


@dataclass(frozen=True)
class Consumer:
    """People of a utility whose own identity provider issues their tokens."""

    powerbox: PowerBox
    key: ECKey

    def sign_in(self, *, expired: bool = False, forged: bool = False, **claims: Any) -> Any:
        now = datetime.now(UTC) - timedelta(hours=2 if expired else 0)
        body = {
            "iss": ISSUER,
            "aud": "energygrid",
            "azp": "utility-app",
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(hours=1)).timestamp()),
        } | claims
        key = ECKey.generate_key("P-256", {"kid": "k1"}) if forged else self.key
        header = {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}
        token = jws.serialize_compact(header, json.dumps(body), key, algorithms=["ES256"])
        return self.powerbox.http.post("/powerbox/login", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def consumer_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "k1"})


@pytest.fixture
def services(database: Any, settings: Settings, vault: Any, consumer_key: ECKey) -> Services:
    def fetch(_: str) -> Answer:
        keys = {"keys": [consumer_key.as_dict(private=False)]}
        return Answer(200, {"content-type": "application/json"}, json.dumps(keys).encode())

    return Services(database, settings, vault, TokenChecker(database, settings, vault, fetch))


@pytest.fixture
def consumer(new_caller: Callable[..., PowerBox], consumer_key: ECKey) -> Consumer:
    utility = new_caller("utility", "production", customers={"client_id_claim": "BPID", "sync_per_second": 1000})
    utility.database.write(
        issuers.trust_issuer,
        utility.tenant,
        issuers.IssuerTerms(
            issuer=ISSUER,
            jwks_uri=f"{ISSUER}/jwks",
            audiences=["energygrid"],
            scopes=["customer.sync"],
            client_claim="azp",
        ),
        who=SYSTEM,
        now=datetime.now(UTC),
    )
    for client, status in (("c-open", "A"), ("c-closed", "C"), ("c-locked", "S")):
        utility.push(customer(client, site(f"p-{client}"), AcctStatus=status))
    return Consumer(utility, consumer_key)


def test_a_consumers_token_becomes_the_client_of_the_configured_claim(consumer: Consumer) -> None:
    answer = consumer.sign_in(sub="somebody", BPID="c-open")
    assert (answer.status_code, answer.json()) == (200, {"clientId": "c-open"})


@pytest.mark.parametrize(
    ("claims", "number", "code"),
    [
        ({"BPID": "nobody"}, 1, "UNKNOWN_CLIENT"),
        ({"sub": "c-open"}, 1, "UNKNOWN_CLIENT"),
        ({"BPID": "c-locked"}, 4, "ACCOUNT_LOCKED"),
        ({"BPID": "c-closed"}, 86, "ACCOUNT_CLOSED"),
    ],
)
def test_c05_and_c06_a_refusal_is_401_with_the_guides_number(
    consumer: Consumer, claims: dict[str, str], number: int, code: str
) -> None:
    answer = consumer.sign_in(**claims)
    assert (answer.status_code, answer.json()) == (401, {"errorCode": number})
    assert answer.headers["PowerBox-Error-Code"] == code


def test_two_warnings_then_the_account_is_locked(consumer: Consumer) -> None:
    numbers = [consumer.sign_in(expired=True, BPID="c-open").json()["errorCode"] for _ in range(4)]
    assert numbers == [2, 3, 4, 4]
    assert consumer.sign_in(BPID="c-open").json() == {"errorCode": 4}, "a good token does not unlock"
    assert consumer.sign_in(expired=True, BPID="nobody").json() == {"errorCode": 1}, "2 to 4 are for customers"


def test_a_good_token_forgives_the_warnings(consumer: Consumer) -> None:
    consumer.sign_in(expired=True, BPID="c-open")
    assert consumer.sign_in(BPID="c-open").status_code == 200
    assert consumer.sign_in(expired=True, BPID="c-open").json() == {"errorCode": 2}


def test_a_forged_token_cannot_lock_anybody_out(consumer: Consumer) -> None:
    for _ in range(5):
        assert consumer.sign_in(forged=True, expired=True, BPID="c-open").json() == {"errorCode": 1}
    assert consumer.sign_in(BPID="c-open").status_code == 200


def test_no_token_is_number_one(powerbox: PowerBox) -> None:
    answer = powerbox.http.post("/powerbox/login")
    assert (answer.status_code, answer.json()) == (401, {"errorCode": 1})


def test_in_a_sandbox_any_token_is_the_tutorials_customer(powerbox: PowerBox) -> None:
    assert powerbox.call("POST", "/powerbox/login").json() == {"clientId": "123456789"}
