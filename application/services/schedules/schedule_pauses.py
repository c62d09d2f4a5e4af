"""Pauses of schedules: what happens to their ticks while they are paused and when they go on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import LockedSchedule, StoredSchedule
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.schedules.schedule_times import ScheduleTimes, find_definition, is_held
from application.services.schedules.unrun_ticks import record_undecided_ticks, skip_waiting_ticks
from domain.schedules.definition import CatchUpPolicy
from domain.schedules.tick import TickReason

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class SchedulePauses:
    """Holds and releases schedules in the transaction that pauses or resumes them, or their pipeline. The pipeline is locked.

    A schedule fires while neither it nor its pipeline is paused, and the pipeline is not archived.
    """

    times: ScheduleTimes

    async def follow_activation(self, work: UnitOfWork, before: StoredPipeline, after: StoredPipeline, now: datetime) -> bool:
        """Hold or release the schedules of a pipeline that was paused, resumed, archived or unarchived. Return True if any changed."""
        if is_held(before) == is_held(after):
            return False
        schedules = await work.schedules.list_of(after.id)
        state = after if is_held(after) else before
        reason = TickReason.PAUSED if state.paused_at is not None else TickReason.ARCHIVED
        if is_held(after):
            await self.hold(work, schedules, now, reason)
        else:
            until = before.activation.paused_until if not before.activation.is_archived else None
            await self.release(work, after, schedules, now, reason, until=until)
        return bool(schedules)

    async def hold(self, work: UnitOfWork, schedules: Sequence[StoredSchedule], now: datetime, reason: TickReason) -> None:
        """Stop the schedules from firing. Ticks that wait never run; `release` stores those of the pause."""
        await skip_waiting_ticks(work, schedules, now, reason)
        await work.schedules.save([replace(each, next_fire_at=each.paused_until) for each in schedules])

    async def release(
        self,
        work: UnitOfWork,
        pipeline: StoredPipeline,
        schedules: Sequence[StoredSchedule],
        now: datetime,
        reason: TickReason = TickReason.PAUSED,
        catch_up: CatchUpPolicy = CatchUpPolicy.NONE,
        until: datetime | None = None,
    ) -> None:
        """Let schedules fire again, unless they or their pipeline are held, and store the ticks of the pause.

        `until` is the end of the pause, if it has passed: ticks at that time and later were not paused.
        """
        end = now if until is None else min(now, until - _INSTANT)
        if is_held(pipeline):
            await work.schedules.save([replace(each, next_fire_at=each.paused_until) for each in schedules])
            return
        released = []
        for schedule in schedules:
            definition = find_definition(pipeline, schedule.name)
            if schedule.paused_at is None and definition is not None:
                released.append(await record_undecided_ticks(work, schedule, definition, self.times, now, reason, catch_up, end))
        await work.schedules.save(released)

    async def end_expired(self, work: UnitOfWork, locked: Sequence[LockedSchedule], now: datetime) -> list[LockedSchedule]:
        """End the pauses of schedules whose time is over. Return the other schedules, of which none is paused.

        A pipeline may have been paused or archived since its schedule was found. Its schedules do not fire either.
        """
        for schedule, pipeline in locked:
            if schedule.paused_at is not None:
                await self.release(work, pipeline, [end_pause(schedule)], now, until=schedule.paused_until)
        unpaused = [each for each in locked if each.schedule.paused_at is None]
        if held := [each.schedule for each in unpaused if is_held(each.pipeline)]:
            await work.schedules.save([replace(each, next_fire_at=None) for each in held])
        return [each for each in unpaused if not is_held(each.pipeline)]


def end_pause(schedule: StoredSchedule) -> StoredSchedule:
    return replace(schedule, paused_at=None, paused_by=None, paused_until=None)
