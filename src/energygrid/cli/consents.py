"""`consents`: what customers allowed third parties; also those that came on paper (FB_40)."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from energygrid.access import tenants
from energygrid.access.consents import consents
from energygrid.access.consents.consents import Consent
from energygrid.access.oauth.server import OAuthContext, hand_over
from energygrid.access.settings import AccessSettings
from energygrid.cli.common import WHO, Data, DatabaseUrl, Json, console, listing, open_command, print_json
from energygrid.errors import Invalid
from energygrid.greenbutton import notices, on_paper

app = typer.Typer(no_args_is_help=True)

TenantKey = Annotated[str, typer.Option("--tenant", help="Key of the tenant.")]
ConsentId = Annotated[str, typer.Argument(help="Id of the consent, which is that of its Authorization.")]
_COLUMNS = ("id", "client_id", "customer_id", "scope", "meters", "data_from", "data_until", "evidence")
_TIMES = ("created_at", "expires_at", "revoked_at", "revoked_by")


@app.command("list")
def list_all(
    tenant: TenantKey,
    customer: Annotated[str | None, typer.Option(help="Those that this customer gave.")] = None,
    client: Annotated[str | None, typer.Option(help="Those that this third party has.")] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """The consents of a customer or of a third party, ended ones too."""
    if (customer is None) == (client is None):
        raise Invalid("BAD_OPTIONS", "give --customer or --client")
    with open_command(data, database_url) as services:
        owner = services.database.read(tenants.find_tenant, tenant).id
        if customer is not None:
            found = services.database.read(consents.of_customer, owner, customer)
        else:
            found = services.database.read(consents.of_client, owner, str(client))
    listing([list(_told(each).values()) for each in found], [*_COLUMNS, *_TIMES], as_json=as_json)


@app.command()
def add(
    tenant: TenantKey,
    customer: Annotated[str, typer.Option(help="Client id of the customer, as the mirror has it.")],
    client: Annotated[str, typer.Option(help="Client id of the third party.")],
    evidence: Annotated[str, typer.Option(help="Where the signed form is kept.")],
    scope: Annotated[str | None, typer.Option(help="ESPI scope string; left out: the third party's first.")] = None,
    meters: Annotated[str, typer.Option(help="Meter ids with commas between them, or all that it holds.")] = "all",
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Print tokens for the third party, which gets no code this way.")
    ] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Enter a consent that a customer signed on paper. The third party is told of it."""
    now = datetime.now(UTC)
    chosen = [] if meters == "all" else [each.strip() for each in meters.split(",") if each.strip()]
    with open_command(data, database_url) as services:
        authority, resource_url = services.tokens.authority, services.settings.resource_url
        authority.keys.signing(now)  # before the transaction: it takes a connection of its own
        with services.database.transaction() as db:
            consent = on_paper.enter(
                db,
                services.vault,
                tenants.find_tenant(db, tenant),
                client_id=client,
                customer_id=customer,
                scope=scope,
                meters=chosen,
                evidence=evidence,
                who=WHO,
                now=now,
            )
            context = OAuthContext(services.vault, AccessSettings(), authority, resource_url)
            given = dict(hand_over(db, context, consent, now, WHO.request_id)) if tokens else {}
    shown: dict[str, object] = {"consent": consent.id, "meters": ",".join(consent.meters), **given}
    if as_json:
        print_json(shown)
    else:
        for name, value in shown.items():
            print(f"{name}={value}")


@app.command()
def revoke(consent_id: ConsentId, tenant: TenantKey, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """End a consent: its tokens are refused from now on, and the third party is told."""
    now = datetime.now(UTC)
    with open_command(data, database_url) as services, services.database.transaction() as db:
        owner = tenants.find_tenant(db, tenant)
        notices.consent_changed(db, owner, consents.revoke(db, owner.id, consent_id, who=WHO, now=now), now)
    console.print(f"revoked {consent_id}")


def _told(consent: Consent) -> dict[str, object]:
    return {name: getattr(consent, name) for name in (*_COLUMNS, *_TIMES)}
