"""Dispatches to send to Prefect."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A dispatch to send to Prefect. `tries` counts the failed deliveries."""

    id: int
    run_id: int
    epoch: int
    pool: str
    tries: int
    created_at: datetime


class Outbox(Protocol):
    """Dispatches that Prefect must record (warm pools) or execute (other pools). `Runs.add` and `Runs.save` write the rows."""

    async def lease(self, relay: str, limit: int, seconds: float) -> list[OutboxRow]:
        """Lease due rows to this relay for `seconds`. Rows that another relay has leased or locked are skipped."""
        ...

    async def mark_delivered(self, run_id: int, epoch: int) -> None: ...

    async def postpone(self, row_id: int, error: str, delay: float) -> None:
        """Count a failed delivery with its message, and retry after `delay` seconds."""
        ...

    async def quarantine(self, row_id: int, error: str, delay: float) -> None:
        """Postpone a row that was refused too often, and mark it as quarantined until it is delivered."""
        ...

    async def release(self) -> int:
        """Make all quarantined rows due now. Returns their number."""
        ...
