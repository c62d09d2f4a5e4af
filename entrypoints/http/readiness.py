"""The reasons for which a web process refuses triggers."""

from dataclasses import dataclass
from typing import Final

from application.ports.queries.reader import StoreProblem


@dataclass(frozen=True, slots=True)
class NotReady:
    """A reason: a stable key for programs, and a sentence for people."""

    reason: str
    sentence: str


CONNECTING: Final = NotReady("connecting", "Headgate is connecting to the database.")
FOLDER_PENDING: Final = NotReady("pipelines_pending", "Headgate is applying the folder of pipelines.")
EXAMPLES_PENDING: Final = NotReady("examples_pending", "Headgate is registering the example pipelines.")
STORE_PROBLEMS: Final = {
    StoreProblem.DOWN: "The database does not respond.",
    StoreProblem.NOT_MIGRATED: "The database is not migrated: run `headgate migrate`.",
    StoreProblem.NEWER_SCHEMA: "The database was migrated by a newer release of Headgate: install that release.",
    StoreProblem.READ_ONLY: "The database is read-only.",
    StoreProblem.FULL: "The database has no space left.",
}
