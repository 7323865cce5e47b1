"""`greenbutton check`: files and URLs, what it prints, and its exit codes."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.greenbutton.check.conftest import FEEDS
from typer.testing import CliRunner, Result

from energygrid.cli import app
from energygrid.errors import DomainError, Invalid, NotFound, Unavailable

USAGE = FEEDS / "usage.xml"


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.setenv("ENERGYGRID_DATA_DIR", str(tmp_path))
    return lambda *words, **more: CliRunner().invoke(app, ["greenbutton", "check", *words], **more)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.xml"
    path.write_text(USAGE.read_text().replace("serviceDeliveryPoint", "ServiceDeliveryPoint"))
    return path


@pytest.fixture
def server() -> Iterator[str]:
    """Serves the feed at /feed to whoever knows the token; /later is being made."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = {"/feed": 200, "/later": 202}.get(self.path, 404)
            if status == 200 and self.headers["Authorization"] != "Bearer open-sesame":
                status = 401
            self.send_response(status)
            self.send_header("Retry-After", "7")
            self.end_headers()
            self.wfile.write(USAGE.read_bytes() if status == 200 else b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def refused(result: Result) -> tuple[type[DomainError], str]:
    assert isinstance(result.exception, DomainError)
    return type(result.exception), result.exception.code


def test_a_feed_that_is_right_ends_with_0_and_says_what_it_passes(type_in: Callable[..., Result]) -> None:
    result = type_in(str(USAGE))
    assert result.exit_code == 0
    assert "3 IntervalBlock" in result.stdout
    assert "05 Electricity intervals" in result.stdout
    assert "ok: 0 errors" in result.stdout


def test_a_feed_with_an_error_ends_with_1_and_says_where_and_what_to_do(
    type_in: Callable[..., Result], broken: Path
) -> None:
    result = type_in(str(broken))
    assert result.exit_code == 1
    assert "error X03" in result.stdout
    assert "line 3: Element 'ServiceDeliveryPoint'" in result.stdout
    assert "-> write serviceDeliveryPoint: names are case-sensitive" in result.stdout


def test_json_is_the_report(type_in: Callable[..., Result], broken: Path) -> None:
    result = type_in(str(broken), "--json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert (said["ok"], said["errors"]) == (False, 1)


def test_function_blocks_that_are_asked_for_must_pass(type_in: Callable[..., Result]) -> None:
    assert type_in(str(USAGE), "--blocks", "1_4_5").exit_code == 0
    result = type_in(str(USAGE), "--blocks", "1,8")
    assert result.exit_code == 1
    assert "08 Forward and reverse metering  fail" in result.stdout
    assert refused(type_in(str(USAGE), "--blocks", "8;9")) == (Invalid, "BAD_BLOCKS")
    assert refused(type_in(str(USAGE), "--blocks", "999")) == (Invalid, "UNKNOWN_FUNCTION_BLOCK")


def test_five_findings_of_a_rule_are_shown_and_all_on_demand(type_in: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "feed.xml"
    path.write_text(USAGE.read_text().replace('rel="up"', 'rel="down"'))
    short, long = type_in(str(path)).stdout, type_in(str(path), "--all").stdout
    assert short.count("has no link rel=up") < long.count("has no link rel=up")
    assert "and 3 more" in short


def test_a_url_is_read_with_the_token_of_a_variable_or_of_standard_input(
    type_in: Callable[..., Result], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "open-sesame")
    assert type_in(f"{server}/feed", "--token", "MY_TOKEN").exit_code == 0
    assert type_in(f"{server}/feed", "--token", "-", input="open-sesame\n").exit_code == 0
    assert refused(type_in(f"{server}/feed", "--token", "NO_SUCH_VARIABLE")) == (Invalid, "NO_TOKEN")
    assert refused(type_in(f"{server}/feed")) == (Unavailable, "NO_DOCUMENT")


def test_an_answer_that_is_not_ready_says_when_to_come_back(type_in: Callable[..., Result], server: str) -> None:
    result = type_in(f"{server}/later")
    assert refused(result) == (Unavailable, "NOT_READY")
    assert "7 seconds" in str(result.exception)


def test_an_address_inside_a_network_is_called_only_where_the_operator_names_it(type_in: Callable[..., Result]) -> None:
    for address in ("10.0.0.1", "169.254.169.254", "192.168.1.20:8443"):
        assert refused(type_in(f"https://{address}/feed")) == (Invalid, "FORBIDDEN_ADDRESS")


def test_a_file_that_is_not_there_is_said(type_in: Callable[..., Result]) -> None:
    assert refused(type_in("nowhere.xml")) == (NotFound, "NO_SUCH_FILE")
