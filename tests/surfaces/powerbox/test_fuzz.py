"""Every operation of the OpenAPI document under schemathesis: whatever comes in, what is documented comes out.

All of its checks hold, except where what a schema cannot say decides whether a request is accepted:

- ACCEPTS_LESS: rules between fields (no customer without sites unless its account is closed), a state of the world
  (an Idempotency-Key used before, an address that may be called), or what is inside a file.
- an operation without a JSON body takes requests that a schema calls wrong: query parameters nobody knows are ignored,
  and any bytes are a file, whose rows the job judges.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from starlette.routing import Router
from tests.surfaces.powerbox.conftest import PowerBox

from energygrid.surfaces.root.mounts import Mounted

EXAMPLES = 4
FILES = {"POST /powerbox/customer/batch", "POST /powerbox/ingest/usage", "POST /powerbox/ingest/billing"}
ACCEPTS_LESS = FILES | {
    "POST /powerbox/customer",
    "POST /powerbox/bind",
    "PUT /powerbox/rates/{rateCode}",
    "PUT /powerbox/billing-cycles/{cycleId}",
    "POST /powerbox/webhooks",
    "PUT /powerbox/webhooks/{webhookId}",
}

schemathesis.serializer.alias("application/x-ndjson", "text/plain")
load_all_checks()


def operations(powerbox: PowerBox) -> Iterator[Any]:
    surface = Mounted("powerbox", "PowerBox", powerbox.http.app, ["/v1"], None, None)
    app = Router(routes=surface.routes())
    for operation in schemathesis.openapi.from_asgi("/v1/openapi.json", app).get_all_operations():
        yield operation.ok()


def excluded(operation: Any) -> list[Any]:
    names = []
    if operation.label in ACCEPTS_LESS:
        names.append("positive_data_acceptance")
    if "application/json" not in operation.definition.raw.get("requestBody", {}).get("content", {}):
        names.append("negative_data_rejection")
    return [CHECKS.get_one(name) for name in names]


def failure(operation: Any, mode: GenerationMode, token: str) -> str | None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    def run(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=excluded(operation))

    try:
        run()
    except (Exception, FailureGroup) as error:  # noqa: BLE001 - every operation is tried before the test fails
        causes = [str(cause) for cause in getattr(error, "exceptions", [])]
        return f"{operation.label}: {str(error)[:1500]} {causes}"[:2500]
    return None


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_comes_in_what_is_documented_comes_out(powerbox: PowerBox, mode: GenerationMode) -> None:
    powerbox.configure("customers", sync_per_second=10_000)
    found = [failure(operation, mode, powerbox.token()) for operation in operations(powerbox)]
    assert [text for text in found if text is not None] == []
