"""Start a run of a pipeline's newest revision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from application.commands.runs.run_opener import OpenedRun, RunOpener, TriggerCommand, UncheckedRun
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.errors import HeadgateError, InvalidInput, NotFound
from domain.pipelines.activation import check_not_archived
from domain.runs.status import Status


@dataclass(frozen=True, slots=True)
class TriggerResult:
    """The run as it was started. `replayed` is True if an earlier request with the same key started it."""

    run_id: int
    number: int
    pipeline_id: int
    pipeline: str
    status: Status
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "replayed"}

    @classmethod
    def from_opened(cls, opened: OpenedRun) -> Self:
        run = opened.run
        return cls(run.id, run.number, run.pipeline_id, run.definition.name, opened.status)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "status": Status(stored["status"])}, replayed=True)


@dataclass(frozen=True, slots=True)
class TriggerPipeline:
    """Store a run with its stages, first events and dispatch request, in one transaction.

    Raises NotFound; InvalidInput; InsufficientDiskSpace; IdempotencyKeyReused; Conflict `in_progress`, or `archived` if the pipeline is
    archived.
    """

    open_unit_of_work: OpenUnitOfWork
    run_opener: RunOpener

    async def __call__(self, command: TriggerCommand) -> TriggerResult:
        return await self.run_opener.open_checked(lambda checked_revision: self._trigger(command, checked_revision))

    async def process_batch(self, commands: Sequence[TriggerCommand]) -> list[TriggerResult | HeadgateError]:
        """Process commands without keys for the same pipeline, in order, in one transaction. Returns a result or an error for each."""
        results = await self._trigger_all(commands, None)
        while isinstance(results, StoredPipeline):
            pipeline = results
            refusals = [await self._find_refusal(pipeline, command) for command in commands]
            accepted = [command for command, refusal in zip(commands, refusals, strict=True) if refusal is None]
            results = await self._trigger_all(accepted, pipeline.revision) if accepted else []
            if not isinstance(results, StoredPipeline):
                opened = iter(results)
                return [refusal or next(opened) for refusal in refusals]
        return results

    async def _find_refusal(self, pipeline: StoredPipeline, command: TriggerCommand) -> InvalidInput | None:
        try:
            await self.run_opener.check_deployments(pipeline, command)
        except InvalidInput as refusal:
            return refusal
        return None

    async def _trigger(self, command: TriggerCommand, checked_revision: int | None) -> TriggerResult | UncheckedRun:
        with self.run_opener.begin() as opening:
            async with self.open_unit_of_work() as work:
                if command.key and (stored := await work.idempotency.find(command.key, self.run_opener.clock.now())) is not None:
                    return TriggerResult.from_json(stored)
                self.run_opener.check_disk_space()
                pipeline = await work.pipelines.find(command.pipeline, lock=True)
                if pipeline is None:
                    raise NotFound("pipeline", command.pipeline)
                check_not_archived(pipeline.name, pipeline.activation)
                if self.run_opener.needs_check(pipeline, checked_revision):
                    return UncheckedRun(pipeline, command)
                result = TriggerResult.from_opened(await opening.open(work, pipeline, command))
                if command.key:
                    await work.idempotency.add(command.key, result.as_json())
                await work.commit()
            opening.notify()
        return result

    async def _trigger_all(
        self, commands: Sequence[TriggerCommand], checked_revision: int | None
    ) -> list[TriggerResult | HeadgateError] | StoredPipeline:
        """Return the results of a batch; the pipeline if its deployments have to be checked first."""
        with self.run_opener.begin() as opening:
            async with self.open_unit_of_work() as work:
                self.run_opener.check_disk_space()
                pipeline = await work.pipelines.find(commands[0].pipeline, lock=True)
                if pipeline is None:
                    return [NotFound("pipeline", command.pipeline) for command in commands]
                check_not_archived(pipeline.name, pipeline.activation)
                if self.run_opener.needs_check(pipeline, checked_revision):
                    return pipeline
                opened = await opening.open_all(work, [(pipeline, command) for command in commands])
                await work.commit()
            opening.notify()
        return [TriggerResult.from_opened(each) if isinstance(each, OpenedRun) else each for each in opened]
