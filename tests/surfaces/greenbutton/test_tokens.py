"""Which token opens what: every kind of token on every path and method, with ids of one's own, another's and nobody's.

The table of paths is written from the contract, not from the application: a path that is missing here fails.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute
from tests.surfaces.greenbutton.paths import ABSENT, KINDS, STATUS, WRITTEN, Party
from tests.surfaces.greenbutton.world import HOUR, RESOURCE, GreenButton, bill, detroit, register

from energygrid.access import queries
from energygrid.access.audit import SYSTEM
from energygrid.access.consents import consents
from energygrid.access.third_parties import changing
from energygrid.surfaces.greenbutton.app import ROUTERS

CELLS = [
    (method, path, kind)
    for kind, paths in KINDS.items()
    for path in paths
    for method in (["GET", "HEAD", "PUT", "DELETE"] if path in WRITTEN else ["GET", "HEAD"])
]


@dataclass
class Tokens:
    """The parties, and tokens that open nothing."""

    mine: Party
    sibling: Party
    rival: Party
    far: Party
    dead: dict[str, str]

    def call(self, method: str, address: str, token: str | None) -> Any:
        here = self.mine.greenbutton
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        return here.http.request(method, RESOURCE + address, headers=bearer, content=self.body(method, address))

    def body(self, method: str, address: str) -> bytes | None:
        """What stands there already."""
        if method != "PUT":
            return None
        kind = "R" if address.startswith("/App") else "C"
        path = next(each for each in WRITTEN if address.startswith(each.partition("/{")[0]))
        return bytes(self.mine.greenbutton.get(self.mine.addresses[path], self.mine.tokens[kind]).content)


@pytest.fixture(scope="module")
def tokens(shared: GreenButton) -> Tokens:
    """mine and sibling: one third party, two customers; rival: another third party; far: of another utility."""
    sibling = replace(shared, consent=shared.consented("C2"))
    rivals = register(shared.services, shared.utility, "Rival")
    rival = replace(shared, party=rivals, consent=shared.consented("C1", rivals))
    far = detroit(shared.http, shared.services, key="toledo")
    bill(far.utility, "E1", "A-1")
    return Tokens(Party(shared), Party(sibling), Party(rival), Party(far), dead(shared))


def dead(here: GreenButton) -> dict[str, str]:
    """Tokens that are good no longer, or never were."""
    now, early = datetime.now(UTC), datetime.now(UTC) - timedelta(hours=3)
    ended, held = here.consented("C1"), register(here.services, here.utility, "On hold")
    of_held = {
        "held R": held.registration_token.get_secret_value(),
        "held C": here.client_token(held),
        "held A": here.access_token(here.consented("C1", held)),
    }
    revoked = here.access_token(ended)
    here.database.write(consents.revoke, here.utility.tenant.id, ended.id, who=SYSTEM, now=now)
    here.database.write(changing.withdraw, held.third_party.client_id, who=SYSTEM, now=now)
    expired = {"expired A": here.access_token(at=early), "expired C": here.client_token(at=early)}
    unknown = {"revoked A": revoked, "garbage": "x", "unknown R": f"egr_{ABSENT}"}
    return of_held | expired | taken_back(here) | unknown


def taken_back(here: GreenButton) -> dict[str, str]:
    """Tokens that the process remembers as good ones when they are revoked."""
    now, found = datetime.now(UTC), {"taken back A": here.access_token(), "taken back C": here.client_token()}
    for token, path in zip(
        found.values(), (f"/Subscription/{here.consent.id}/UsagePoint", "/Authorization"), strict=True
    ):
        assert here.get(path, token).status_code == 200
        claims = here.services.tokens.check(token, now).claims
        times = {"expires_at": now + HOUR, "revoked_at": now}
        values = {"tenant_id": here.utility.tenant.id, "jti": claims["jti"]} | times
        here.database.write(queries.insert_revocation, values)
    return found


def test_every_path_of_the_application_has_a_row(shared: GreenButton) -> None:
    document = shared.http.get("/DataCustodian/openapi.json").json()["paths"]
    documented = {(method.upper(), path) for path, operations in document.items() for method in operations}
    routed = {
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    rows = {(method, f"/espi/1_1/resource{path}") for method, path, _ in CELLS if method != "HEAD"}
    assert documented == rows
    assert routed == rows


@pytest.mark.parametrize(("method", "path", "needed"), CELLS, ids=str)
def test_every_cell(tokens: Tokens, method: str, path: str, needed: str) -> None:
    """Each of: no token, a dead one, one of the wrong kind, another's; on one's own id, another's, nobody's."""
    own = tokens.mine.addresses[path]
    other = tokens.sibling if needed == "A" else tokens.rival
    strangers = list(tokens.mine.strangers(path, other))[: 1 if method == "HEAD" else None]
    cells = [(name, own, token, 401) for name, token in (tokens.dead | {"none": None}).items()]
    for kind, token in (tokens.mine.tokens | {"API": tokens.mine.greenbutton.api_token()}).items():
        if kind != needed and (path, kind) != (STATUS, "API"):
            cells += [(kind, each, token, 403) for each in (own, *strangers[:2])]
    for whose in (tokens.sibling, tokens.rival, tokens.far):
        foreign = needed == "A" or whose is not tokens.sibling
        if foreign and "{" in path:
            cells.append(("another's", own, whose.tokens[needed], 404))
    good = tokens.mine.tokens[needed]
    cells += [("own", each, good, 404) for each in strangers]
    if method != "DELETE":
        cells.append(("own", own, good, 200))
    wrong = []
    for name, address, token, status in cells:
        answer = tokens.call(method, address, token)
        if (answer.status_code, answer.headers.get("www-authenticate")) != (status, challenge(name, status)):
            wrong.append((name, address, answer.status_code, status, answer.headers.get("www-authenticate")))
        if method == "HEAD" and answer.content:
            wrong.append((name, address, "a body"))
    assert wrong == []


def challenge(name: str, status: int) -> str | None:
    return {
        401: 'Bearer realm="Green Button"' if name == "none" else 'Bearer error="invalid_token"',
        403: 'Bearer error="insufficient_scope"',
    }.get(status)


@pytest.mark.parametrize("path", WRITTEN)
@pytest.mark.parametrize("whose", ["rival", "far"])
def test_what_is_anothers_stands_after_everybody_tried(tokens: Tokens, path: str, whose: str) -> None:
    """That a refused DELETE is refused."""
    kind = "R" if path.startswith("/App") else "C"
    party: Party = getattr(tokens, whose)
    assert tokens.call("DELETE", party.addresses[path], tokens.mine.tokens[kind]).status_code == 404
    standing = party.greenbutton.atom(party.addresses[path], party.tokens[kind])
    status = "{*}dataCustodianApplicationStatus" if kind == "R" else "{*}status"
    assert standing.findtext(f".//{status}") == ("2" if kind == "R" else "1")


@pytest.mark.parametrize("path", [each for each in KINDS["A"] if "{" in each])
def test_anothers_looks_as_if_it_were_not_there(tokens: Tokens, path: str) -> None:
    foreign, absent = (
        tokens.call("GET", each, tokens.mine.tokens["A"]) for each in [*tokens.mine.strangers(path, tokens.sibling)][:2]
    )
    hidden = ("url", "requestId")
    assert [{k: v for k, v in each.json().items() if k not in hidden} for each in (foreign, absent)] == [
        {
            "error": "not_found",
            "error_description": "there is no such resource, or it is not yours to see",
            "type": "urn:energygrid:greenbutton:NOT_FOUND",
            "title": "Not Found",
            "status": 404,
        }
    ] * 2
    assert foreign.headers.keys() == absent.headers.keys()


@pytest.mark.parametrize(("path", "needed"), [(path, kind) for kind, paths in KINDS.items() for path in paths])
def test_another_method_is_refused_with_those_there_are(tokens: Tokens, path: str, needed: str) -> None:
    answer = tokens.call("PATCH", tokens.mine.addresses[path], tokens.mine.tokens[needed])
    assert answer.status_code == 405
    assert answer.json()["error"] == "method_not_allowed"
    assert answer.headers["allow"] == ("DELETE, GET, HEAD, PUT" if path in WRITTEN else "GET, HEAD")
