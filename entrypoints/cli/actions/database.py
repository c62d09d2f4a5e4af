"""Find the database that a command works on."""

import contextlib
import importlib
from collections.abc import Iterator

from pydantic import SecretStr

from entrypoints.settings import Settings, SettingsError


def require_database(settings: Settings) -> Settings:
    """Return the settings. Raise SettingsError if they name no database."""
    if settings.database_url is None:
        raise SettingsError("HEADGATE_DATABASE_URL is not set. `headgate up` runs an embedded PostgreSQL and sets it.")
    return settings


@contextlib.contextmanager
def open_database(settings: Settings) -> Iterator[Settings]:
    """Yield settings with a database that accepts connections.

    That is the configured one, else the embedded one in the home folder, which is started for the duration if it is not running.
    Raise SettingsError if there is neither.
    """
    if settings.database_url is not None or not (settings.home / "postgres" / "password").exists():
        yield require_database(settings)
        return
    server = importlib.import_module("adapters.persistence.embedded.server").EmbeddedPostgres(settings.home)
    server.start()
    try:
        yield settings.model_copy(update={"database_url": SecretStr(server.url())})
    finally:
        if not server.adopted:
            server.stop()
