"""Runs as this process left them with its last commit: who reports about one again need not have it read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.persistence.kept import Kept
from adapters.persistence.mappers import Written
from domain.run import Run

KEPT_ATTEMPTS: Final = 5_000
HEAVIEST: Final = 200
"""Attempts of a run that is kept; who reports about a longer one has it read each time."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a row is known by: its last event and the transaction that wrote it. Every change of a run writes its row."""

    last_seq: int
    writer: str


@dataclass(frozen=True, slots=True)
class KeptRun:
    version: Version
    run: Run
    written: Written


class KeptRuns:
    """A run that is taken belongs to who took it, and is not kept until it is given back: nobody else may change it meanwhile."""

    def __init__(self) -> None:
        self._kept: Kept[int, KeptRun] = Kept(KEPT_ATTEMPTS)

    def take(self, ids: Sequence[int]) -> dict[int, KeptRun]:
        return {run_id: found for run_id in ids if (found := self._kept.take(run_id)) is not None}

    def give_back(self, kept: KeptRun) -> None:
        if len(kept.written) <= HEAVIEST:
            self._kept.put(kept.run.id, kept, len(kept.written))


def version_of(row: Any) -> Version:
    return Version(row.last_seq, row.writer)
