"""The check of access tokens and its published test set: contracts/powerbox.md 5.5."""

import hmac
import json
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import Connection

from energygrid.access import clients, issuers, queries, tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Caller, Tenant
from energygrid.access.issuers import IssuerTerms
from energygrid.access.settings import AccessSettings
from energygrid.access.token_check import TokenChecker
from energygrid.access.tokens import issue
from energygrid.access.trusted_hops import thumbprint
from energygrid.access.vault import Vault
from energygrid.errors import Conflict, DomainError, Invalid, NotFound, Unauthenticated, Unavailable
from energygrid.settings import Settings

from .conftest import NOW, Idp, OneTransaction, epoch, segment

AUDIENCE = "https://energygrid.example"


def terms(**changed: Any) -> IssuerTerms:
    fixed = {"issuer": "https://idp.example", "audiences": [AUDIENCE], "scopes": ["customer.sync", "hardware.bind"]}
    return IssuerTerms.model_validate({**fixed, "jwks_uri": "https://idp.example/keys", **changed})


def trust(db: Connection, tenant: Tenant, **changed: Any) -> None:
    issuers.trust_issuer(db, tenant, terms(**changed), who=SYSTEM, now=NOW)


@pytest.fixture
def checker(inside: OneTransaction, settings: Settings, vault: Vault, idp: Idp) -> TokenChecker:
    return TokenChecker(inside, settings, vault, idp.fetch, spawn=lambda work: work())


@pytest.fixture
def trusting(db: Connection, tenant: Tenant, checker: TokenChecker) -> TokenChecker:
    """A checker whose tenant trusts the provider under the usual terms."""
    trust(db, tenant)
    return checker


def refused(checker: TokenChecker, token: str, now: datetime = NOW, **more: Any) -> str:
    """The code with which the token is refused."""
    with pytest.raises(Unauthenticated) as caught:
        checker.check(token, now, **more)
    assert len(token) < 20 or token not in f"{caught.value} {caught.value.facts}"
    return caught.value.code


# --- tokens of an outside provider ---------------------------------------------------------------------------------


def test_a_good_token_names_tenant_client_and_scopes(trusting: TokenChecker, tenant: Tenant, idp: Idp):
    caller = trusting.check(idp.token(), NOW)
    assert (caller.tenant, caller.client_id, caller.subject) == (tenant, "billing-system", "service-account")
    assert caller.scopes == {"customer.sync", "hardware.bind"}, "openid is not among the terms"
    assert caller.issuer == "https://idp.example"
    assert caller.may("customer.sync")
    assert not caller.may("usage.ingest")


def test_scopes_may_come_as_a_list_under_another_name(db, tenant, checker: TokenChecker, idp: Idp):
    trust(db, tenant, scope_claim="scp", client_claim="appid", token_types=["JWT"])
    token = idp.token(header={"typ": "JWT"}, scp=["customer.sync"], appid="app-1")
    caller = checker.check(token, NOW)
    assert (caller.client_id, caller.scopes) == ("app-1", {"customer.sync"})


def test_the_type_may_carry_its_prefix_and_capitals(trusting: TokenChecker, idp: Idp):
    assert trusting.check(idp.token(header={"typ": "application/AT+JWT"}), NOW)


def test_unknown_header_parameters_are_ignored(trusting: TokenChecker, idp: Idp):
    assert trusting.check(idp.token(header={"x5t": "abc", "org": "utility"}), NOW)


