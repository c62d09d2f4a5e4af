"""Give out the free slots of locked buckets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from domain.concurrency.bucket import Bucket
from domain.concurrency.slots import SlotRequest, sort_requests


@dataclass(frozen=True, slots=True)
class BucketState:
    """How many slots of a bucket are held, and how many requests wait. `limit` is None if nothing limits the bucket."""

    limit: int | None
    held: int = 0
    waiting: int = 0

    @property
    def has_room(self) -> bool:
        return self.limit is None or self.held < self.limit


class Allocation:
    """The states of locked buckets while one transaction gives out their slots."""

    def __init__(self, states: Mapping[str, BucketState]) -> None:
        self._states = dict(states)

    def get(self, bucket: Bucket) -> BucketState:
        return self._states[bucket.name]

    def is_full(self, bucket: Bucket) -> bool:
        """Return True if a new request has to wait: no slot is free, or others wait already, or the bucket is not locked."""
        state = self._states.get(bucket.name)
        return state is None or state.waiting > 0 or not state.has_room

    def fits(self, buckets: Iterable[Bucket]) -> bool:
        """Return True if all buckets are locked and have a free slot."""
        return all((state := self._states.get(bucket.name)) is not None and state.has_room for bucket in buckets)

    def take(self, buckets: Iterable[Bucket]) -> None:
        """Take a slot of each locked bucket, over the limit if none is free."""
        self._count(buckets, held=1)

    def wait(self, buckets: Iterable[Bucket]) -> None:
        """Count a request that waits in each locked bucket."""
        self._count(buckets, waiting=1)

    def give_back(self, buckets: Iterable[Bucket]) -> None:
        """Count that a slot of each locked bucket is free again."""
        self._count(buckets, held=-1)

    def stop_waiting(self, buckets: Iterable[Bucket]) -> None:
        """Count that a request no longer waits in each locked bucket."""
        self._count(buckets, waiting=-1)

    def has_room_for(self, bucket: Bucket, count: int) -> bool:
        """Return True if that many slots of the locked bucket are free."""
        state = self._states[bucket.name]
        return state.limit is None or state.held + count <= state.limit

    def take_if_not_full(self, buckets: tuple[Bucket, ...]) -> bool:
        """Take the slots of a new request unless one of its buckets is full; count it as waiting otherwise."""
        if any(self.is_full(bucket) for bucket in buckets):
            self.wait(buckets)
            return False
        self.take(buckets)
        return True

    def grant(self, requests: Iterable[SlotRequest], limit: int) -> list[SlotRequest]:
        """Take the slots of waiting requests in their order, up to `limit` of them. Pass over those that do not fit."""
        granted: list[SlotRequest] = []
        for request in sort_requests(requests):
            if len(granted) < limit and self.fits(request.buckets):
                self.take(request.buckets)
                granted.append(request)
        return granted

    def _count(self, buckets: Iterable[Bucket], held: int = 0, waiting: int = 0) -> None:
        for bucket in buckets:
            if (state := self._states.get(bucket.name)) is not None:
                self._states[bucket.name] = replace(state, held=state.held + held, waiting=state.waiting + waiting)


@dataclass(frozen=True, slots=True)
class OpeningSlots:
    """The slots that a run and its first stages take in the transaction that opens it. `over_limit` takes them even if none is free."""

    allocation: Allocation
    over_limit: bool = False

    def take(self, buckets: tuple[Bucket, ...]) -> "TakenSlots":
        """Take the slots if none of the buckets is full, or if they may be taken over the limit."""
        if not self.over_limit:
            return TakenSlots(self.allocation.take_if_not_full(buckets))
        fits = self.allocation.fits(buckets)
        self.allocation.take(buckets)
        return TakenSlots(True, over_limit=not fits)


@dataclass(frozen=True, slots=True)
class TakenSlots:
    """Whether slots were taken, and whether that was over the limit."""

    held: bool
    over_limit: bool = False
