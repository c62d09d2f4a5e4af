"""What started a run."""

from dataclasses import dataclass
from typing import Final

REPORT: Final = "report"
"""The kind of a trigger by a report that opened its run."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """`kind` is `dashboard`, `api`, `cli` or `report`, `actor` the name of who started it, `repeats` the id of the run that it repeats."""

    kind: str
    actor: str | None = None
    repeats: int | None = None

    @property
    def is_report(self) -> bool:
        return self.kind == REPORT
