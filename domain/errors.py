"""What can be refused, in the words of the domain; the edge translates each into one HTTP answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class HeadgateError(Exception):
    """Something was refused. `str()` is a sentence a person can act on."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with the input. `field` is a path such as `stages[2].timeout`."""

    field: str
    message: str


class InvalidInput(HeadgateError):
    """The input breaks a rule; nothing was stored. `problems` names every field at fault."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in problems))
        self.problems = tuple(problems)

    @classmethod
    def of(cls, field: str, message: str) -> "InvalidInput":
        return cls([FieldProblem(field, message)])


class NotFound(HeadgateError):
    """No such thing."""

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"There is no {kind} {key!s:.120}.")
        self.kind = kind


class NameTaken(HeadgateError):
    """A pipeline of that name exists already."""

    def __init__(self, name: str, sentence: str | None = None) -> None:
        super().__init__(sentence or f"A pipeline named {name} exists already; PUT it to add a revision, or choose another name.")


class Conflict(HeadgateError):
    """The present state does not allow it. `kind` is stable, for machines; `facts` says what the state is."""

    def __init__(self, kind: str, sentence: str, facts: Mapping[str, object] | None = None) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.facts = dict(facts or {})


class IdempotencyKeyReused(HeadgateError):
    """An Idempotency-Key came with another request than the first time."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The Idempotency-Key {key:.100} was used for another request; use a new one.")


class StaleRevision(HeadgateError):
    """What the caller has seen has changed since; it should look again."""


class InsufficientDiskSpace(HeadgateError):
    """There is too little room on the disk to take more work."""


class NotAllowed(HeadgateError):
    """Whoever asks may not do this."""


class NotSignedIn(HeadgateError):
    """The name and the password do not go together, or the session is over; never says which."""


class Unavailable(HeadgateError):
    """Something Headgate stands on does not answer now; trying again later is right. `undone`: for certain nothing was done."""

    def __init__(self, sentence: str, retry_after: float = 2.0, *, undone: bool = False) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        self.undone = undone
