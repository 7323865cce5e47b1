"""Every operation of the OpenAPI document under schemathesis: whatever comes in, what is documented comes out.

All of its checks hold, except where what a schema cannot say decides whether a request is accepted:

- query parameters that nobody knows are ignored, and so are unknown members of a body;
- some members exclude each other, times have an order, and what a body names must exist.

Requests that a schema calls right have ids of resources that there are, so that more than the refusal is tried.
"""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

from energygrid.access.audit import SYSTEM
from energygrid.flexibility.registry import schemes

from .conftest import Flex
from .test_assets import create
from .test_events import scheduled

EXAMPLES = 4
PARAMETER = re.compile(r"\{(\w+)\}")

load_all_checks()
EXCLUDED = [CHECKS.get_one(name) for name in ("negative_data_rejection", "positive_data_acceptance")]


@pytest.fixture
def ids(flex: Flex) -> dict[str, str]:
    """A resource of each kind, by the name of its path parameter."""
    asset = create(flex, "meter-1")["uuid"]
    portfolio = flex.post("/api/v1/portfolios", json={"name": "North"}).json()["uuid"]
    flex.post(f"/api/v1/portfolios/{portfolio}/assets", json=[asset])
    scheme = flex.database.write(schemes.create, flex.tenant, "Winter", who=SYSTEM, now=datetime.now(UTC))
    consent = {"userId": "anna", "assetUUID": asset, "scope": "METER_DATA"}
    return {
        "asset_uuid": asset,
        "portfolio_uuid": portfolio,
        "scheme_uuid": str(scheme.uuid),
        "event_uuid": scheduled(flex, portfolio)["uuid"],
        "consent_uuid": flex.post("/api/v1/consents", json=consent).json()["uuid"],
    }


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_comes_in_what_is_documented_comes_out(flex: Flex, mode: GenerationMode, ids: dict[str, str]) -> None:
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        """Under /flex, as the root application has it."""
        await flex.http.app(scope | {"root_path": "/flex"}, receive, send)

    document = schemathesis.openapi.from_asgi("/flex/openapi.json", mounted)
    found = [failure(flex, each.ok(), mode, ids) for each in document.get_all_operations()]
    assert [text for text in found if text is not None] == []


def failure(flex: Flex, operation: Any, mode: GenerationMode, ids: dict[str, str]) -> str | None:
    real = mode is GenerationMode.POSITIVE and operation.method != "delete"  # the others need what it would end

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    def run(case: Any) -> None:
        if real:
            for name in PARAMETER.findall(operation.path):
                if name in ids:
                    case.path_parameters[name] = ids[name]
        case.call_and_validate(headers=flex.headers, excluded_checks=EXCLUDED)

    try:
        run()
    except (Exception, FailureGroup) as error:  # noqa: BLE001 - every operation is tried before the test fails
        causes = [str(cause) for cause in getattr(error, "exceptions", [])]
        return f"{operation.label}: {str(error)[:1500]} {causes}"[:2500]
    return None