CLAIMS_REFUSED = {
    "no audience": {"aud": None},
    "another audience": {"aud": "https://other.example"},
    "a number as audience": {"aud": 7},
    "a number in the audience": {"aud": [AUDIENCE, 7]},
    "an audience that only starts alike": {"aud": AUDIENCE + "/"},
    "another issuer": {"iss": "https://idp.example.evil"},
    "the issuer with a slash": {"iss": "https://idp.example/"},
    "no issuer": {"iss": None},
    "a list as issuer": {"iss": ["https://idp.example"]},
    "no expiry": {"exp": None},
    "an expiry in words": {"exp": "tomorrow"},
    "an expiry that is true": {"exp": True},
    "an endless expiry": {"exp": 1e300},
    "a negative expiry": {"exp": -1},
    "not valid yet": {"nbf": epoch(NOW + timedelta(seconds=61))},
    "issued in the future": {"iat": epoch(NOW + timedelta(seconds=61))},
    "an id token, by its nonce": {"nonce": "n-0S6_WzA2Mj"},
    "an id token, by its at_hash": {"at_hash": "MTIzNDU2Nzg5"},
    "no client": {"client_id": None},
    "a number as client": {"client_id": 7},
    "a client with control characters": {"client_id": "a\0b"},
    "a client of 200 characters": {"client_id": "c" * 200},
    "a number as subject": {"sub": 7},
    "scopes that are a number": {"scope": 7},
    "scopes that hold a number": {"scope": ["customer.sync", 7]},
    "a binding to a DPoP key": {"cnf": {"jkt": "abc"}},
    "a binding that is a word": {"cnf": "x5t"},
}


@pytest.mark.parametrize("claims", CLAIMS_REFUSED.values(), ids=CLAIMS_REFUSED)
def test_a_token_with_a_wrong_claim_is_refused(trusting: TokenChecker, idp: Idp, claims: dict[str, object]):
    assert refused(trusting, idp.token(**claims)) == "INVALID_TOKEN"


def test_a_token_counts_until_its_expiry_and_the_leeway(trusting: TokenChecker, idp: Idp):
    token = idp.token()
    assert trusting.check(token, NOW + timedelta(hours=1, seconds=59))
    assert refused(trusting, token, NOW + timedelta(hours=1, seconds=60)) == "EXPIRED_TOKEN"


def test_an_old_token_is_refused_however_late_it_expires(trusting: TokenChecker, idp: Idp):
    token = idp.token(exp=epoch(NOW + timedelta(days=3650)))
    assert trusting.check(token, NOW + timedelta(hours=23))
    assert refused(trusting, token, NOW + timedelta(hours=25)) == "EXPIRED_TOKEN"
    assert refused(trusting, idp.token(iat=None, jti="two")) == "EXPIRED_TOKEN"


def test_an_expired_token_with_a_bad_signature_is_invalid_not_expired(trusting: TokenChecker, idp: Idp):
    head, claims, _ = idp.token(exp=epoch(NOW - timedelta(days=1))).split(".")
    assert refused(trusting, f"{head}.{claims}.{segment(b'x' * 64)}") == "INVALID_TOKEN"


HEADERS_REFUSED = {
    "no type": {"typ": None},
    "the type of an ID token": {"typ": "JWT"},
    "a number as type": {"typ": 7},
    "a key in the header": {"jwk": {"kty": "EC"}},
    "an address of keys": {"jku": "https://evil.example/keys"},
    "an address of certificates": {"x5u": "https://evil.example/cert"},
    "certificates": {"x5c": ["MIIB"]},
    "an unknown key": {"kid": "other"},
    "a number as key": {"kid": 7},
    "a kid that is SQL": {"kid": "first' OR '1'='1"},
    "a kid that is a path": {"kid": "../../../../dev/null"},
    "a kid with NUL": {"kid": "first\0"},
    "an empty kid": {"kid": ""},
}


@pytest.mark.parametrize("header", HEADERS_REFUSED.values(), ids=HEADERS_REFUSED)
def test_a_token_with_a_wrong_header_is_refused(trusting: TokenChecker, idp: Idp, header: dict[str, object]):
    assert refused(trusting, idp.token(header=header)) == "INVALID_TOKEN"


def test_an_unknown_critical_extension_is_refused(trusting: TokenChecker, idp: Idp):
    head = segment({"alg": "ES256", "typ": "at+jwt", "kid": "first", "crit": ["exp"], "exp": 1})
    assert refused(trusting, f"{head}.{segment(idp.claims())}.{segment(b'x' * 64)}") == "INVALID_TOKEN"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, 7, ["ES256"]])
