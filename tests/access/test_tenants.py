from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from energygrid.access import audit, tenants
from energygrid.access.audit import SYSTEM
from energygrid.access.caller import Tenant
from energygrid.errors import Conflict, Invalid, NotFound

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_tenant_is_found_by_its_key_and_by_its_number(db: Connection, tenant: Tenant):
    assert tenants.find_tenant(db, "testville") == tenants.get_tenant(db, tenant.id) == tenant


def test_an_unknown_tenant_is_not_found(db: Connection):
    with pytest.raises(NotFound):
        tenants.find_tenant(db, "nowhere")
    with pytest.raises(NotFound):
        tenants.get_tenant(db, -1)


def test_two_tenants_cannot_share_a_key(db: Connection, tenant: Tenant):
    with pytest.raises(Conflict) as caught:
        tenants.create_tenant(db, tenant.key, environment="production", now=NOW)
    assert caught.value.code == "TENANT_EXISTS"


@pytest.mark.parametrize("key", ["", "Upper", "a b", "-a", "a" * 64, "a\0", "a\n", "ä"])
def test_a_key_is_lower_case_letters_digits_and_hyphens(db: Connection, key: str):
    with pytest.raises(Invalid):
        tenants.create_tenant(db, key, environment="sandbox", now=NOW)


def test_one_section_of_the_settings_is_replaced_and_the_others_stay(db: Connection):
    tenant = tenants.create_tenant(
        db,
        "settings",
        environment="staging",
        now=NOW,
        settings={"cis": {"mode": "push"}, "pii": {"level": "none"}},
    )
    changed = tenants.set_section(db, tenant, "cis", {"mode": "file"}, who=SYSTEM, now=NOW)
    assert changed.settings == {"cis": {"mode": "file"}, "pii": {"level": "none"}}
    assert tenants.get_tenant(db, tenant.id) == changed


def test_only_a_sandbox_has_a_clock_of_its_own(db: Connection, tenant: Tenant):
    later = tenants.advance_clock(db, tenant, timedelta(hours=48), who=SYSTEM, now=NOW)
    later = tenants.advance_clock(db, later, timedelta(minutes=15), who=SYSTEM, now=NOW)
    assert tenants.tenant_now(later, NOW) == NOW + timedelta(hours=48, minutes=15)

    real = tenants.create_tenant(db, "real", environment="production", now=NOW, settings={"clock": {"offset_s": 3600}})
    assert tenants.tenant_now(real, NOW) == NOW
    with pytest.raises(Invalid):
        tenants.advance_clock(db, real, timedelta(hours=1), who=SYSTEM, now=NOW)
    with pytest.raises(Invalid):
        tenants.advance_clock(db, tenant, timedelta(hours=-1), who=SYSTEM, now=NOW)


def test_every_change_of_a_tenant_is_in_the_audit_log(db: Connection, tenant: Tenant):
    tenants.set_section(db, tenant, "cis", {"mode": "file"}, who=SYSTEM, now=NOW)
    actions = [entry.action for entry in audit.entries(db, tenant_id=tenant.id)]
    assert actions == ["tenant.created", "tenant.settings_changed"]
