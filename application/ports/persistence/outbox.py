"""Dispatches to be sent to Prefect."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A dispatch that Prefect must be told of. `tries` counts earlier deliveries that failed."""

    id: int
    run_id: int
    epoch: int
    pool: str
    tries: int
    created_at: datetime


class Outbox(Protocol):
    """Dispatches to be recorded in (warm pool) or carried by (any other pool) Prefect; rows are written by `Runs.add` and `Runs.save`."""

    async def lease(self, relay: str, limit: int, seconds: float) -> list[OutboxRow]:
        """Take due rows for this relay for `seconds`; rows another relay has, or has locked, are passed over."""
        ...

    async def mark_delivered(self, run_id: int, epoch: int) -> None: ...

    async def postpone(self, row_id: int, error: str, delay: float) -> None:
        """Count a failed delivery, keep its sentence, try again after `delay` seconds."""
        ...

    async def quarantine(self, row_id: int, error: str, delay: float) -> None:
        """As `postpone`, for a row that was refused too often: it says so until it is delivered."""
        ...

    async def release(self) -> int:
        """Make every row in quarantine due now; returns how many there were."""
        ...