def test_a_token_without_a_signature_is_refused(trusting: TokenChecker, idp: Idp, algorithm: object):
    head = segment({"alg": algorithm, "typ": "at+jwt", "kid": "first"})
    for signature in ("", segment(b"x" * 64), idp.token().split(".")[2]):
        assert refused(trusting, f"{head}.{segment(idp.claims())}.{signature}") == "INVALID_TOKEN"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_no_shared_secret(trusting: TokenChecker, idp: Idp, algorithm: str):
    public = idp.keys["first"]
    for secret in (public.as_pem(private=False), json.dumps(public.as_dict(private=False)).encode()):
        signed = f"{segment({'alg': algorithm, 'typ': 'at+jwt', 'kid': 'first'})}.{segment(idp.claims())}"
        signature = hmac.digest(secret, signed.encode(), f"sha{algorithm[2:]}")
        assert refused(trusting, f"{signed}.{segment(signature)}") == "INVALID_TOKEN"


def test_a_key_of_another_kind_than_the_algorithm_is_refused(trusting: TokenChecker, idp: Idp):
    """The set holds an RSA key; a token that calls itself ES256 names it, and the other way round."""
    idp.keys = {"rsa": RSAKey.generate_key(2048, private=True), "ec": ECKey.generate_key("P-256", private=True)}
    body = segment(idp.claims())
    for algorithm, kid in (("ES256", "rsa"), ("RS256", "ec")):
        token = f"{segment({'alg': algorithm, 'typ': 'at+jwt', 'kid': kid})}.{body}.{segment(b'x' * 64)}"
        assert refused(trusting, token) == "INVALID_TOKEN"


def test_an_asymmetric_algorithm_outside_the_terms_is_refused(db, tenant, checker: TokenChecker, idp: Idp):
    trust(db, tenant, algorithms=["RS256"])
    assert refused(checker, idp.token()) == "INVALID_TOKEN"


def test_a_signature_by_another_key_is_refused(trusting: TokenChecker, idp: Idp):
    forger = Idp()
    assert refused(trusting, forger.token()) == "INVALID_TOKEN"


def test_a_changed_claim_breaks_the_signature(trusting: TokenChecker, idp: Idp):
    head, _, signature = idp.token().split(".")
    assert refused(trusting, f"{head}.{segment(idp.claims(sub='admin'))}.{signature}") == "INVALID_TOKEN"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"iss":"https://idp.example","iss":"https://idp.example"}',
        b'{"iss":"https://idp.example","a":{"b":1,"b":2}}',
        b'{"iss":"https://idp.example","exp":NaN}',
        b'{"iss":"https://idp.example","exp":Infinity}',
        b'{"iss":"https://idp.example","exp":1e999}',
        b'["https://idp.example"]',
        b'"https://idp.example"',
        b"null",
        b"",
        b"{",
        b"[" * 3_000,
        b'{"a":' * 1_000,
        b'{"iss":"\xff"}',
        b'{"exp":' + b"9" * 4_999 + b"}",
    ],
)
def test_claims_are_one_strict_json_object(trusting: TokenChecker, idp: Idp, payload: bytes):
    assert refused(trusting, idp.token(payload=payload)) == "INVALID_TOKEN"


def test_a_name_that_stands_twice_in_the_header_is_refused(trusting: TokenChecker, idp: Idp):
    head = segment(b'{"alg":"ES256","typ":"at+jwt","kid":"first","kid":"first"}')
    assert refused(trusting, f"{head}.{segment(idp.claims())}.{segment(b'x' * 64)}") == "INVALID_TOKEN"


@pytest.mark.parametrize(
    "token",
    [
        "", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d.e", "ä.b.c", "\0.\0.\0", "eyJhbGciOiJFUzI1NiJ9..", "  ",
        "eyJhbGciOiJFUzI1NiJ9.e30=.x", "e30.e30.e30", "A" * 9_000, "A.A.A", "\ud800.a.b", "A" * 1_000_000,
    ],
)  # fmt: skip
def test_what_is_not_a_token_is_refused(trusting: TokenChecker, token: str):
    assert refused(trusting, token or "-") == "INVALID_TOKEN"


def test_a_token_of_a_megabyte_is_refused_unread(trusting: TokenChecker, idp: Idp):
    token = idp.token(pad="x" * 1_000_000)
    began = time.perf_counter()
    assert refused(trusting, token) == "INVALID_TOKEN"
    assert trusting.check_cached(token, NOW) is None
    assert time.perf_counter() - began < 0.05


