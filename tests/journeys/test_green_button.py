"""docs/green-button.md, pasted as it stands, and callers who hang up, against a started installation."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from bench.installation import Installation
from lxml import etree

from energygrid.database.embedded import EmbeddedServer
from energygrid.greenbutton.settings import GreenButtonSettings

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "green-button.md"
ATOM = "{http://www.w3.org/2005/Atom}"

pytestmark = [pytest.mark.xdist_group("journeys"), pytest.mark.usefixtures("tools")]


def _titles(document: Path) -> list[str]:
    return [str(entry.findtext(f"{ATOM}title")) for entry in etree.parse(document).getroot().iter(f"{ATOM}entry")]


def test_every_command_of_the_page_works(running: Installation, tmp_path: Path) -> None:
    commands = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(commands) >= 6
    beside = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-ec", "\n".join(commands)],
        cwd=tmp_path,
        env=os.environ | dict(running.credentials) | {"PATH": beside, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stdout[-2000:]
    usage = _titles(tmp_path / "usage.xml")
    assert {"UsagePoint", "MeterReading", "ReadingType", "LocalTimeParameters", "UsageSummary"} < set(usage)
    assert usage.count("UsagePoint") == 3
    assert _titles(tmp_path / "window.xml").count("IntervalBlock") == 5 * 31
    assert {"Customer", "CustomerAccount", "CustomerAgreement", "ServiceLocation"} < set(
        _titles(tmp_path / "customer.xml")
    )
    assert (tmp_path / "usage.csv").read_text().startswith("usage_point,")
    assert running.credentials["ENERGY_ESPI_SUBSCRIPTION"] in result.stdout


def test_callers_who_hang_up_in_the_middle_of_a_large_answer_are_let_go(running: Installation) -> None:
    """While they read slowly no transaction waits for them; when they have gone, so has all that was theirs."""
    log = running.folder.parent / f"{running.folder.name}.log"
    said_before, most = log.stat().st_size, GreenButtonSettings().feeds_at_once
    ended = _answered(running)
    with ExitStack() as callers:
        for _ in range(most):
            _begin(callers.enter_context(socket.socket()), running)
        assert _status(running) == 429, "they are not under way all at once"
        _wait_until(lambda: _transactions(running.folder) == 0)
        assert _answered(running) == ended
    _wait_until(lambda: _answered(running) == ended + most)
    _wait_until(lambda: _transactions(running.folder) == 0)
    assert _status(running) == 200
    assert "Traceback" not in log.read_text()[said_before:]


def _begin(caller: socket.socket, running: Installation) -> None:
    """Ask for everything and read the beginning only."""
    url = urlsplit(running.credentials["ENERGY_ESPI_URL"])
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    caller.settimeout(30)
    caller.connect((url.hostname, url.port))
    path = f"{url.path}/Batch/Subscription/{running.credentials['ENERGY_ESPI_SUBSCRIPTION']}"
    bearer = f"Authorization: Bearer {running.credentials['ENERGY_ESPI_ACCESS_TOKEN']}"
    caller.sendall(f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\n{bearer}\r\n\r\n".encode())
    assert caller.recv(64 << 10).startswith(b"HTTP/1.1 200 ")


def _status(running: Installation) -> int:
    known = running.credentials
    url = f"{known['ENERGY_ESPI_URL']}/Batch/Subscription/{known['ENERGY_ESPI_SUBSCRIPTION']}"
    bearer = {"Authorization": f"Bearer {known['ENERGY_ESPI_ACCESS_TOKEN']}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=bearer), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _answered(running: Installation) -> float:
    """Requests of third parties that came to their end, well or not."""
    counted = r'^energygrid_requests_total\{.*status="200",surface="greenbutton"\} ([0-9.]+)$'
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/metrics", timeout=30) as answer:
        return sum(map(float, re.findall(counted, answer.read().decode(), re.MULTILINE)))


def _transactions(folder: Path) -> int:
    """Open ones of anybody but ourselves."""
    url = EmbeddedServer(folder).url.set(drivername="postgresql").render_as_string(hide_password=False)
    asked = "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()"
    with psycopg.connect(url) as connection:
        [count] = connection.execute(f"{asked} AND backend_type = 'client backend'").fetchone() or [0]
    return int(count)


def _wait_until(done: Callable[[], bool], within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not done():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
