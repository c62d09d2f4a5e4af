"""Give out the free slots of locked buckets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BucketState:
    """How many slots of a bucket are held, and how many requests wait. `limit` is None if nothing limits the bucket."""

    limit: int | None
    held: int = 0
    waiting: int = 0

    @property
    def has_room(self) -> bool:
        return self.limit is None or self.held < self.limit
