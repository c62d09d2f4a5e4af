"""Dispatches in the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.runs.dispatch import DispatchState
from domain.runs.status import Status


@dataclass(frozen=True, slots=True)
class DispatchRecord:
    """One dispatch and its place in Prefect. `state` is the run's dispatch state while it is the newest dispatch, else none; `ended_at` when it
    was closed, however; `claimed` when a worker took it; `lost` when its lease ran out."""

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
    """Where the run was triggered, as `TraceContext`."""


class Dispatches(Protocol):
    async def record_flow_run(self, run_id: int, epoch: int, flow_run_id: str) -> None: ...

    async def find_run_id_by_flow_run(self, flow_run_id: str) -> int | None:
        """The run whose open dispatch this flow run is; None when that dispatch is over or it is none of ours, whatever the text."""
        ...

    async def find(self, run_id: int, epoch: int) -> DispatchRecord | None: ...

    async def find_unsettled(self, limit: int) -> list[DispatchRecord]:
        """Dispatches with a flow run whose terminal state in Prefect was not confirmed yet, oldest first."""
        ...

    async def mark_settled(self, run_id: int, epoch: int) -> None:
        """Prefect's state of that flow run is terminal; it need not be looked at again."""
        ...

    async def find_requested(self, pool: str, limit: int) -> list[tuple[int, int]]:
        """(run id, epoch) of dispatches nobody has claimed, oldest first."""
        ...

    async def find_holders(self, run_ids: Sequence[int]) -> dict[int, str]:
        """The worker that holds each run's claimed dispatch."""
        ...
