"""What a rule remembers of the last runs of a pipeline."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Final, NamedTuple

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_WORD: Final = re.compile(r"(@?[0-9]+)([a-z])([0-9]+)")


class Mark(StrEnum):
    """How a run ended, as a rule sees it, or what is wrong with a run that has not ended."""

    GOOD = "g"
    BAD = "b"
    """An event of the rule. A missed run has this mark, too."""
    OTHER = "x"
    """A failure that the rule does not report. It is remembered only to notice that a run recovered."""
    WAITING = "w"
    LATE = "l"
    OVERRUN = "o"


UNFINISHED = frozenset({Mark.WAITING, Mark.LATE, Mark.OVERRUN})


class Outcome(NamedTuple):
    """The outcome of a run, which `subject` names by its id, or of a missed tick, which it names by `@` and its seconds since 1970.

    `at` is when the run ended, or when it was noticed that something is wrong.
    """

    at: datetime
    subject: str
    mark: Mark


class RuleKey(NamedTuple):
    """What has an incident of its own: a rule of a pipeline, for the runs with one concurrency key."""

    pipeline_id: int
    rule_key: str
    concurrency_key: str = ""


@dataclass(frozen=True, slots=True)
class RuleState:
    """The outcomes of the last runs in the order of their ends, the newest last, each run once."""

    key: RuleKey
    outcomes: tuple[Outcome, ...] = ()

    @property
    def consecutive(self) -> int:
        """The number of bad runs since the last good one."""
        marks = [outcome.mark for outcome in self.outcomes if outcome.mark in (Mark.GOOD, Mark.BAD)]
        return len(list(takewhile(lambda mark: mark is Mark.BAD, reversed(marks))))


def serialize_outcomes(outcomes: Iterable[Outcome]) -> str:
    """Return a text such as `17g1764439200000000 18b1764439260000000`: subject, mark, and microseconds since 1970."""
    return " ".join(f"{outcome.subject}{outcome.mark.value}{(outcome.at - _EPOCH) // _MICROSECOND}" for outcome in outcomes)


def parse_outcomes(text: str) -> tuple[Outcome, ...]:
    """Return the outcomes of a text of `serialize_outcomes`."""
    return tuple(_parse_outcome(word) for word in text.split())


def _parse_outcome(word: str) -> Outcome:
    match = _WORD.fullmatch(word)
    if match is None:
        raise ValueError(f"unknown outcome: {word:.40}")
    subject, mark, microseconds = match.groups()
    return Outcome(_EPOCH + int(microseconds) * _MICROSECOND, subject, Mark(mark))
