"""Migrate the database and issue worker tokens. Neither needs the application, which takes longer to import than both to run."""

from adapters.identity.hmac_tokens import HmacTokens
from adapters.persistence.migrate import upgrade
from entrypoints.cli.actions.database import require_database
from entrypoints.settings import Settings


def migrate_database() -> None:
    """Upgrade the configured database to the newest schema."""
    settings = require_database(Settings.read())
    assert settings.database_url is not None
    upgrade(settings.database_url.get_secret_value())


def issue_worker_token() -> str:
    return HmacTokens(Settings.read().secret_key().encode()).issue_worker_token()
