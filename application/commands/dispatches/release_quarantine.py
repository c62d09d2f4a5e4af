"""Retry the dispatches that Prefect refused."""

from dataclasses import dataclass

from application.ports.persistence.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, slots=True)
class ReleaseQuarantine:
    """Make all quarantined dispatches due for delivery. Returns their number."""

    open_unit_of_work: OpenUnitOfWork

    async def __call__(self) -> int:
        async with self.open_unit_of_work() as work:
            released = await work.outbox.release()
            await work.commit()
        return released
