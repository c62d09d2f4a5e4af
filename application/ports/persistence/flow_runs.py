"""The flow runs of stages of kind `prefect`, from their request until they have ended."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from application.ports.dispatch.deployments import FlowLogPosition


class FlowRunRef(NamedTuple):
    """The attempt that a flow run belongs to."""

    run_id: int
    stage: str
    attempt: int


@dataclass(frozen=True, slots=True)
class FlowRunRequest:
    """A flow run to create. `tries` counts the failed ones, and `was_leased` is True if an earlier try may have created it.

    `is_cancelled` is True if the attempt is over or was stopped: the flow run is not to be created, but one that exists must be cancelled.
    """

    ref: FlowRunRef
    tries: int
    was_leased: bool
    is_cancelled: bool


@dataclass(frozen=True, slots=True)
class FollowedFlowRun:
    """A flow run to follow. `seen` is what `remember` stored last; `missing_since` is the time since which Prefect does not have it.

    `pool_checked_at` is when its pool was looked at last, while it waits there.
    """

    ref: FlowRunRef
    flow_run_id: str
    created_at: datetime
    seen: str | None = None
    missing_since: datetime | None = None
    cancel_requested_at: datetime | None = None
    cancel_sent_at: datetime | None = None
    pool_checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FlowLogState:
    """How far the log of a flow run was copied: the position in Prefect, and the number of the attempt's next line."""

    position: FlowLogPosition
    next_index: int


class FlowRuns(Protocol):
    """`Runs.add` and `Runs.save` write requests and cancellations; rows are removed when the flow run has ended or is forgotten.

    All times are those of the store's clock.
    """

    async def lease_requests(self, limit: int, seconds: float) -> Sequence[FlowRunRequest]:
        """Lease the requests that are due for `seconds`, oldest first. Those that another process has leased are skipped."""
        ...

    async def get_next_request_at(self) -> datetime | None:
        """Return when the next request is due."""
        ...

    async def set_created(self, ref: FlowRunRef, flow_run_id: str) -> None:
        """Store the id; the flow run is followed from now on."""
        ...

    async def postpone(self, ref: FlowRunRef, delay: float) -> None:
        """Count a failed try, and make the request due again after `delay` seconds."""
        ...

    async def begin_poll(self, interval: float, limit: int, after: FlowRunRef | None = None) -> Sequence[FollowedFlowRun]:
        """Return the created flow runs in the order of their refs; `after` continues with the next page.

        Return nothing if any process began a poll less than `interval` seconds ago.
        """
        ...

    async def has_followed(self) -> bool:
        """Return True if there is a flow run to follow."""
        ...

    async def find_followed(self, run_ids: Collection[int]) -> Sequence[FollowedFlowRun]:
        """Return the created flow runs of these runs, in the order of their refs."""
        ...

    async def remember(self, ref: FlowRunRef, seen: str) -> None:
        """Store what was seen last, and that Prefect has the flow run."""
        ...

    async def mark_missing(self, refs: Collection[FlowRunRef]) -> None:
        """Store that Prefect does not have these flow runs, unless that is stored already."""
        ...

    async def mark_cancel_sent(self, refs: Collection[FlowRunRef]) -> None: ...

    async def mark_pools_checked(self, refs: Collection[FlowRunRef]) -> None: ...

    async def lock_log(self, ref: FlowRunRef) -> FlowLogState | None:
        """Lock the row and return how far the log was copied; None if the flow run is not followed any more."""
        ...

    async def set_log(self, ref: FlowRunRef, state: FlowLogState) -> None: ...

    async def remove(self, refs: Collection[FlowRunRef]) -> None: ...
