"""What a developer writes about an application, and what is wrong with it, field by field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from energygrid.access.third_parties.facts import (
    Facts,
    check_name,
    check_offered_scopes,
    check_redirect_uris,
)
from energygrid.access.third_parties.third_parties import ThirdParty
from energygrid.errors import Invalid
from energygrid.greenbutton import notices
from energygrid.messaging.webhooks.posting import guarded_client
from energygrid.services import Services
from energygrid.surfaces.portal.auth import Form
from energygrid.surfaces.portal.pages import Problem

DEFAULT_SCOPE = "FB=4_16_51;IntervalDuration=900_3600;BlockDuration=daily;HistoryLength=63072000"
TEXTS = {
    "description": "Description",
    "client_uri": "Website",
    "user_portal_uri": "Page to begin at",
    "policy_uri": "Privacy policy",
    "tos_uri": "Terms of service",
    "phone": "Phone",
}
"""Fields of `Facts` that are one line of text, and their labels."""
_FIELD_OF = {
    "BAD_NAME": "name",
    "BAD_REDIRECT_URI": "redirect_uris",
    "BAD_SCOPE": "scopes",
    "BAD_URL": "notify_uri",
    "FORBIDDEN_ADDRESS": "notify_uri",
}


@dataclass(frozen=True, slots=True)
class Application:
    name: str
    redirect_uris: list[str]
    scopes: list[str]
    notify_uri: str | None
    public: bool
    facts: Facts


def blank() -> dict[str, str]:
    """The fields of an empty form."""
    return dict.fromkeys(TEXTS, "") | {
        "name": "",
        "redirect_uris": "",
        "scopes": DEFAULT_SCOPE,
        "notify_uri": "",
        "contacts": "",
        "use": "1",
        "kind": "server",
    }


def fields_of(party: ThirdParty) -> dict[str, str]:
    """The fields of a form about a third party as it is."""
    facts = party.facts
    return {name: getattr(facts, name) or "" for name in TEXTS} | {
        "name": party.name,
        "redirect_uris": "\n".join(party.redirect_uris),
        "scopes": "\n".join(party.offered_scopes),
        "notify_uri": party.notify_uri or "",
        "contacts": "\n".join(facts.contacts),
        "use": str(facts.application_use or ""),
        "kind": "app" if party.public else "server",
    }


def sent(form: Form) -> dict[str, str]:
    """The fields of a form as it was sent."""
    return {name: form.one(name) for name in blank()}


def read(fields: Mapping[str, str], before: Facts | None = None) -> Application | list[Problem]:
    """`before`: facts that the form does not ask for stay as they were."""
    problems: list[Problem] = []
    public = fields["kind"] == "app"
    uris, scopes = _lines(fields["redirect_uris"]), _lines(fields["scopes"])
    for check in (
        lambda: check_name(fields["name"]),
        lambda: check_redirect_uris(uris, public=public),
        lambda: check_offered_scopes(scopes),
    ):
        try:
            check()
        except Invalid as error:
            problems.append(problem_of(error))
    facts = _facts(fields, before or Facts())
    if isinstance(facts, list):
        return problems + facts
    if problems:
        return problems
    return Application(fields["name"], uris, scopes, fields["notify_uri"] or None, public, facts)


def problem_of(error: Invalid) -> Problem:
    message = error.message[:1].upper() + error.message[1:]
    return Problem(_FIELD_OF.get(error.code, "name"), message if message.endswith(".") else f"{message}.")


def vet(here: Services, notify_uri: str | None) -> list[Problem]:
    """Asks the name service whether notices may go there."""
    if notify_uri is None:
        return []
    settings = here.settings
    try:
        notices.check(guarded_client(tuple(settings.outgoing_allow), allow_http=settings.outgoing_http), notify_uri)
    except Invalid as error:
        return [problem_of(error)]
    return []


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _facts(fields: Mapping[str, str], before: Facts) -> Facts | list[Problem]:
    told: dict[str, Any] = {name: fields[name] or None for name in TEXTS}
    told["contacts"] = _lines(fields["contacts"])
    told["application_use"] = fields["use"] or None
    try:
        return Facts.model_validate(before.model_dump() | told)
    except ValidationError as error:
        return [_problem(fault["loc"], fault["msg"]) for fault in error.errors()]


def _problem(where: Sequence[int | str], message: str) -> Problem:
    name = str(where[0])
    label = {"contacts": "Contacts", "application_use": "Purpose"}.get(name) or TEXTS.get(name, name)
    field = "use" if name == "application_use" else name
    return Problem(field, f"{label}: {message.removeprefix('Value error, ')}.")
