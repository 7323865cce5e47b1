"""Which gateway a tenant has."""

from energygrid.access.caller import Tenant
from energygrid.access.outgoing import OutgoingClient
from energygrid.devices.gateways.gateway import Gateway
from energygrid.devices.gateways.http_gateway import HttpGateway
from energygrid.devices.gateways.simulator import Simulator
from energygrid.devices.settings import devices_settings


def gateway_of(tenant: Tenant, outgoing: OutgoingClient) -> Gateway:
    settings = devices_settings(tenant)
    if settings.gateway_for(tenant) == "simulator":
        return Simulator()
    return HttpGateway(settings.http, outgoing)
