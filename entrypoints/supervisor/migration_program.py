"""The program of a MigrationProcess: upgrade the schema of the database whose URL standard input gives."""

from __future__ import annotations

import importlib
import sys

from domain.errors import Unavailable
from entrypoints.process.garbage_collection import exempt_from_garbage_collection


def main() -> None:
    """Load the libraries, then wait for the URL. Exit with the reason, in one line, if the database cannot be migrated."""
    with exempt_from_garbage_collection():
        migrate = importlib.import_module("adapters.persistence.migrate")
    try:
        migrate.upgrade(sys.stdin.read())
    except Unavailable as error:
        sys.exit(" ".join(str(error).split()))


if __name__ == "__main__":
    main()