def test_only_listed_clients_may_call_when_there_is_a_list(db, tenant, checker: TokenChecker, idp: Idp):
    trust(db, tenant, clients=["cis-prod"])
    assert refused(checker, idp.token()) == "INVALID_TOKEN"
    assert checker.check(idp.token(client_id="cis-prod"), NOW)
    assert checker.check(idp.token(azp="cis-prod"), NOW)


def test_a_distrusted_issuer_is_refused(db, tenant, trusting: TokenChecker, idp: Idp):
    issuers.distrust_issuer(db, tenant, idp.issuer, who=SYSTEM, now=NOW)
    assert refused(trusting, idp.token()) == "INVALID_TOKEN"
    with pytest.raises(NotFound):
        issuers.distrust_issuer(db, tenant, idp.issuer, who=SYSTEM, now=NOW)


def test_two_tenants_of_one_provider_are_told_apart_by_audience(db, tenant, trusting: TokenChecker, idp: Idp):
    other = tenants.create_tenant(db, "otherton", environment="production", now=NOW)
    with pytest.raises(Conflict) as caught:
        trust(db, other)
    assert caught.value.code == "AUDIENCE_TAKEN"
    trust(db, other, audiences=["https://otherton.example"], sandbox=True)
    caller = trusting.check(idp.token(aud=["x", "https://otherton.example"]), NOW)
    assert (caller.tenant.key, caller.sandbox) == ("otherton", True)
    assert trusting.check(idp.token(), NOW).tenant == tenant


@pytest.mark.parametrize(
    "bad",
    [
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"issuer": "idp"},
        {"jwks_uri": "file:///x"},
        {"scopes": ["x"]},
    ],
)
def test_terms_that_would_open_a_hole_are_not_accepted(db, tenant, bad: dict[str, Any]):
    with pytest.raises(Invalid):
        trust(db, tenant, **bad)


# --- our own tokens --------------------------------------------------------------------------------------------------


@pytest.fixture
def own(db: Connection, vault: Vault, tenant: Tenant) -> str:
    client, _ = clients.create_client(
        db, vault, tenant, name="CIS", scopes=["customer.sync", "hardware.bind"], client_id="cis", who=SYSTEM, now=NOW
    )
    return client.client_id


def own_token(checker: TokenChecker, **changed: Any) -> str:
    facts: dict[str, Any] = {
        "tenant": "testville",
        "client_id": "cis",
        "subject": "cis",
        "scopes": ["customer.sync"],
        "lifetime": timedelta(hours=1),
        "now": NOW,
    }
    return issue(checker.authority, **(facts | changed)).token


def test_our_own_token_is_believed(checker: TokenChecker, own: str, tenant: Tenant):
    caller = checker.check(own_token(checker), NOW)
    assert (caller.tenant, caller.client_id, caller.scopes) == (tenant, own, {"customer.sync"})
    assert caller.issuer == checker.authority.issuer


def test_a_scope_the_client_lost_is_lost_in_its_tokens(db, checker: TokenChecker, own: str):
    token = own_token(checker, scopes=["customer.sync", "hardware.bind"])
    clients.set_scopes(db, own, ["hardware.bind"], who=SYSTEM, now=NOW)
    assert checker.check(token, NOW).scopes == {"hardware.bind"}


def test_an_own_token_expires(checker: TokenChecker, own: str):
    assert refused(checker, own_token(checker), NOW + timedelta(hours=1, seconds=5)) == "EXPIRED_TOKEN"


def test_an_own_token_for_another_tenant_than_its_clients_is_refused(db, checker: TokenChecker, own: str):
    tenants.create_tenant(db, "otherton", environment="sandbox", now=NOW)
    assert refused(checker, own_token(checker, tenant="otherton")) == "INVALID_TOKEN"


def test_a_disabled_client_a_revoked_token_and_an_old_token_are_refused(db, checker: TokenChecker, own: str):
    first, second = own_token(checker), own_token(checker)
    jti = checker.check(first, NOW).claims["jti"]
    tenant_id = checker.check(first, NOW).tenant.id
    queries.insert_revocation(
        db, {"tenant_id": tenant_id, "jti": jti, "expires_at": NOW + timedelta(hours=1), "revoked_at": NOW}
    )
    checker.forget()
    assert refused(checker, first) == "INVALID_TOKEN"
    assert checker.check(second, NOW)

    clients.revoke_tokens(db, own, who=SYSTEM, now=NOW)
    checker.forget()
    assert refused(checker, second) == "INVALID_TOKEN"
    third = own_token(checker, now=NOW + timedelta(seconds=1))
    assert checker.check(third, NOW + timedelta(seconds=1))

    clients.disable_client(db, own, who=SYSTEM, now=NOW)
    checker.forget()
    assert refused(checker, third, NOW + timedelta(seconds=1)) == "INVALID_TOKEN"


