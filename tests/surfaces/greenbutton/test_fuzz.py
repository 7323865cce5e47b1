"""Every operation of the OpenAPI document under schemathesis: whatever comes in, what is documented comes out.

All of its checks hold, except where what a schema cannot say decides whether a request is accepted:

- query parameters that nobody knows are ignored, and any text may be an id, so what a schema calls wrong is taken;
- two times make a window only in their order, and a document that a schema calls text must be one of ESPI's.

Requests that a schema calls right have ids of resources that there are, so that more than the refusal is tried.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from tests.surfaces.greenbutton.paths import PARAMETER, Party
from tests.surfaces.greenbutton.world import GreenButton

EXAMPLES = 5
KIND = {"registrationToken": "R", "clientToken": "C", "accessToken": "A"}

load_all_checks()
EXCLUDED = [CHECKS.get_one(name) for name in ("negative_data_rejection", "positive_data_acceptance")]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_comes_in_what_is_documented_comes_out(shared: GreenButton, mode: GenerationMode) -> None:
    party = Party(shared)
    document = schemathesis.openapi.from_asgi("/DataCustodian/openapi.json", shared.http.app)
    found = [failure(each.ok(), mode, party) for each in document.get_all_operations()]
    assert [text for text in found if text is not None] == []


def failure(operation: Any, mode: GenerationMode, party: Party) -> str | None:
    [scheme] = operation.definition.raw["security"][0]
    bearer = {"Authorization": f"Bearer {party.tokens[KIND[scheme]]}"}
    path = operation.path.removeprefix("/espi/1_1/resource")
    real = mode is GenerationMode.POSITIVE and operation.method != "delete"  # the others need what it would end

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    def run(case: Any) -> None:
        if real:
            names = PARAMETER.findall(path)
            case.path_parameters = dict(zip(names, party.values(path), strict=True))
        case.call_and_validate(headers=bearer, excluded_checks=EXCLUDED)

    try:
        run()
    except (Exception, FailureGroup) as error:  # noqa: BLE001 - every operation is tried before the test fails
        causes = [str(cause) for cause in getattr(error, "exceptions", [])]
        return f"{operation.label}: {str(error)[:1500]} {causes}"[:2500]
    return None
