"""The sections of a tenant's settings: what an operator types is checked against the model of who reads it."""

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from energygrid.access.settings import TenantAccessSettings
from energygrid.access.tenants import ClockSettings
from energygrid.access.third_parties.settings import SharingSettings
from energygrid.billing.settings import BillingSettings
from energygrid.customers.settings import CisSettings, CustomerSettings
from energygrid.devices.settings import DevicesSettings
from energygrid.errors import Invalid
from energygrid.flexibility.settings import FlexibilitySettings
from energygrid.greenbutton.settings import GreenButtonSettings
from energygrid.messaging.settings import FaultSettings, WebhookSettings
from energygrid.metering.settings import MeteringSettings
from energygrid.metering.vee.settings import VeeSettings

SECTIONS: Mapping[str, type[BaseModel]] = {
    "access": TenantAccessSettings,
    "billing": BillingSettings,
    "cis": CisSettings,
    "clock": ClockSettings,
    "customers": CustomerSettings,
    "devices": DevicesSettings,
    "flexibility": FlexibilitySettings,
    "greenbutton": GreenButtonSettings,
    "metering": MeteringSettings,
    "sharing": SharingSettings,
    "vee": VeeSettings,
    "webhook_faults": FaultSettings,
    "webhooks": WebhookSettings,
}


def check_section(section: str, values: Mapping[str, object]) -> None:
    """Raise Invalid BAD_SETTINGS for a section nobody reads, a setting it does not have, or a wrong value."""
    model = SECTIONS.get(section)
    if model is None:
        raise Invalid("BAD_SETTINGS", f"there is no section {section}; there are {', '.join(SECTIONS)}")
    if unknown := sorted(set(values) - set(model.model_fields)):
        raise Invalid("BAD_SETTINGS", f"section {section} has no setting {', '.join(unknown)}")
    try:
        model.model_validate(values)
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise Invalid("BAD_SETTINGS", f"section {section}: {'; '.join(wrong)}") from error
