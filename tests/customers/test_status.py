"""C11: what account status codes mean is the tenant's; C and S are denied in both published codebooks."""

from typing import Any

import pytest

from energygrid.access.caller import Tenant
from energygrid.customers.status import Standing, is_denied, require_service, standing
from energygrid.errors import Denied


def tenant(**settings: Any) -> Tenant:
    return Tenant(1, "t", "sandbox", {"customers": settings})


@pytest.mark.parametrize(("codebook", "denied"), [("basic", "CS"), ("extended", "CFLSUZ")])
def test_c11_each_codebook_denies_its_codes_and_allows_the_rest(codebook: str, denied: str) -> None:
    at = tenant(status_codebook=codebook)
    letters = map(chr, range(ord("A"), ord("Z") + 1))
    assert "".join(code for code in letters if is_denied(at, code)) == denied


def test_c11_an_unknown_code_is_served() -> None:
    assert standing(tenant(), "Q") is Standing.UNKNOWN
    require_service(tenant(), "Q")
    require_service(tenant(), None)


def test_c11_a_custom_codebook() -> None:
    at = tenant(status_codebook="custom", closed_statuses=["99"], locked_statuses=["50"], open_statuses=["10"])
    codes = ["99", "50", "10", "C"]
    expected = [Standing.CLOSED, Standing.LOCKED, Standing.OPEN, Standing.UNKNOWN]
    assert [standing(at, code) for code in codes] == expected


def test_closed_and_locked_are_told_apart() -> None:
    for status, code in (("C", "ACCOUNT_CLOSED"), ("S", "ACCOUNT_LOCKED")):
        with pytest.raises(Denied) as caught:
            require_service(tenant(), status)
        assert caught.value.code == code
