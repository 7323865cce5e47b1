"""The customer side: lists and items, from the customer down to the devices (contracts/greenbutton.md 3.1)."""

from collections.abc import Sequence

from fastapi import APIRouter
from sqlalchemy import Connection

from energygrid.greenbutton.atom import CUSTOMER, Entry
from energygrid.greenbutton.customer import views
from energygrid.greenbutton.usage.context import Context
from energygrid.surfaces.greenbutton.address import RESOURCE
from energygrid.surfaces.greenbutton.paging import stored_within
from energygrid.surfaces.greenbutton.resources import Resource, Sought, add

router = APIRouter(prefix=RESOURCE)

_CUSTOMER = "/RetailCustomer/{auth_uid}/Customer"
_ACCOUNT = f"{_CUSTOMER}/{{customer_uid}}/CustomerAccount"
_AGREEMENT = f"{_ACCOUNT}/{{account_uid}}/CustomerAgreement"
_BELOW_AGREEMENT = f"{_AGREEMENT}/{{agreement_uid}}"
_PLACE = f"{_BELOW_AGREEMENT}/ServiceLocation"
_BELOW_PLACE = f"{_PLACE}/{{location_uid}}"
_PATHS = (
    (_CUSTOMER, "customer_uid"),
    (_ACCOUNT, "account_uid"),
    (_AGREEMENT, "agreement_uid"),
    (f"{_BELOW_AGREEMENT}/ServiceSupplier", "supplier_uid"),
    (f"{_BELOW_AGREEMENT}/ProgramDateIdMappings", "mappings_uid"),
    (f"{_BELOW_AGREEMENT}/Statement", "statement_uid"),
    (_PLACE, "location_uid"),
    (f"{_BELOW_PLACE}/Meter", "device_uid"),
    (f"{_BELOW_PLACE}/EndDevice", "device_uid"),
)


def _listed(db: Connection, context: Context, sought: Sought) -> Sequence[Entry]:
    return stored_within(views.listed(db, context, sought.href), sought.window)


def _one(db: Connection, context: Context, sought: Sought) -> Entry:
    return views.one(db, context, sought.href)


for _path, _item in _PATHS:
    add(router, Resource(_path.rpartition("/")[2], _path, _item, _listed, _one, CUSTOMER))
