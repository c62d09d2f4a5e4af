"""How far an action on many runs is. The form that continues it carries this from request to request."""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Final

from domain.errors import FieldProblem, InvalidInput
from entrypoints.http.ids import parse_id
from entrypoints.web.bulk.selection import MAX_RUNS
from entrypoints.web.form_data import FormData, get_text

RUNS_PER_REQUEST: Final = 50
"""Runs that one request acts on, so that each takes about a second."""
MAX_KEY_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """The runs that are left, how many the action was applied to, and a sentence for each other one.

    `key` is the same in all requests of one form, so that a form which is sent twice acts once.
    """

    key: str
    left: Sequence[int]
    done: int = 0
    problems: Sequence[str] = ()

    @property
    def total(self) -> int:
        """The number of runs that the user chose."""
        return len(self.left) + self.done + len(self.problems)

    @property
    def handled(self) -> int:
        """The number of runs that were tried."""
        return self.done + len(self.problems)

    def continue_with(self, left: Sequence[int], done: int, problems: Sequence[str]) -> "BulkProgress":
        """Return the progress after some more runs."""
        return BulkProgress(self.key, left, self.done + done, [*self.problems, *problems])


def parse_progress(form: FormData) -> BulkProgress:
    """Return the progress that a form carries, with a new key if it has none.

    Raise InvalidInput if it names no run, too many, or a text that is not the id of a run.
    """
    texts = [*form.get("run", ()), *(text for text in get_text(form, "left").split(",") if text)]
    ids = [parse_id(text) for text in texts]
    left = list(dict.fromkeys(id for id in ids if id is not None))
    problems = list(form.get("problem", ()))[:MAX_RUNS]
    done = parse_id(get_text(form, "done")) or 0
    if not texts and not done and not problems:
        raise InvalidInput([FieldProblem("run", "choose at least one run")])
    if None in ids:
        raise InvalidInput([FieldProblem("run", "must be the id of a run")])
    if len(left) + done + len(problems) > MAX_RUNS:
        raise InvalidInput([FieldProblem("run", f"at most {MAX_RUNS} runs at once")])
    return BulkProgress(get_text(form, "key")[:MAX_KEY_LENGTH] or token_hex(16), left, done, problems)
