"""The concurrency limits of a pipeline, as its definition gives them."""

from dataclasses import dataclass
from enum import StrEnum


class WhenFull(StrEnum):
    """What a trigger does while the limit has no free slot, or while other runs wait for one."""

    QUEUE = "queue"
    """The new run waits."""
    SKIP = "skip"
    """No run is opened."""
    CANCEL_RUNNING = "cancel_running"
    """The runs that hold the slots are cancelled, and the new run waits for their end."""
    KEEP_NEWEST = "keep_newest"
    """The older runs that wait are cancelled, and the new run waits."""


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """A limit on the runs that are open at once.

    It counts the pipeline's runs; with `key`, those with the same value of this parameter; with `group`, all holders of the group's slots.
    `limit` is None only if another pipeline or an administrator sets the group's limit.
    """

    limit: int | None
    group: str | None = None
    key: str | None = None
    when_full: WhenFull = WhenFull.QUEUE
