"""`third-parties`: programs of others that customers let see their data. Keys are printed once, when they are made."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from energygrid.access import tenants
from energygrid.access.third_parties import changing, credentials, registration, third_parties
from energygrid.access.third_parties.facts import Status
from energygrid.access.third_parties.invitations import invite as make_invitation
from energygrid.access.third_parties.third_parties import AUTH_METHODS
from energygrid.cli.common import WHO, Data, DatabaseUrl, Json, console, listing, open_command, print_json
from energygrid.errors import Invalid
from energygrid.greenbutton import notices
from energygrid.messaging.webhooks.posting import guarded_client
from energygrid.services import Services

app = typer.Typer(no_args_is_help=True)

_STATUS = {"review": Status.REVIEW, "live": Status.LIVE, "on-hold": Status.ON_HOLD, "revoked": Status.REVOKED}
_WORDS = {status: word for word, status in _STATUS.items()}
ClientId = Annotated[str, typer.Argument(help="Client id of the third party.")]
TenantKey = Annotated[str, typer.Option("--tenant", help="Key of the tenant.")]


@app.command("list")
def list_all(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Every third party; never its keys."""
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant).id if tenant else None
        found = services.database.read(third_parties.of_tenant, owner)
    columns = ("tenant", "client_id", "name", "status", "application_id", "created_at")
    rows = [
        (each.tenant.key, each.client_id, each.name, _WORDS[each.status], each.application_id, each.created_at)
        for each in found
    ]
    listing(rows, columns, as_json=as_json)


@app.command()
def show(client_id: ClientId, data: Data = None, database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """What is known of a third party, as client metadata (RFC 7591); never its keys."""
    with open_command(data, database_url) as services:
        party = services.database.read(third_parties.find, client_id)
    told = {**registration.tell(party), "tenant": party.tenant.key, "status": _WORDS[party.status]}
    if as_json:
        print_json(told)
    else:
        listing(told.items(), ("fact", "value"), as_json=False)


@app.command()
def add(
    tenant: TenantKey,
    name: Annotated[str, typer.Option(help="Name for people.")],
    redirect_uri: Annotated[
        list[str], typer.Option(help="Where customers go back to; may be given more than once.")
    ] = [],  # noqa: B006 - typer copies it
    scope: Annotated[
        list[str], typer.Option(help="ESPI scope string that it may ask for; the first one is the default.")
    ] = [registration.DEFAULT_SCOPE],  # noqa: B006
    notify_uri: Annotated[str | None, typer.Option(help="https address that is told of new data.")] = None,
    description: Annotated[str | None, typer.Option(help="What it does, for customers.")] = None,
    contact: Annotated[list[str], typer.Option(help="E-mail address; may be given more than once.")] = [],  # noqa: B006
    auth_method: Annotated[
        str, typer.Option(help=f"{', '.join(AUTH_METHODS)}; none: an app on customers' devices.")
    ] = "client_secret_basic",
    live: Annotated[bool, typer.Option("--live", help="Reviewed already: every customer may be asked.")] = False,
    client_id: Annotated[str | None, typer.Option("--id", help="Chosen at random when left out.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Add a third party and print its keys."""
    now = datetime.now(UTC)
    said = registration.read_metadata(
        {
            "client_name": name,
            "redirect_uris": redirect_uri,
            "scope": " ".join(scope),
            "token_endpoint_auth_method": auth_method,
            "thirdPartyApplicationDescription": description,
            "contacts": contact,
        }
    )
    with open_command(data, database_url) as services:
        _vet(services, notify_uri)
        with services.database.transaction() as db:
            made = third_parties.register(
                db,
                services.vault,
                tenants.find_tenant(db, tenant),
                name=said.client_name,
                redirect_uris=said.redirect_uris,
                offered_scopes=said.scopes,
                facts=said.facts(),
                auth_method=said.token_endpoint_auth_method,
                status=Status.LIVE if live else Status.REVIEW,
                client_id=client_id,
                who=WHO,
                now=now,
            )
            party = made.third_party
            _, signing = notices.set_notify_uri(db, services.vault, party, notify_uri, who=WHO, now=now)
    shown = {
        "client_id": party.client_id,
        "client_secret": None if made.secret is None else made.secret.get_secret_value(),
        "registration_access_token": made.registration_token.get_secret_value(),
        "application_id": party.application_id,
        "notify_secret": signing,
    }
    _print({key: value for key, value in shown.items() if value is not None}, as_json=as_json)


@app.command()
def status(
    client_id: ClientId,
    to: Annotated[str, typer.Argument(help=f"{', '.join(_STATUS)}; the last one is for ever and ends its consents.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Let a third party go live, stop it for a while, or put it out for good."""
    if to not in _STATUS:
        raise Invalid("BAD_STATUS", f"there is no status {to}; there are {', '.join(_STATUS)}")
    now = datetime.now(UTC)
    with open_command(data, database_url) as services, services.database.transaction() as db:
        if _STATUS[to] is Status.REVOKED:
            for ended in changing.withdraw(db, client_id, who=WHO, now=now):
                notices.consent_changed(db, third_parties.find(db, client_id).tenant, ended, now)
        else:
            changing.set_status(db, client_id, _STATUS[to], who=WHO, now=now)
        notices.application_changed(db, third_parties.find(db, client_id), now)
    console.print(f"{client_id} is {to}")


@app.command()
def set_notify_uri(
    client_id: ClientId,
    uri: Annotated[str, typer.Argument(help="https address; an empty one ends notices.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Change where notices go; prints the secret that they are signed with when it is new."""
    wanted = uri or None
    with open_command(data, database_url) as services:
        _vet(services, wanted)
        with services.database.transaction() as db:
            party = third_parties.find(db, client_id)
            now = datetime.now(UTC)
            _, signing = notices.set_notify_uri(db, services.vault, party, wanted, who=WHO, now=now)
    if signing is not None:
        print(f"notify_secret={signing}")
    console.print(f"notices of {client_id} go to {wanted or 'nobody'}")


@app.command()
def rotate_token(client_id: ClientId, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Make a new registration access token and print it; the old one ends at once."""
    with open_command(data, database_url) as services:
        token = services.database.write(
            credentials.rotate_registration_token, services.vault, client_id, who=WHO, now=datetime.now(UTC)
        )
    print(f"registration_access_token={token.get_secret_value()}")


@app.command()
def rotate_secret(client_id: ClientId, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Make a new client secret and print it; the one before goes on working until the next rotation."""
    with open_command(data, database_url) as services:
        secret = services.database.write(
            credentials.rotate_secret, services.vault, client_id, who=WHO, now=datetime.now(UTC)
        )
    print(f"client_secret={secret.get_secret_value()}")


@app.command()
def invite(
    tenant: TenantKey,
    days: Annotated[int, typer.Option(min=1, max=365, help="How long the token is good.")] = 7,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Print an initial access token: its holder may register third parties at this utility."""
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant)
        token = make_invitation(services.vault, owner.id, timedelta(days=days), datetime.now(UTC))
    print(f"initial_access_token={token.get_secret_value()}")


def _vet(services: Services, notify_uri: str | None) -> None:
    """Resolves the name, so it stands outside any transaction."""
    if notify_uri is not None:
        allow = tuple(services.settings.outgoing_allow)
        notices.check(guarded_client(allow, allow_http=services.settings.outgoing_http), notify_uri)


def _print(shown: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        print(f"{name}={value}")
