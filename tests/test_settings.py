"""What an operator may write into the environment."""

import pytest

from energygrid.cli.common import settings_from
from energygrid.errors import Invalid


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ENERGYGRID_OUTGOING_ALLOW", "127.0.0.0/8, cis.lan,")
    monkeypatch.setenv("ENERGYGRID_TRUSTED_PROXIES", "10.0.0.7")
    monkeypatch.setenv("ENERGYGRID_ADMIN_NETWORKS", "")
    settings = settings_from()
    assert settings.outgoing_allow == ["127.0.0.0/8", "cis.lan"]
    assert (settings.trusted_proxies, settings.admin_networks) == (["10.0.0.7"], [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "proxy.lan"),
        ("ADMIN_NETWORKS", "10.0.0.0/33"),
        ("BODY_LIMIT", "1 MB"),
        ("LOG_LEVEL", "all"),
        ("DATABASE_URL", "mysql://a/b"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(f"ENERGYGRID_{name}", value)
    with pytest.raises(Invalid, match=f"ENERGYGRID_{name}"):
        settings_from()
