"""The commands of identity, as an operator types them."""

import json

import pytest
from typer.testing import CliRunner, Result

from energygrid.access import clients, users
from energygrid.access.caller import Tenant
from energygrid.access.vault import Vault
from energygrid.cli import audit, keys, tenants
from energygrid.cli import clients as clients_command
from energygrid.cli import users as users_command
from energygrid.database.engine import Database, libpq_url
from energygrid.errors import Conflict, Invalid, NotFound

APPS = {
    "audit": audit.app,
    "clients": clients_command.app,
    "keys": keys.app,
    "tenants": tenants.app,
    "users": users_command.app,
}
KEY = bytes(range(32))


@pytest.fixture
def run(database: Database, committed_tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ENERGYGRID_DATABASE_URL", libpq_url(database.url))
    monkeypatch.setenv("ENERGYGRID_SECRET_KEY", KEY.hex())

    def command(name: str, *arguments: str, stdin: str = "") -> Result:
        result = CliRunner().invoke(APPS[name], arguments, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return command


def test_tenants_are_made_listed_and_set(run):
    run("tenants", "create", "otherton", "--environment", "staging", "--name", "Otherton Power")
    run("tenants", "set", "otherton", "cis", '{"mode": "push"}')
    run("tenants", "set", "otherton", "customers", "-", stdin='{"pii_level": "none"}')
    assert json.loads(run("tenants", "show", "otherton").output) == {
        "cis": {"mode": "push"},
        "customers": {"pii_level": "none"},
    }
    listed = json.loads(run("tenants", "list", "--json").output)
    assert [(row["key"], row["environment"]) for row in listed] == [("otherton", "staging"), ("testville", "sandbox")]
    with pytest.raises(Invalid):
        run("tenants", "set", "otherton", "cis", "[]")
    with pytest.raises(NotFound):
        run("tenants", "show", "nowhere")


@pytest.mark.parametrize(
    ("section", "values", "named"),
    [
        ("custmers", "{}", "no section custmers"),
        ("customers", '{"pii": "none"}', "no setting pii"),
        ("customers", '{"sync_per_second": "fast"}', "sync_per_second"),
        ("metering", '{"zone": "Mars/Olympus"}', "zone"),
    ],
)
def test_settings_that_nobody_would_understand_are_refused(run, section: str, values: str, named: str):
    with pytest.raises(Invalid, match=named):
        run("tenants", "set", "testville", section, values)
    assert json.loads(run("tenants", "show", "testville").output) == {}


def test_a_utilitys_own_powerbox_is_configured_with_a_secret_nobody_sees(run):
    where = {"base_url": "https://cis.example/v1", "token_url": "https://cis.example/token", "client_id": "eg"}
    run("tenants", "cis", "testville", json.dumps(where), stdin="s3cret-of-ours\n")
    shown = run("tenants", "show", "testville").output
    stored = json.loads(shown)["cis"]
    assert (stored["mode"], stored["base_url"]) == ("powerbox_pull", "https://cis.example/v1")
    assert stored["client_secret_sealed"] == "***"
    assert "s3cret-of-ours" not in shown
    head_end = {"http": {"url": "https://head.example", "token": "s3cret-of-ours", "event_secret": ""}}
    run("tenants", "set", "testville", "devices", "-", stdin=json.dumps(head_end))
    stored = json.loads(run("tenants", "show", "testville").output)["devices"]["http"]
    assert stored == {"url": "https://head.example", "token": "***", "event_secret": ""}
    with pytest.raises(Invalid, match="standard input"):
        run("tenants", "cis", "testville", json.dumps(where), stdin="")
    with pytest.raises(Invalid, match="auth"):
        run("tenants", "cis", "testville", '{"auth": "smoke signals"}', stdin="x")


def test_issuers_are_trusted_and_distrusted(run):
    terms = {"issuer": "https://idp.example", "audiences": ["eg"], "scopes": ["customer.sync"]}
    run("tenants", "trust", "testville", json.dumps(terms))
    (listed,) = json.loads(run("tenants", "issuers", "--json").output)
    assert (listed["issuer"], listed["disabled_at"]) == ("https://idp.example", None)
    run("tenants", "distrust", "testville", "https://idp.example")
    (listed,) = json.loads(run("tenants", "issuers", "--json").output)
    assert listed["disabled_at"] is not None
    with pytest.raises(Invalid):
        run("tenants", "trust", "testville", json.dumps(terms | {"algorithm": "none"}))


def test_a_client_is_made_with_a_secret_that_is_printed_once(run, database: Database):
    made = run("clients", "create", "--tenant", "testville", "--name", "CIS", "--scope", "customer.sync")
    facts = dict(line.split("=", 1) for line in made.output.split())
    client = database.read(clients.find_client, facts["client_id"])
    assert client is not None
    assert client.knows(Vault(KEY), facts["client_secret"])

    second = run("clients", "add-secret", client.client_id).output.strip().removeprefix("client_secret=")
    run("clients", "drop-secret", client.client_id)
    run("clients", "set-scopes", client.client_id, "--scope", "hardware.bind", "--scope", "usage.ingest")
    run("clients", "revoke-tokens", client.client_id)
    run("clients", "disable", client.client_id)
    listed = run("clients", "list", "--tenant", "testville", "--json").output
    (row,) = json.loads(listed)
    assert (row["secrets"], row["scopes"]) == (1, ["hardware.bind", "usage.ingest"])
    assert row["disabled_at"] is not None
    assert facts["client_secret"] not in listed
    assert second not in listed
    run("clients", "enable", client.client_id)
    assert run("clients", "list").exit_code == 0


def test_a_password_comes_from_standard_input_and_never_from_an_argument(run, database, committed_tenant):
    run("users", "create", "ann", "--tenant", "testville", "--role", "staff", stdin="correct horse battery\n")
    before = database.read(users.find_user, committed_tenant, "ann")
    run("users", "set-password", "ann", "--tenant", "testville", stdin="staple battery horse\n")
    after = database.read(users.find_user, committed_tenant, "ann")
    assert before.password_hash != after.password_hash
    run("users", "disable", "ann", "--tenant", "testville")
    run("users", "enable", "ann", "--tenant", "testville")
    listed = run("users", "list", "--json").output
    assert json.loads(listed)[0]["username"] == "ann"
    assert "argon2" not in listed
    with pytest.raises(Invalid):
        run("users", "create", "bob", "--tenant", "testville", stdin="short\n")
    assert run("users", "create", "bob", "--tenant", "testville", "--password", "x").exit_code == 2


def test_keys_are_listed_rotated_and_withdrawn(run):
    assert json.loads(run("keys", "list", "--json").output) == []
    run("keys", "rotate")
    states = {row["kid"]: row["state"] for row in json.loads(run("keys", "list", "--json").output)}
    assert sorted(states.values()) == ["next", "next", "signing"]
    with pytest.raises(Conflict):
        run("keys", "rotate")
    signing = next(kid for kid, state in states.items() if state == "signing")
    run("keys", "withdraw", signing)
    after = {row["kid"]: row["state"] for row in json.loads(run("keys", "list", "--json").output)}
    assert after[signing] == "withdrawn"
    assert "signing" in after.values()


def test_the_audit_log_is_listed_by_tenant_actor_subject_and_time(run):
    run("clients", "create", "--tenant", "testville", "--name", "CIS", "--scope", "customer.sync", "--id", "cis")
    everything = json.loads(run("audit", "--json").output)
    assert [row["action"] for row in everything] == ["tenant.created", "client.created"]
    for filters in (
        ["--subject", "client/cis"],
        ["--actor", "command line"],
        ["--tenant", "testville", "--limit", "1"],
    ):
        (row,) = json.loads(run("audit", *filters, "--json").output)
        assert (row["tenant"], row["subject"]) == ("testville", "client/cis")
    assert json.loads(run("audit", "--since", "2999-01-01", "--json").output) == []
    assert run("audit").exit_code == 0
    with pytest.raises(Invalid):
        run("audit", "--since", "yesterday")
