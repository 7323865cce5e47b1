"""Starting the embedded server again when it dies under a running installation."""

import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import psycopg
import structlog

from energygrid.database.embedded import EmbeddedServer
from energygrid.errors import Unavailable

_AGAIN_S = 2.0
_log = structlog.get_logger("energygrid.database")


@contextmanager
def kept_running(server: EmbeddedServer) -> Iterator[None]:
    """While this is entered, a server that dies is started again at once.

    A thread holds one connection and sleeps until its other end closes, so nothing is polled.
    """
    with server:
        end, leaving = socket.socketpair()
        thread = Thread(target=_keep, args=(server, leaving), name="database watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.close()
            thread.join()
            leaving.close()


def _keep(server: EmbeddedServer, leaving: socket.socket) -> None:
    wait: float | None = 0.0
    while not _ends(leaving, within=wait):
        try:
            server.revive()
            with psycopg.connect(server.url.render_as_string(hide_password=False), autocommit=True) as probe:
                if _ends(leaving, probe):
                    return
            _log.warning("the database's connection ended, looking after it")
            wait = 0.0
        except (psycopg.OperationalError, Unavailable) as error:
            _log.error("the database does not start", error=str(error), again_in_s=_AGAIN_S)
            wait = _AGAIN_S


def _ends(leaving: socket.socket, probe: psycopg.Connection | None = None, within: float | None = None) -> bool:
    """Wait until the watch is over (true), the probe's connection ends, or the time is up."""
    with selectors.DefaultSelector() as selector:
        selector.register(leaving, selectors.EVENT_READ)
        if probe is not None:
            selector.register(probe.fileno(), selectors.EVENT_READ)
        return any(key.fileobj is leaving for key, _ in selector.select(within))
