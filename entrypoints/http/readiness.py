"""The reasons for which a web process refuses triggers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from application.ports.queries.reader import StoreProblem
from entrypoints.definitions.refused_definitions import describe_refused_definitions


@dataclass(frozen=True, slots=True)
class NotReady:
    """A reason: a stable key for programs, and a sentence for people. `problems` counts what a person has to correct."""

    reason: str
    sentence: str
    problems: int = 0


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


def describe_refused_folder(problems: Sequence[str], is_open: bool) -> NotReady:
    """Return why a folder of pipelines keeps the process from being ready.

    Anyone may read it. A problem quotes the definition, so it is left out unless anyone may read definitions, too.
    """
    rule = describe_refused_definitions(len(problems))
    more = f" (and {len(problems) - 1:,} more)" if len(problems) > 1 else ""
    what = f"{problems[0]}{more}" if is_open else "The log names each file and its problem"
    return NotReady(FOLDER_PENDING.reason, f"The folder of pipelines is not applied. {what}. {rule}", len(problems))
