"""Errors of the domain and the use cases. The edge translates each into one HTTP response."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class HeadgateError(Exception):
    """A refused operation. `str()` is a sentence that a person can act on."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One problem in the input. `field` is a path such as `stages[2].timeout`; `message` continues it, e.g. "must be a number".

    `line` is the line of the field, counted from 1, if the input is a text and the field has a place in it.
    """

    field: str
    message: str
    line: int | None = None


class InvalidInput(HeadgateError):
    """The input is invalid, and nothing was stored. `problems` names every invalid field."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in problems))
        self.problems = tuple(problems)

    @classmethod
    def for_field(cls, field: str, message: str) -> "InvalidInput":
        return cls([FieldProblem(field, message)])


class NotFound(HeadgateError):
    """`parent` names what was searched, such as "run 7"; without it, the whole installation was."""

    def __init__(self, kind: str, key: object, parent: str | None = None) -> None:
        super().__init__(f"There is no {kind} {key!s:.120}{f' in {parent}' if parent else ''}.")
        self.kind = kind


class NameTaken(HeadgateError):
    def __init__(self, name: str, sentence: str | None = None) -> None:
        super().__init__(sentence or f"A pipeline named {name} already exists. Open it to edit, or choose another name.")


class Conflict(HeadgateError):
    """The present state does not allow the operation. `kind` is stable, for programs; `facts` describe the state."""

    def __init__(self, kind: str, sentence: str, facts: Mapping[str, object] | None = None) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.facts = dict(facts or {})


class TooManyWaiting(HeadgateError):
    """The queue for a slot of a concurrency limit is full. `bucket` is what the limit counts."""

    def __init__(self, sentence: str, bucket: str) -> None:
        super().__init__(sentence)
        self.bucket = bucket


class IdempotencyKeyReused(HeadgateError):
    """An Idempotency-Key was sent with a different request than the first time."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The Idempotency-Key {key:.100} was used for another request. Use a new one.")


class StaleRevision(HeadgateError):
    """The resource has changed since the client read it."""


class InsufficientDiskSpace(HeadgateError):
    """The disk has too little free space to accept more work."""


class NotAllowed(HeadgateError):
    """The caller may not do this."""


class NotSignedIn(HeadgateError):
    """The name or the password is wrong, or the session is over. The message does not say which."""


class Unavailable(HeadgateError):
    """A service that Headgate depends on does not respond; a later retry can succeed.

    `retry_after` is in seconds. `nothing_done` is True if the operation certainly had no effect.
    """

    def __init__(self, sentence: str, retry_after: float = 2.0, *, nothing_done: bool = False) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        self.nothing_done = nothing_done
