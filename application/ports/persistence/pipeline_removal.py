"""Removal of the rows of deleted pipelines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class PipelineRemoval(Protocol):
    """Removes what belongs to pipelines that are marked as deleted. Audit entries stay.

    Several processes may call it at the same time; each batch is one short transaction. Raises Unavailable.
    """

    async def find_deleted(self) -> Sequence[int]:
        """Return the ids of the pipelines that are marked as deleted and still have rows."""
        ...

    async def remove_batch(self, pipeline_id: int, ended_before: datetime) -> int:
        """Remove some rows: of runs that ended before that time, and of the pipeline itself once it has no runs.

        Return their number; 0 if there is nothing to remove now, or if another process does it. Runs whose end Prefect does not know yet
        are kept for up to an hour.
        """
        ...