def test_where_no_tokens_are_issued_our_own_issuer_is_a_stranger(
    inside: OneTransaction, settings: Settings, vault: Vault, checker: TokenChecker, own: str
):
    token = own_token(checker)
    elsewhere = TokenChecker(inside, settings.model_copy(update={"embedded_idp": False}), vault)
    assert refused(elsewhere, token) == "INVALID_TOKEN"


def test_a_session_token_of_another_audience_is_refused(checker: TokenChecker, own: str):
    """C20: session tokens have an issuer and an audience of their own and never open PowerBox."""
    kid, key = checker.authority.keys.signing(NOW)
    idp = Idp(issuer=checker.authority.issuer)
    idp.keys = {kid: key}
    good = {"aud": checker.authority.audience, "client_id": own, "tenant": "testville"}
    assert checker.check(idp.token(**good), NOW)
    assert refused(checker, idp.token(**{**good, "aud": "https://energygrid.example/usage/v1"})) == "INVALID_TOKEN"
    assert refused(checker, idp.token(**good, header={"typ": "JWT"})) == "INVALID_TOKEN"
    assert refused(checker, idp.token(**{**good, "iss": checker.authority.issuer + "/session"})) == "INVALID_TOKEN"


# --- certificates ----------------------------------------------------------------------------------------------------


def test_a_bound_token_needs_its_certificate_every_time(checker: TokenChecker, own: str):
    certificate = b"the certificate in DER"
    token = own_token(checker, thumbprint=thumbprint(certificate))
    assert refused(checker, token) == "INVALID_TOKEN"
    assert refused(checker, token, client_certificate=b"another") == "INVALID_TOKEN"
    assert checker.check(token, NOW, certificate)
    assert checker.check_cached(token, NOW, certificate)
    assert checker.check_cached(token, NOW) is None
    assert checker.check_cached(token, NOW, b"another") is None
    assert refused(checker, token) == "INVALID_TOKEN"


def test_a_tenant_may_take_bound_tokens_only(db, checker: TokenChecker, own: str, tenant: Tenant):
    """C13."""
    tenants.set_section(db, tenant, "access", {"require_certificate": True}, who=SYSTEM, now=NOW)
    assert refused(checker, own_token(checker), client_certificate=b"some") == "INVALID_TOKEN"
    assert checker.check(own_token(checker, thumbprint=thumbprint(b"some")), NOW, b"some")


# --- the memory of checked tokens ------------------------------------------------------------------------------------


def test_a_checked_token_is_remembered_for_a_minute_and_not_past_its_expiry(
    trusting: TokenChecker, inside: OneTransaction, idp: Idp
):
    token = idp.token(exp=epoch(NOW + timedelta(seconds=90)))
    assert trusting.check_cached(token, NOW) is None
    trusting.check(token, NOW)
    reads = inside.reads
    assert trusting.check_cached(token, NOW + timedelta(seconds=59))
    trusting.check(token, NOW + timedelta(seconds=59))
    assert inside.reads == reads
    assert trusting.check_cached(token, NOW + timedelta(seconds=60)) is None
    trusting.check(token, NOW + timedelta(seconds=60))
    assert trusting.check_cached(token, NOW + timedelta(seconds=89))
    assert trusting.check_cached(token, NOW + timedelta(seconds=90)) is None


def test_the_memory_is_bounded_and_forgets_what_was_used_longest_ago(db, tenant, inside, settings, vault, idp: Idp):
    trust(db, tenant)
    rules = AccessSettings(token_cache_size=3)
    checker = TokenChecker(inside, settings, vault, idp.fetch, rules=rules)
    tokens = [idp.token(jti=str(number)) for number in range(4)]
    for token in tokens[:3]:
        checker.check(token, NOW)
    checker.check_cached(tokens[0], NOW)
    checker.check(tokens[3], NOW)
    assert [checker.check_cached(token, NOW) is not None for token in tokens] == [True, False, True, True]


