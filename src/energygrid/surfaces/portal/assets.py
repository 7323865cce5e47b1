"""Style sheets, scripts and Plotly, which its wheel carries; each address names its content, so it never changes."""

import gzip
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

router = APIRouter()

_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


def _files() -> dict[str, Path]:
    wheel = find_spec("plotly")
    assert wheel is not None
    assert wheel.origin is not None
    files = {file.name: file for file in _STATIC.iterdir()}
    return files | {"plotly.min.js": Path(wheel.origin).parent / "package_data" / "plotly.min.js"}


_FILES = _files()


@cache
def _version(name: str) -> str:
    return hashlib.sha256(_FILES[name].read_bytes()).hexdigest()[:16]


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(_FILES[name].read_bytes(), 6)


def address(base: str, name: str) -> str:
    """Where pages find a file."""
    return f"{base}/static/{_version(name)}/{name}"


@router.get("/static/{version}/{name}")
def asset(version: str, name: str, request: Request) -> Response:
    file = _FILES.get(name)
    if file is None or version != _version(name):
        return PlainTextResponse("Not Found\n", 404)
    headers = {"content-type": _TYPES[file.suffix], "cache-control": _FOR_EVER, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_packed(name), headers=headers | {"content-encoding": "gzip"})
    return Response(file.read_bytes(), headers=headers)
