"""Translates database errors into Unavailable, in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy.exc
from psycopg import errors

from domain.errors import Unavailable

_TRANSIENT = (
    psycopg.OperationalError,  # connection lost or refused, shutdown, statement or lock timeout, deadlock, disk full
    psycopg.InterfaceError,
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,  # a standby that is about to be promoted
    errors.UndefinedTable,  # not migrated yet
)
_ROLLED_BACK = (errors.LockNotAvailable, errors.DeadlockDetected)
"""Errors that PostgreSQL reports instead of a result, never after a COMMIT: the transaction had no effect."""
_MESSAGES: tuple[tuple[type[BaseException], str], ...] = (
    (errors.UndefinedTable, "The database is not migrated yet."),
    (errors.LockNotAvailable, "The database is busy: another transaction held a row for too long."),
    (errors.DeadlockDetected, "The database is busy: two transactions waited for each other."),
    (errors.QueryCanceled, "The database took too long to respond."),
    (errors.DiskFull, "The database has no space left."),
    (errors.ReadOnlySqlTransaction, "The database is read-only."),
)


@contextmanager
def translate_database_errors() -> Iterator[None]:
    """Raise Unavailable for transient database errors inside the block. Other errors are defects and pass unchanged."""
    try:
        yield
    except sqlalchemy.exc.TimeoutError as error:
        raise Unavailable("All database connections are taken.", nothing_done=True) from error
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, _TRANSIENT) or error.connection_invalidated:
            raise Unavailable(_get_message(error.orig), nothing_done=isinstance(error.orig, _ROLLED_BACK)) from error
        raise
    except _TRANSIENT as error:
        raise Unavailable(_get_message(error), nothing_done=isinstance(error, _ROLLED_BACK)) from error
    except ConnectionError as error:
        raise Unavailable(_get_message(error)) from error


def _get_message(error: BaseException | None) -> str:
    return next((message for kind, message in _MESSAGES if isinstance(error, kind)), "The database does not respond.")
