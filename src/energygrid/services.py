"""What one process of the platform works with, opened once and closed in order."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from energygrid.access.token_check import TokenChecker
from energygrid.access.vault import KEY_BYTES, Vault
from energygrid.database.embedded import EmbeddedServer
from energygrid.database.engine import Database
from energygrid.errors import Invalid
from energygrid.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """Every surface, job and command gets the same."""

    database: Database
    settings: Settings
    vault: Vault
    tokens: TokenChecker


@contextmanager
def open_services(settings: Settings) -> Iterator[Services]:
    """Join (or start) the embedded database, or connect to the configured one; everything is closed at the end."""
    server = EmbeddedServer(settings.data_dir) if settings.database_url is None else None
    url = server.start() if server is not None else settings.database_url
    assert url is not None
    try:
        database = Database(url, pool_size=settings.database_pool_size)
        try:
            vault = Vault(_secret_key(settings))
            yield Services(database, settings, vault, TokenChecker(database, settings, vault))
        finally:
            database.close()
    finally:
        if server is not None:
            server.stop()


def _secret_key(settings: Settings) -> bytes:
    """The configured key, or the embedded installation's own, made at its first start."""
    if settings.secret_key is not None:
        try:
            return bytes.fromhex(settings.secret_key.get_secret_value())
        except ValueError as error:
            raise Invalid("BAD_SECRET_KEY", "ENERGYGRID_SECRET_KEY is not 64 hexadecimal digits") from error
    if settings.database_url is not None:
        raise Invalid(
            "NO_SECRET_KEY",
            "with ENERGYGRID_DATABASE_URL set, ENERGYGRID_SECRET_KEY must be set too: all machines of an"
            " installation share one; make it with `openssl rand -hex 32`",
        )
    file = settings.data_dir / "secret.key"
    try:
        with file.open("x") as new:
            file.chmod(0o600)
            new.write(secrets.token_hex(KEY_BYTES))
    except FileExistsError:
        pass
    return bytes.fromhex(file.read_text().strip())
