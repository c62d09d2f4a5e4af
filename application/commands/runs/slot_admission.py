"""Decide, under the locks of their buckets, which runs of a transaction get slots, wait, replace others, or are refused."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import UnitOfWork
from application.ports.system.clock import Clock
from domain.concurrency.allocation import Allocation, BucketState, OpeningSlots
from domain.concurrency.bucket import Bucket, get_bucket, get_stage_buckets
from domain.concurrency.definition import ConcurrencyLimit, WhenFull
from domain.concurrency.slots import SlotState
from domain.errors import Conflict, TooManyWaiting
from domain.name_lists import format_names
from domain.pipelines.definition import PipelineDefinition
from domain.runs.run import Run
from domain.runs.run_slots import find_held_buckets, find_waiting_buckets, get_buckets, waits_for_slots

MAX_WAITING: Final = 1_000
"""Requests that may wait for a bucket."""
_REPLACING: Final = (WhenFull.CANCEL_RUNNING, WhenFull.KEEP_NEWEST)


@dataclass(frozen=True, slots=True)
class SlotDemand:
    """The slots that a new run needs: `limits` are those of the run, with their buckets, `stage_buckets` those of its first stages."""

    limits: Sequence[tuple[ConcurrencyLimit, Bucket]]
    stage_buckets: Sequence[Bucket]

    @property
    def buckets(self) -> set[Bucket]:
        return {bucket for _, bucket in self.limits}.union(self.stage_buckets)


def get_demand(pipeline: StoredPipeline, parameters: Mapping[str, Any]) -> SlotDemand:
    """Return the slots that a run of the pipeline needs when it opens."""
    definition: PipelineDefinition = pipeline.definition
    limits = [(limit, get_bucket(pipeline.id, limit, parameters)) for limit in definition.concurrency]
    return SlotDemand(limits, [bucket for stage in definition.stages if not stage.needs for bucket in get_stage_buckets(stage)])


@dataclass(frozen=True, slots=True)
class LimitFull:
    """A refusal of a run, since a limit that skips runs has no free slot. `holders` are the ids of the runs in the way."""

    bucket: Bucket
    limit: int | None
    stored_holders: Sequence[int]
    new_holders: Sequence[Run]

    def to_error(self, pipeline: str) -> Conflict:
        """Return the error. Call it when the new holders are stored, so that they have ids."""
        holders = [*self.stored_holders, *(run.id for run in self.new_holders)]
        named = format_names([f"run {holder}" for holder in holders])
        slots = "the only slot is" if self.limit == 1 else f"{len(holders)} of {self.limit} slots are"
        sentence = f"{pipeline} was not started: {slots} held by {named}." if holders else f"{pipeline} was not started: other runs wait."
        return Conflict("limit_full", sentence, {"bucket": self.bucket.name, "limit": self.limit, "holders": holders})


@dataclass(slots=True)
class SlotAdmission:
    """The locked buckets of one transaction, and the runs that may have to end for new ones.

    `runs` are locked. `opened` are the new runs, not stored yet.
    """

    allocation: Allocation
    holders: Mapping[str, Sequence[int]]
    waiting: Mapping[str, Sequence[int]]
    runs: Mapping[int, Run]
    now: datetime
    opened: list[Run] = field(default_factory=list)
    cancelled: dict[int, Run] = field(default_factory=dict)
    """The stored runs that new ones replace."""

    @classmethod
    async def begin(
        cls,
        work: UnitOfWork,
        states: Mapping[str, BucketState],
        demands: Sequence[SlotDemand],
        clock: Clock,
        also_lock: Collection[int],
    ) -> "SlotAdmission":
        """Return the admission under the locks of all buckets, which have these states.

        If runs may have to be cancelled, lock these and `also_lock`, in one statement. They are cancelled at the time after that, which is
        not before their last events.
        """
        allocation = Allocation(states)
        holders: dict[str, Sequence[int]] = {}
        waiting: dict[str, Sequence[int]] = {}
        to_lock: set[int] = set()
        for bucket, policies in _find_crowded_buckets(allocation, demands).items():
            holders[bucket.name] = await work.concurrency.find_holders(bucket.name)
            if policies.intersection(_REPLACING):
                waiting[bucket.name] = await work.concurrency.find_waiting(bucket.name)
                to_lock.update(waiting[bucket.name])
            if WhenFull.CANCEL_RUNNING in policies:
                to_lock.update(holders[bucket.name])
        runs = await work.runs.lock(sorted(to_lock.union(also_lock))) if to_lock else {}
        return cls(allocation, holders, waiting, runs, clock.now())

    def admit(self, demand: SlotDemand, pipeline: str, over_limit: bool) -> LimitFull | TooManyWaiting | None:
        """Return why no run may be opened, if so."""
        if over_limit:
            return None
        for limit, bucket in demand.limits:
            state = self.allocation.get(bucket)
            if limit.when_full is WhenFull.SKIP and self.allocation.is_full(bucket):
                new_holders = [run for run in self.opened if bucket in find_held_buckets(run)]
                return LimitFull(bucket, state.limit, self.holders.get(bucket.name, ()), new_holders)
            if limit.when_full is WhenFull.QUEUE and state.waiting >= MAX_WAITING:
                return _refuse_waiting(limit, bucket, state.waiting, pipeline)
        return None

    def replace_others(self, demand: SlotDemand, number: int, pipeline: StoredPipeline, actor: str | None) -> None:
        """Cancel the runs that the new run replaces."""
        for limit, bucket in demand.limits:
            if limit.when_full not in _REPLACING or not self.allocation.is_full(bucket):
                continue
            for run in self._list_runs(self.waiting, bucket):
                if waits_for_slots(run, None) and bucket in get_buckets(run, None):
                    self._cancel(run, number, pipeline, actor)
            if limit.when_full is WhenFull.CANCEL_RUNNING:
                self._cancel_holders(bucket, number, pipeline, actor)

    def begin_run(self, over_limit: bool) -> OpeningSlots:
        """Return what the next run takes its slots of."""
        return OpeningSlots(self.allocation, over_limit)

    async def save(self, work: UnitOfWork) -> None:
        """Store the cancelled runs, except those that are not stored at all yet."""
        if self.cancelled:
            await work.runs.save(*(run for _, run in sorted(self.cancelled.items())))

    def _cancel_holders(self, bucket: Bucket, number: int, pipeline: StoredPipeline, actor: str | None) -> None:
        """Cancel as many of the runs that hold a slot, the oldest first, as is needed for one slot to become free."""
        state = self.allocation.get(bucket)
        if state.limit is None:
            return
        runs = self._list_runs(self.holders, bucket)
        holding = [run for run in runs if run.slot_state is SlotState.HELD and bucket in get_buckets(run, None)]
        stopping = [run for run in holding if run.stop_requested_at is not None]
        gone = [run for run in runs if run.id and run.id not in self.cancelled and bucket not in find_held_buckets(run)]
        needed = state.held + 1 - state.limit - len(stopping) - len(gone)
        for run in [run for run in holding if run not in stopping][: max(0, needed)]:
            self._cancel(run, number, pipeline, actor)

    def _list_runs(self, ids: Mapping[str, Sequence[int]], bucket: Bucket) -> list[Run]:
        """Return the stored runs, then the new ones."""
        return [self.runs[run_id] for run_id in ids.get(bucket.name, ()) if run_id in self.runs] + self.opened

    def _cancel(self, run: Run, number: int, pipeline: StoredPipeline, actor: str | None) -> None:
        if run.is_over or run.stop_requested_at is not None:
            return
        held, waiting = find_held_buckets(run), find_waiting_buckets(run)
        name = f"Run {number}" if run.pipeline_id == pipeline.id else f"Run {number} of {pipeline.name}"
        run.cancel(self.now, actor, f"{name} replaces this run.")
        self.allocation.give_back(_subtract(held, find_held_buckets(run)))
        self.allocation.stop_waiting(_subtract(waiting, find_waiting_buckets(run)))
        if run.id:
            self.cancelled[run.id] = run


def _find_crowded_buckets(allocation: Allocation, demands: Sequence[SlotDemand]) -> dict[Bucket, set[WhenFull]]:
    """Return the buckets that are full or become full by the new runs, and that do not simply queue them."""
    policies: defaultdict[Bucket, set[WhenFull]] = defaultdict(set)
    counts: defaultdict[Bucket, int] = defaultdict(int)
    for demand in demands:
        for limit, bucket in demand.limits:
            policies[bucket].add(limit.when_full)
            counts[bucket] += 1
    return {
        bucket: chosen - {WhenFull.QUEUE}
        for bucket, chosen in policies.items()
        if chosen - {WhenFull.QUEUE} and (allocation.is_full(bucket) or not allocation.has_room_for(bucket, counts[bucket]))
    }


def _subtract(before: Sequence[Bucket], after: Sequence[Bucket]) -> list[Bucket]:
    left = list(after)
    return [bucket for bucket in before if bucket not in left or left.remove(bucket)]  # type: ignore[func-returns-value]


def _refuse_waiting(limit: ConcurrencyLimit, bucket: Bucket, waiting: int, pipeline: str) -> TooManyWaiting:
    queue = limit.group or (f"{pipeline} with the same {limit.key}" if limit.key else pipeline)
    count = "1 request waits" if waiting == 1 else f"{waiting:,} requests wait"
    return TooManyWaiting(f"{count} for a slot of {queue}, the maximum. {pipeline} was not started.", bucket.name)
