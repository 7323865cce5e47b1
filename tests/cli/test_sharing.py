"""`third-parties` and `consents`, as the utility's staff type them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.greenbutton.usage.conftest import Utility, utility
from typer.testing import CliRunner, Result

from energygrid.access.consents import consents
from energygrid.access.oauth.messages import OAuthRequest
from energygrid.access.oauth.server import OAuthContext
from energygrid.access.oauth.server import token as token_endpoint
from energygrid.access.settings import AccessSettings
from energygrid.access.third_parties import credentials, third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.token_check import TokenChecker
from energygrid.cli import consents as consents_command
from energygrid.cli import third_parties as third_parties_command
from energygrid.database.engine import libpq_url
from energygrid.errors import Denied, Invalid, NotFound
from energygrid.settings import Settings

__all__ = ["utility"]

APPS = {"third-parties": third_parties_command.app, "consents": consents_command.app}
Run = Callable[..., Result]


@pytest.fixture
def run(utility: Utility, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ENERGYGRID_DATABASE_URL", libpq_url(utility.database.url))
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", bytes(range(32)).hex())

    def command(name: str, *arguments: str) -> Result:
        result = CliRunner().invoke(APPS[name], arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return command


@pytest.fixture
def party(run: Run) -> dict[str, str]:
    options = ("--redirect-uri", "https://app.example/cb", "--scope", "FB=4_16", "--live", "--id", "app", "--json")
    return json.loads(run("third-parties", "add", "--tenant", "detroit", "--name", "App", *options).output)


def enter(run: Run, *more: str) -> dict[str, str]:
    said = ("--tenant", "detroit", "--customer", "C1", "--client", "app", "--evidence", "drawer 7")
    return json.loads(run("consents", "add", *said, "--json", *more).output)


def test_a_third_party_is_added_shown_and_reviewed(run: Run, utility: Utility, party: dict[str, str]):
    assert party["registration_access_token"].startswith("egr_")
    listed = json.loads(run("third-parties", "list", "--tenant", "detroit", "--json").output)
    assert [(row["client_id"], row["status"]) for row in listed] == [("app", "live")]
    shown = run("third-parties", "show", "app", "--json").output
    assert json.loads(shown)["scope"] == "FB=4_16"
    assert party["client_secret"] not in shown
    run("third-parties", "status", "app", "on-hold")
    assert utility.database.read(third_parties.find, "app").status is Status.ON_HOLD
    with pytest.raises(Invalid, match="there is no status"):
        run("third-parties", "status", "app", "alive")
    with pytest.raises(NotFound):
        run("third-parties", "show", "nobody")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--redirect-uri", "http://app.example/cb"),
        ("--scope", "FB=999"),
        ("--description", "x" * 257),
        ("--notify-uri", "https://127.0.0.1/notify"),
        ("--auth-method", "private_key_jwt"),
    ],
)
def test_what_is_wrong_with_a_third_party_is_a_sentence_and_nothing_is_added(run: Run, utility: Utility, wrong):
    with pytest.raises(Invalid):
        run("third-parties", "add", "--tenant", "detroit", "--name", "App", *wrong)
    assert utility.database.read(third_parties.of_tenant) == []


def test_keys_are_rotated_and_printed_once(run: Run, utility: Utility, party: dict[str, str]):
    token = run("third-parties", "rotate-token", "app").output.strip().removeprefix("registration_access_token=")
    found = utility.database.read(credentials.of_registration_token, utility.vault, token)
    assert found.client_id == "app"
    secret = run("third-parties", "rotate-secret", "app").output.strip().removeprefix("client_secret=")
    assert secret not in {"", party["client_secret"]}
    assert run("third-parties", "invite", "--tenant", "detroit").output.startswith("initial_access_token=egi_")


def test_revoking_a_third_party_ends_its_consents(run: Run, utility: Utility, party: dict[str, str]):
    utility.customer([{"meterId": "m1"}])
    given = enter(run)
    run("third-parties", "status", "app", "revoked")
    consent = utility.database.read(consents.find, utility.tenant.id, given["consent"])
    assert not consent.holds(datetime.now(UTC))


def test_a_consent_on_paper_covers_the_meters_that_the_customer_holds(run: Run, utility: Utility, party):
    utility.customer([{"meterId": "m1"}, {"meterId": "m2"}])
    assert enter(run)["meters"] == "m1,m2"
    given = enter(run, "--meters", "m2", "--scope", "FB=4")
    consent = utility.database.read(consents.find, utility.tenant.id, given["consent"])
    assert (consent.meters, consent.scope, consent.evidence) == (("m2",), "FB=4", "drawer 7")
    listed = json.loads(run("consents", "list", "--tenant", "detroit", "--customer", "C1", "--json").output)
    by_client = json.loads(run("consents", "list", "--tenant", "detroit", "--client", "app", "--json").output)
    assert len(listed) == len(by_client) == 2
    run("consents", "revoke", given["consent"], "--tenant", "detroit")
    assert not utility.database.read(consents.find, utility.tenant.id, given["consent"]).holds(datetime.now(UTC))


def test_its_tokens_work_and_refresh_as_any_other(run: Run, utility: Utility, party, settings: Settings):
    utility.customer([{"meterId": "m1"}])
    given = enter(run, "--tokens")
    checker = TokenChecker(utility.database, settings, utility.vault)
    now = datetime.now(UTC)
    claims = checker.check(given["access_token"], now).claims
    found = utility.database.read(consents.of_access_token, utility.tenant.id, "app", claims, now)
    assert found.id == given["consent"]
    form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", given["refresh_token"]),
        ("client_id", "app"),
        ("client_secret", party["client_secret"]),
    ]
    context = OAuthContext(utility.vault, AccessSettings(), checker.authority)
    assert utility.database.write(token_endpoint, context, OAuthRequest(form), now, "-").status == 200


@pytest.mark.parametrize(
    ("more", "error"),
    [
        (("--meters", "m9"), "FOREIGN_METER"),
        (("--customer", "C2"), "NO_METERS"),
        (("--scope", "FB=4_51"), "BAD_SCOPE"),
        (("--scope", "FB=4;PreferredAuthEndDate=1"), "BAD_SCOPE"),
        (("--evidence", " "), "NO_EVIDENCE"),
    ],
)
def test_a_consent_on_paper_that_cannot_be_is_refused(run: Run, utility: Utility, party, more, error: str):
    utility.customer([{"meterId": "m1"}])
    with pytest.raises(Invalid) as caught:
        enter(run, *more)
    assert caught.value.code == error
    assert utility.database.read(consents.of_client, utility.tenant.id, "app") == []


def test_no_consent_is_entered_for_a_third_party_on_hold_or_elsewhere(run: Run, utility: Utility, party):
    utility.customer([{"meterId": "m1"}])
    with pytest.raises(NotFound):
        enter(run, "--client", "nobody")
    run("third-parties", "status", "app", "on-hold")
    with pytest.raises(Denied):
        enter(run)
    with pytest.raises(Invalid, match="--customer or --client"):
        run("consents", "list", "--tenant", "detroit")
