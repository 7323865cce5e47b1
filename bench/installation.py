"""A really started installation on a folder of its own, for benchmarks and failure tests."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_S = 60


@dataclass
class Installation:
    """`energygrid serve --sandbox` as a user starts it."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    credentials: Mapping[str, str]
    token: str = ""

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def sign_in(self) -> None:
        """Get a token for everything the sandbox client may do."""
        pair = f"{self.credentials['ENERGY_CLIENT_ID']}:{self.credentials['ENERGY_CLIENT_SECRET']}"
        answer = call(
            "POST",
            f"{self.credentials['ENERGY_IDP_URL']}/oauth/token",
            urllib.parse.urlencode({"grant_type": "client_credentials"}).encode(),
            {
                "Authorization": "Basic " + b64encode(pair.encode()).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        self.token = answer["access_token"]

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(method, self.base + path, body, {"Authorization": f"Bearer {self.token}", **named})

    def children(self) -> list[int]:
        """Process ids below the server's, itself first."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split() if int(child) not in found]
        return found


def call(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
    """One HTTP call to this machine; the JSON of its answer, or None when it has no body."""
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, port: int) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ENERGYGRID_")}
    return clean | {
        "ENERGYGRID_DATA_DIR": str(folder),
        "ENERGYGRID_ENVIRONMENT": "sandbox",
        "ENERGYGRID_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ENERGYGRID_LOG_LEVEL": "warning",
        "ENERGYGRID_ACCESS_SANDBOX_TOKENS_PER_MINUTE": "100000",
    }


def start(folder: Path, port: int, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the server; whoever calls this ends it."""
    with (folder.parent / f"{folder.name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "energygrid", "serve", "--sandbox", "--port", str(port), *arguments],
            env=environment(folder, port),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with exit code {process.returncode}")
        try:
            call("GET", f"http://127.0.0.1:{port}/readyz")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not become ready")


def credentials(folder: Path, port: int) -> dict[str, str]:
    command = [sys.executable, "-m", "energygrid", "sandbox", "credentials", "--json"]
    text = subprocess.run(command, env=environment(folder, port), check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = json.loads(text)
    return found


@contextmanager
def installation(parent: Path, *arguments: str) -> Iterator[Installation]:
    """A running installation on a new folder below `parent`; it is stopped as Ctrl-C stops it."""
    folder, port = parent / f"installation-{secrets.token_hex(4)}", free_port()
    process = start(folder, port, *arguments)
    try:
        wait_until_ready(process, port)
        running = Installation(folder, port, process, credentials(folder, port))
        running.sign_in()
        yield running
    finally:
        process.terminate()
        process.wait(60)
