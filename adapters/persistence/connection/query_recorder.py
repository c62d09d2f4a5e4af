"""Records what a process sends to the database, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SentQuery:
    text: str
    parameters: Mapping[str, Any]


@dataclass(slots=True)
class QueryRecorder:
    """The queries of a `Database` by round trip. BEGIN and COMMIT are not queries; a COMMIT sent alone is an empty round trip."""

    round_trips: list[list[SentQuery]] = field(default_factory=list)

    @property
    def queries(self) -> list[SentQuery]:
        return [query for round_trip in self.round_trips for query in round_trip]

    @property
    def sizes(self) -> list[int]:
        """Return the number of queries in each round trip."""
        return [len(round_trip) for round_trip in self.round_trips]

    def record(self, queries: Sequence[SentQuery]) -> None:
        self.round_trips.append(list(queries))
