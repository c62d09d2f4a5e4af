"""Dispatches in the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.runs.dispatch import DispatchState
from domain.runs.status import Status


@dataclass(frozen=True, slots=True)
class DispatchRecord:
    """One dispatch and its flow run.

    `state` is NONE unless this is the run's newest dispatch. `claimed` is True if a worker has claimed it, `lost` if its lease expired.
    `trace` is the TraceContext in which the run was triggered.
    """

    run_id: int
    number: int
    epoch: int
    pool: str
    state: DispatchState
    requested_at: datetime
    ended_at: datetime | None
    claimed: bool
    lost: bool
    flow_run_id: str | None
    run_status: Status
    pipeline: str
    trace: Mapping[str, str] = field(default_factory=dict)


class Dispatches(Protocol):
    async def record_flow_run(self, run_id: int, epoch: int, flow_run_id: str) -> None: ...

    async def find_run_id_by_flow_run(self, flow_run_id: str) -> int | None:
        """Return the run whose open dispatch has this flow run; None if that dispatch is closed or unknown. Accepts any text."""
        ...

    async def find(self, run_id: int, epoch: int) -> DispatchRecord | None: ...

    async def find_unsettled(self, limit: int) -> list[DispatchRecord]:
        """Return dispatches whose flow run has no confirmed terminal state in Prefect, oldest first."""
        ...

    async def mark_settled(self, run_id: int, epoch: int) -> None:
        """Record that the flow run has a terminal state in Prefect."""
        ...

    async def find_requested(self, pool: str, limit: int) -> list[tuple[int, int]]:
        """Return (run id, epoch) of the unclaimed dispatches: by priority, the highest first, then by age."""
        ...

    async def find_holders(self, run_ids: Sequence[int]) -> dict[int, str]:
        """Return the worker that holds the dispatch of each run that has a claimed one."""
        ...
