"""Assets as they are shown, with how well their baselines fit."""

from collections.abc import Sequence

from energygrid.access.caller import Tenant
from energygrid.flexibility.registry.views import View
from energygrid.flexibility.runs import accuracy
from energygrid.services import Services
from energygrid.surfaces.flex.asset_wire import AssetOut


def shown(here: Services, tenant: Tenant, found: Sequence[View]) -> list[AssetOut]:
    quality = here.database.read(accuracy.quality, tenant, [each.asset.uuid for each in found])
    return [AssetOut.of(each, quality.get(each.asset.uuid)) for each in found]
