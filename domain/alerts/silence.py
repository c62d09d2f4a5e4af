"""Silences: times in which no messages are sent, for planned work."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence of one pipeline, of the pipelines with a tag, or of all pipelines if both are None."""

    id: int
    pipeline_id: int | None
    tag: str | None
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_by: str | None
    created_at: datetime

    def covers(self, pipeline_id: int | None, tags: Collection[str], now: datetime) -> bool:
        """Return True if it silences the pipeline now. `pipeline_id` is None for an incident of a channel."""
        if not self.starts_at <= now < self.ends_at:
            return False
        if self.pipeline_id is not None:
            return self.pipeline_id == pipeline_id
        return self.tag is None or self.tag in tags


def find_silence_end(silences: Iterable[Silence], pipeline_id: int | None, tags: Collection[str], now: datetime) -> datetime | None:
    """Return when the last of the silences ends that cover the pipeline now; None if none does."""
    return max((each.ends_at for each in silences if each.covers(pipeline_id, tags, now)), default=None)
