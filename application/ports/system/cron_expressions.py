"""Expressions of cron with five fields."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol


class CronExpressions(Protocol):
    def find_problem(self, expression: str) -> str | None:
        """Return what is wrong with the five fields or the alias, naming the field; None if nothing is."""
        ...

    def iterate(self, expression: str, after: datetime) -> Iterator[datetime]:
        """Yield the local times, without a zone, that valid fields match after a local time, in ascending order.

        It ends if no time within 50 years matches.
        """
        ...

    def explain(self, expression: str) -> str:
        """Return a valid expression or alias in words, such as "At 02:30 every day"."""
        ...
