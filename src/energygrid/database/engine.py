"""Connections and transactions.

The edge (a request, a job, a command) opens the transaction and hands its connection to one use case:
`database.write(push_customer, tenant, payload, now=now)`.
"""

import random
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

import energygrid.database.arrays  # noqa: F401 - connections know only the types that were registered before them
from energygrid.errors import Unavailable

__all__ = ["Connection", "Database", "driver_url", "libpq_url"]

P = ParamSpec("P")
T = TypeVar("T")

_TRIES = 4
_RETRIED = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


def driver_url(url: str | URL) -> URL:
    """The same address for the psycopg 3 driver, whatever driver (or none) it named."""
    return make_url(url).set(drivername="postgresql+psycopg")


def libpq_url(url: str | URL) -> str:
    """The same address as libpq and Procrastinate read it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Database:
    """Two pools on one PostgreSQL: read-only autocommit connections, and writing ones at READ COMMITTED."""

    def __init__(self, url: str | URL, *, pool_size: int = 16) -> None:
        self.url = driver_url(url)
        self._reading = _engine(self.url, pool_size, read_only=True)
        self._writing = _engine(self.url, pool_size, read_only=False)

    def read(self, use_case: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that only reads; each statement sees what is committed when it starts."""
        with _unavailable_when_lost(), self._reading.connect() as db:
            return use_case(db, *args, **kwargs)

    def write(self, use_case: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case in one transaction: committed when it returns, rolled back when it raises.

        A serialization failure or a deadlock is tried again, three times at most; nothing of a failed try stays.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                with self.transaction() as db:
                    return use_case(db, *args, **kwargs)
            except DBAPIError as error:
                if attempt == _TRIES or not isinstance(error.orig, _RETRIED):
                    raise
                time.sleep(random.uniform(0.005, 0.02) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    def append(self, use_case: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case of one statement that stands for itself: it commits as it ends."""
        with _unavailable_when_lost(), self._writing.connect() as db:
            return use_case(db.execution_options(isolation_level="AUTOCOMMIT"), *args, **kwargs)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction for an edge that needs more than one use case in it."""
        with _unavailable_when_lost(), self._writing.begin() as db:
            yield db

    def close(self) -> None:
        self._reading.dispose()
        self._writing.dispose()


def _engine(url: URL, pool_size: int, *, read_only: bool) -> Engine:
    options = "-c timezone=UTC" + (" -c default_transaction_read_only=on" if read_only else "")
    # A read-only autocommit connection has nothing to roll back when it returns to the pool.
    reset = {"pool_reset_on_return": None, "isolation_level": "AUTOCOMMIT"} if read_only else {}
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        connect_args={"options": options, "connect_timeout": 5},
        **reset,
    )
    event.listen(engine, "checkout", _refuse_ended)
    return engine


def _refuse_ended(driver: psycopg.Connection[Any], *_: object) -> None:
    """Keep connections of a server that was restarted from being used, without asking it anything.

    An idle connection hears nothing from a server that lives; when the server ends, its socket turns readable.
    """
    ended = driver.closed
    if not ended:
        socket = select.poll()
        socket.register(driver.fileno(), select.POLLIN)
        ended = bool(socket.poll(0))
    if ended:
        raise InvalidatePoolError


@contextmanager
def _unavailable_when_lost() -> Iterator[None]:
    """A database that is down is `Unavailable`, not a fault of the request."""
    try:
        yield
    except psycopg.OperationalError as error:  # from a COPY, which goes past SQLAlchemy
        if isinstance(error, (*_RETRIED, psycopg.errors.QueryCanceled)):
            raise
        raise _lost() from error
    except (OperationalError, PoolTimeout) as error:
        cause = None if isinstance(error, PoolTimeout) else error.orig
        if isinstance(cause, (*_RETRIED, psycopg.errors.QueryCanceled)):
            raise
        raise _lost() from error


def _lost() -> Unavailable:
    return Unavailable("DATABASE_UNAVAILABLE", "the database does not answer", retry_after=5)
