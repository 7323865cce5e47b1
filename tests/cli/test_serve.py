"""`energygrid serve` as a process: how it ends, what it starts again, and that nothing of it stays behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bench.crash import workload
from bench.installation import Installation, credentials, environment, free_port, start, wait_until_ready

from energygrid.database.embedded import EmbeddedServer
from energygrid.devices.sandbox import TUTORIAL_CODE

pytestmark = pytest.mark.xdist_group("serve")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all tests here, which start and stop on it one after the other."""
    return tmp_path_factory.mktemp("serve") / "data"


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Installation]:
    port = free_port()
    process = start(folder, port, *arguments)
    running = Installation(folder, port, process, {})
    try:
        wait_until_ready(process, port)
        yield running
    finally:
        left = running.children()
        if process.poll() is None:
            process.kill()
        process.wait(60)
        _wait_until(lambda: not any(map(_runs, left[1:])))


def _runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_until(done, within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not done():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def _everything(running: Installation) -> list[int]:
    return [*running.children(), EmbeddedServer(running.folder).pid]


def _worker(running: Installation) -> int | None:
    """Process id of the one that runs background jobs."""
    for pid in running.children()[1:]:
        try:
            if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        except FileNotFoundError:
            continue
    return None


def _status(running: Installation, path: str) -> tuple[int, str | None]:
    request = urllib.request.Request(running.base + path, headers={"Authorization": f"Bearer {running.token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, None
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Retry-After"]


@pytest.mark.parametrize(
    ("number", "arguments"),
    [(signal.SIGINT, ()), (signal.SIGTERM, ("--workers", "2"))],
    ids=lambda value: value.name if isinstance(value, signal.Signals) else " ".join(value) or "--workers 1",
)
def test_a_signal_stops_api_worker_and_database_without_a_trace(
    folder: Path, number: signal.Signals, arguments
) -> None:
    log = folder.parent / f"{folder.name}.log"
    said_before = log.stat().st_size if log.exists() else 0
    with served(folder, *arguments) as running:
        pids = _everything(running)
        running.process.send_signal(number)
        assert running.process.wait(30) == 0
        _wait_until(lambda: not any(map(_runs, pids)), within=3)  # a helper of multiprocessing ends after its parent
    said = log.read_text()[said_before:]
    assert "Traceback" not in said
    assert "error" not in said.lower()


def test_a_second_signal_does_not_cut_the_stop_short(folder: Path) -> None:
    with served(folder) as running:
        pids = _everything(running)
        for _ in range(20):
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
            time.sleep(0.02)
        assert running.process.wait(30) == 0
        _wait_until(lambda: not any(map(_runs, pids)), within=3)  # a helper of multiprocessing ends after its parent


def test_a_killed_server_takes_its_processes_and_the_database_with_it(folder: Path) -> None:
    with served(folder, "--workers", "2") as running:
        pids = _everything(running)
        running.process.kill()
        running.process.wait(30)
        _wait_until(lambda: not any(map(_runs, pids)))


def test_figures_are_the_sum_of_all_processes(folder: Path) -> None:
    with served(folder, "--workers", "2") as running:
        counted = re.compile(
            r'^energygrid_requests_total\{.*status="200",.*surface="identity".*\} ([0-9.]+)$', re.MULTILINE
        )

        def figures() -> float:
            with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/metrics", timeout=30) as answer:
                return sum(float(number) for number in counted.findall(answer.read().decode()))

        before = figures()
        for _ in range(40):
            urllib.request.urlopen(
                f"http://127.0.0.1:{running.port}/.well-known/openid-configuration", timeout=30
            ).close()
        _wait_until(lambda: figures() == before + 40)  # a request is counted after its answer


def test_a_database_that_dies_is_started_again_under_the_same_process(folder: Path) -> None:
    """Until then requests are put off with 503 and Retry-After; then API and worker go on by themselves."""
    with served(folder) as running:
        running.credentials = credentials(folder, running.port)
        running.sign_in()
        pids = running.children()
        bound = workload.customer("LOST-DB", ["LOST-DB-M"], "RES1")
        running.call("POST", "/powerbox/customer", json.dumps(bound).encode(), Content_Type="application/json")
        os.kill(EmbeddedServer(folder).pid, signal.SIGKILL)
        answers = set()
        _wait_until(lambda: answers.add(_status(running, "/powerbox/customer/LOST-DB")) or (200, None) in answers)
        assert answers <= {(200, None), (503, "5")}
        assert set(pids) <= set(running.children())
        request = {
            "hemProfileId": "LOST-DB",
            "meterId": "LOST-DB-M",
            "macAddress": f"02130000{os.getpid():04x}eeff"[-16:],
            "installCode": TUTORIAL_CODE,
        }
        path = running.call("POST", "/powerbox/bind", json.dumps(request).encode(), Content_Type="application/json")
        _wait_until(
            lambda: running.call("GET", f"/powerbox/bind/{path['bindRequestId']}")["state"] == "PAIRED", within=20
        )


def test_a_job_process_that_dies_is_started_again(folder: Path) -> None:
    with served(folder) as running:
        _wait_until(lambda: _worker(running) is not None)
        first = _worker(running)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        _wait_until(lambda: _worker(running) not in {None, first})
        assert running.process.poll() is None


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "energygrid", "serve", "--port", str(port), "--data", str(tmp_path / "data")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5
    assert "PORT_TAKEN" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_worker_does_not_begin_on_a_database_without_its_schema(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "energygrid", "worker", "--data", str(tmp_path / "data")]
    result = subprocess.run(
        command, env=environment(tmp_path, 1), capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, "MIGRATIONS_MISSING" in result.stderr) == (5, True)
    assert "Traceback" not in result.stderr
