"""The last report of each reporter on a pipeline, among those that name no run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class ReporterKey(NamedTuple):
    """A reporter of a pipeline. `name` is empty for anonymous reporters."""

    pipeline_id: int
    name: str


@dataclass(frozen=True, slots=True)
class TakenReport:
    """A report that was applied: the hash of the received item, the run it belongs to, and its reporter's highest `seq`."""

    digest: bytes
    run_id: int
    seq: int | None


@dataclass(frozen=True, slots=True)
class LastReport:
    """A reporter's last report, and how long ago the database stored it, in seconds."""

    report: TakenReport
    seconds_ago: float


class Reporters(Protocol):
    async def find(self, keys: Sequence[ReporterKey]) -> Mapping[ReporterKey, LastReport]:
        """Return the last reports that exist."""
        ...

    async def save(self, reports: Mapping[ReporterKey, TakenReport]) -> None:
        """Store each reporter's last report, and keep the highest `seq`."""
        ...
