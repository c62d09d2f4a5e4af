"""The one place where the database's failures become the domain's word for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy.exc
from psycopg import errors

from domain.errors import Unavailable

_PASSING = (
    psycopg.OperationalError,  # connection lost or refused, shutting down, statement or lock timeout, deadlock, disk full
    psycopg.InterfaceError,
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,  # a standby that is about to be promoted
    errors.UndefinedTable,  # not migrated yet
)
_UNDONE = (errors.LockNotAvailable, errors.DeadlockDetected)
"""Said instead of a result, never after a commit."""
_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (errors.UndefinedTable, "The database is not migrated yet."),
    (errors.LockNotAvailable, "The database is busy: another transaction held a row for too long."),
    (errors.DeadlockDetected, "The database is busy: two transactions waited for each other."),
    (errors.QueryCanceled, "The database took too long to answer."),
    (errors.DiskFull, "The database has no space left."),
    (errors.ReadOnlySqlTransaction, "The database takes no writes now."),
)


@contextmanager
def translate_database_errors() -> Iterator[None]:
    """Inside it, what passes with time raises Unavailable; everything else is a defect and goes through as it is."""
    try:
        yield
    except sqlalchemy.exc.TimeoutError as error:
        raise Unavailable("Every database connection is taken.", undone=True) from error
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, _PASSING) or error.connection_invalidated:
            raise Unavailable(_sentence(error.orig), undone=isinstance(error.orig, _UNDONE)) from error
        raise
    except _PASSING as error:
        raise Unavailable(_sentence(error), undone=isinstance(error, _UNDONE)) from error
    except ConnectionError as error:
        raise Unavailable(_sentence(error)) from error


def _sentence(error: BaseException | None) -> str:
    return next((sentence for kind, sentence in _SENTENCES if isinstance(error, kind)), "The database does not answer.")
