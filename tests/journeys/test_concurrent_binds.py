"""Two hundred binds at once over HTTP against the running server (contract P-3: one active bind a meter)."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from bench.crash import workload
from bench.installation import Installation

from energygrid.devices.sandbox import TUTORIAL_CODE

pytestmark = pytest.mark.xdist_group("journeys")
AT_ONCE = 200


def _push(running: Installation, client_id: str) -> str:
    """A customer with one meter, whose id this is."""
    payload = workload.customer(client_id, [f"{client_id}-M"], "RES1")
    running.call("POST", "/powerbox/customer", json.dumps(payload).encode(), Content_Type="application/json")
    return f"{client_id}-M"


def _bind_at_once(
    running: Installation, client_id: str, meter_id: str, mac: Callable[[int], str]
) -> list[tuple[int, str | None, dict[str, Any]]]:
    """Status, error code and body of each answer; every connection stands before the first request is sent."""
    ready = threading.Barrier(AT_ONCE)
    answers: list[tuple[int, str | None, dict[str, Any]]] = []

    def bind(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        connection.connect()
        ready.wait(60)
        body = {"hemProfileId": client_id, "meterId": meter_id, "macAddress": mac(number), "installCode": TUTORIAL_CODE}
        headers = {"Authorization": f"Bearer {running.token}", "Content-Type": "application/json"}
        while True:
            connection.request("POST", "/v1/powerbox/bind", json.dumps(body), headers)
            answer = connection.getresponse()
            read = json.loads(answer.read() or b"{}")
            if answer.status != HTTPStatus.SERVICE_UNAVAILABLE:  # a slow machine puts some off; clients come again
                break
            time.sleep(int(answer.headers["Retry-After"]))
        answers.append((answer.status, answer.getheader("PowerBox-Error-Code"), read))
        connection.close()

    threads = [threading.Thread(target=bind, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return answers


def test_of_two_hundred_devices_one_is_bound_and_the_others_are_told_so(running: Installation) -> None:
    meter = _push(running, "RACE-1")
    answers = _bind_at_once(running, "RACE-1", meter, lambda number: f"0211{number:012x}")
    assert Counter((status, code) for status, code, _ in answers) == {
        (200, None): 1,
        (400, "METER_ALREADY_BOUND"): AT_ONCE - 1,
    }
    won = next(body["bindRequestId"] for status, _, body in answers if status == 200)
    assert running.call("GET", f"/powerbox/meters/{meter}/bind")["bindRequestId"] == won


def test_two_hundred_requests_for_the_same_device_are_one_bind(running: Installation) -> None:
    meter = _push(running, "RACE-2")
    answers = _bind_at_once(running, "RACE-2", meter, lambda _: "02120000000001aa")
    assert Counter(status for status, _, _ in answers) == {200: AT_ONCE}
    assert len({body["bindRequestId"] for _, _, body in answers}) == 1
