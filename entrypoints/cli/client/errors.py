"""Errors of calls to a Headgate server."""

from collections.abc import Sequence

from domain.errors import FieldProblem

_TRANSIENT_STATUSES = frozenset({429, 502, 503, 504})


class Unreachable(Exception):
    """No Headgate answers at the URL. The message is one line that names the URL."""


class ApiError(Exception):
    """Headgate refused the request. `problems` names the fields at fault, if the answer does."""

    def __init__(self, status: int, message: str, problems: Sequence[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.problems = tuple(problems)

    @property
    def is_transient(self) -> bool:
        """True if the same request may succeed a little later."""
        return self.status in _TRANSIENT_STATUSES
