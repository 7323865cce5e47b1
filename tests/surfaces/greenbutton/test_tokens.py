"""Which token opens what: every kind of token on every readable path."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.surfaces.greenbutton.conftest import RESOURCE, GreenButton

from energygrid.access.audit import SYSTEM
from energygrid.access.consents import consents

NEEDED = {"registrationToken": "R", "clientToken": "C", "accessToken": "A"}
PLAIN = "/ReadServiceStatus"


def paths(greenbutton: GreenButton) -> list[tuple[str, str]]:
    """(path with the caller's own permission and registration, kind of token) of every GET of the document."""
    own = {"auth_uid": greenbutton.consent.id, "app_uid": greenbutton.party.third_party.application_id}
    document = greenbutton.http.get("/DataCustodian/openapi.json").json()
    found = []
    for path, operations in document["paths"].items():
        if "get" in operations:
            [scheme] = [name for each in operations["get"]["security"] for name in each]
            for name in ("auth_uid", "app_uid"):
                path = path.replace(f"{{{name}}}", own[name])  # noqa: PLW2901
            found.append((path.replace("{", "").replace("}", "").removeprefix("/espi/1_1/resource"), NEEDED[scheme]))
    return found


def test_every_cell_of_token_and_path(greenbutton: GreenButton) -> None:
    ended = greenbutton.consented("C1")
    revoked = greenbutton.access_token(ended)
    greenbutton.database.write(
        consents.revoke, greenbutton.utility.tenant.id, ended.id, who=SYSTEM, now=datetime.now(UTC)
    )
    expired = greenbutton.access_token(at=datetime.now(UTC) - timedelta(hours=3))
    good = {"R": greenbutton.registration_token, "C": greenbutton.client_token(), "A": greenbutton.access_token()}
    bad = {"garbage": "x", "expired": expired, "revoked": revoked, "unknown R": "egr_unknown"}
    wrong: list[object] = []
    cells = 0
    for path, needed in paths(greenbutton):
        without = greenbutton.http.get(RESOURCE + path)
        if (without.status_code, "error=" in without.headers["www-authenticate"]) != (401, False):
            wrong.append(("none", path, without.status_code))
        for name, token in bad.items():
            answer = greenbutton.get(path, token)
            if (answer.status_code, answer.headers.get("www-authenticate")) != (401, 'Bearer error="invalid_token"'):
                wrong.append((name, path, answer.status_code))
        for name, token in (good | {"API": greenbutton.api_token()}).items():
            answer = greenbutton.get(path, token)
            opens = name == needed or (path == PLAIN and name == "API")
            if answer.status_code not in ({200, 404} if opens else {403}) or (path == PLAIN and opens) != (
                path == PLAIN and answer.status_code == 200
            ):
                wrong.append((name, path, answer.status_code))
        cells += 9
    assert wrong == []
    assert cells > 400


@pytest.mark.parametrize(
    "path", ["/Batch/Subscription/{}", "/Subscription/{}/UsagePoint", "/RetailCustomer/{}/Customer"]
)
def test_anothers_permission_looks_as_if_it_were_not_there(greenbutton: GreenButton, path: str) -> None:
    other = greenbutton.consented("C2")
    foreign, absent = (greenbutton.get(path.format(uid)) for uid in (other.id, "1000000000000001"))
    assert foreign.status_code == absent.status_code == 404
    hidden = ("url", "requestId")
    assert {k: v for k, v in foreign.json().items() if k not in hidden} == {
        k: v for k, v in absent.json().items() if k not in hidden
    }
    assert greenbutton.get(path.format(greenbutton.consent.id)).status_code == 200