def test_no_memory_when_it_is_switched_off(db, tenant, inside, settings, vault, idp: Idp):
    trust(db, tenant)
    checker = TokenChecker(inside, settings, vault, idp.fetch, rules=AccessSettings(token_cache_s=0))
    checker.check(idp.token(), NOW)
    assert checker.check_cached(idp.token(), NOW) is None


def test_a_remembered_token_costs_less_than_15_microseconds(trusting: TokenChecker, idp: Idp):
    token = idp.token()
    caller: Caller | None = trusting.check(token, NOW)
    best = min(_timed(trusting, token) for _ in range(20))
    assert caller == trusting.check_cached(token, NOW)
    assert best < 15e-6


def _timed(checker: TokenChecker, token: str) -> float:
    began = time.perf_counter()
    for _ in range(500):
        checker.check_cached(token, NOW)
    return (time.perf_counter() - began) / 500


# --- the provider's keys ---------------------------------------------------------------------------------------------


def test_a_provider_that_never_answered_is_unavailable_not_a_bad_token(trusting: TokenChecker, idp: Idp):
    idp.down = True
    with pytest.raises(Unavailable) as caught:
        trusting.check(idp.token(), NOW)
    assert caught.value.code == "IDP_UNAVAILABLE"


def test_a_rotated_key_is_accepted_within_30_seconds(trusting: TokenChecker, idp: Idp):
    trusting.check(idp.token(), NOW)
    idp.rotate("second")
    token = idp.token()
    outcomes = []
    for second in range(0, 31, 5):
        try:
            trusting.check(token, NOW + timedelta(seconds=second))
            outcomes.append(True)
        except DomainError:
            outcomes.append(False)
    assert outcomes[-1]


def test_a_removed_key_is_refused_after_the_lifetime_of_the_set(trusting: TokenChecker, idp: Idp):
    old = [idp.token(jti=str(number)) for number in range(2)]
    trusting.check(old[0], NOW)
    idp.rotate("second")
    assert trusting.check(old[1], NOW + timedelta(seconds=200))
    assert refused(trusting, old[1], NOW + timedelta(seconds=300)) == "INVALID_TOKEN"


def test_the_provider_may_be_down_for_24_hours(db, tenant, checker: TokenChecker, idp: Idp):
    trust(db, tenant, max_age_s=604_800)
    forever = epoch(NOW + timedelta(days=6))
    checker.check(idp.token(exp=forever), NOW)
    idp.down = True
    for hour in range(25):
        at = NOW + timedelta(hours=hour)
        assert checker.check(idp.token(exp=forever, jti=str(hour)), at)
    with pytest.raises(Unavailable):
        checker.check(idp.token(exp=forever, jti="late"), NOW + timedelta(hours=24, minutes=1))
    idp.down = False
    assert checker.check(idp.token(exp=forever, jti="again"), NOW + timedelta(hours=24, minutes=2))


def test_1000_forged_key_ids_cost_at_most_2_fetches_a_minute(trusting: TokenChecker, idp: Idp):
    trusting.check(idp.token(), NOW)
    idp.fetched.clear()
    for number in range(1_000):
        at = NOW + timedelta(seconds=number * 0.06)
        assert refused(trusting, idp.token(header={"kid": f"forged-{number}"}), at) == "INVALID_TOKEN"
    assert len(idp.fetched) <= 2
    (keys,) = trusting.key_sets().values()
    assert keys.unknown_kids == 1_000


def test_a_good_token_passes_in_the_middle_of_a_flood(trusting: TokenChecker, idp: Idp):
    for number in range(100):
        refused(trusting, idp.token(header={"kid": f"forged-{number}"}))
        assert trusting.check(idp.token(jti=str(number)), NOW)


def test_keys_are_found_by_discovery(db, tenant, checker: TokenChecker, idp: Idp):
    trust(db, tenant, jwks_uri=None)
    assert checker.check(idp.token(), NOW)
    assert idp.fetched == ["https://idp.example/.well-known/openid-configuration", "https://idp.example/keys"]
