"""The database of a running installation, joined from the benchmark's own process."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL

from bench.installation import Installation
from energygrid.database.embedded import EmbeddedServer


@contextmanager
def open_database(running: Installation) -> Iterator[URL]:
    with EmbeddedServer(running.folder) as url:
        yield url


def libpq(url: URL) -> str:
    return url.render_as_string(hide_password=False)
