"""Slots of concurrency limits, the requests that wait for them, and the limits of pipelines and groups."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.concurrency.allocation import BucketState
from domain.concurrency.bucket import Bucket
from domain.concurrency.group import Group, GroupUse
from domain.concurrency.slots import SlotRequest


class Concurrency(Protocol):
    """Slots and requests are written by `Runs.add_all` and `Runs.save`.

    Transactions take locks in this order: rows of pipelines, `lock_groups`, buckets, rows of runs.
    """

    async def lock(self, buckets: Collection[Bucket]) -> Mapping[str, BucketState]:
        """Lock the buckets until the transaction ends, and return their states by name, read after the locks, in one round trip.

        No other transaction can take a slot of a locked bucket, or begin to wait for one. Others can still give slots back.
        """
        ...

    async def find_grantable(self, limit: int) -> list[SlotRequest]:
        """Return the requests all of whose buckets have a free slot, without locks: by priority, the highest first, then by age."""
        ...

    async def has_waiting(self) -> bool:
        """Return True if any request waits."""
        ...

    async def list_waiting(self, buckets: Collection[str], limit: int) -> list[SlotRequest]:
        """Return the requests that wait for these buckets and no others, in the order of `find_grantable`."""
        ...

    async def find_holders(self, bucket: str) -> list[int]:
        """Return the runs that hold slots of the bucket, themselves or by a stage: those that took theirs first come first."""
        ...

    async def find_waiting(self, bucket: str) -> list[int]:
        """Return the runs that wait for a slot of the bucket, themselves or by a stage, in the order of `find_grantable`."""
        ...

    async def set_limits(self, pipeline_id: int, limits: Mapping[str, int], now: datetime) -> None:
        """Store the limits of a pipeline's own buckets, by `Bucket.limit_name`, in place of all that it had."""
        ...

    async def set_uses(self, pipeline_id: int, uses: Sequence[GroupUse]) -> None:
        """Store how a pipeline uses groups, in place of all that was stored."""
        ...

    async def list_groups(self) -> Mapping[str, Group]:
        """Return all groups by name, without locks."""
        ...

    async def lock_groups(self) -> Mapping[str, Group]:
        """Lock groups and their uses against other transactions until this one ends, and return all groups by name."""
        ...

    async def set_group_limit(self, name: str, limit: int | None, set_by: str | None, now: datetime) -> None:
        """Store the limit of a group, or remove it. The caller has called `lock_groups`."""
        ...
