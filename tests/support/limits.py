"""A Headgate on fakes whose pipelines have concurrency limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from application.commands.runs.run_opener import TriggerCommand
from domain.access.actor import Actor
from domain.access.audit import AuditEntry
from domain.runs.run import Run
from domain.runs.status import Status
from domain.runs.trigger import Trigger
from tests.support.actions import WORKER
from tests.support.in_process import InProcessHeadgate


class LimitedHeadgate(InProcessHeadgate):
    """No worker is connected, so that a run holds its slots until a test ends it."""

    async def add_pipeline(self, name: str = "sales", stages: Any = 1, limit: int | None = None, **keys: Any) -> int:
        """Create a pipeline, with `limit` as the limit of its runs, and return its id."""
        keys = keys if limit is None else keys | {"concurrency": [{"limit": limit, **keys.pop("entry", {})}]}
        return await self.use_cases.create_pipeline(stages, name, **keys)

    async def start(
        self, name: str = "sales", parameters: Mapping[str, Any] | None = None, *, priority: int | None = None, over_limit: bool = False
    ) -> int:
        """Trigger a pipeline and return the run's id."""
        command = TriggerCommand(
            name, parameters or {}, Trigger("api", "mara"), actor=Actor("mara"), priority=priority, over_limit=over_limit
        )
        return int((await self.application.trigger_pipeline()(command)).run_id)

    async def grant(self) -> None:
        """Grant what fits, as the service does when it is woken."""
        await self.application.grant_service().run_once()

    async def finish(self, *run_ids: int) -> None:
        """Run all stages of the runs on a worker that completes them."""
        for run_id in run_ids:
            while not (run := self.get_run(run_id)).is_over:
                if run.dispatch.holder is None:
                    await self.use_cases.claim(run_id, run.dispatch.epoch)
                ends = [(stage.name, "completed") for stage in self.get_run(run_id).running]
                await self.use_cases.advance(run_id, *ends, epoch=run.dispatch.epoch)

    async def begin(self, run_id: int) -> None:
        """Let a worker start the run's first stages."""
        await self.use_cases.claim(run_id, self.get_run(run_id).dispatch.epoch, WORKER)

    def get_run(self, run_id: int) -> Run:
        """Return the run as it is stored."""
        return self.fakes.store.committed.runs[run_id]

    @property
    def started(self) -> list[int]:
        """The runs that can start or have started, and are not over."""
        return [run.id for run in self._runs if not run.is_over and (run.startable_stages or run.running)]

    @property
    def waiting(self) -> list[int]:
        """The runs that are queued for a slot."""
        return [run.id for run in self._runs if run.status is Status.QUEUED and not run.startable_stages]

    @property
    def audit(self) -> list[AuditEntry]:
        return list(self.fakes.store.committed.audit.values())

    @property
    def cancelled(self) -> list[int]:
        return [run.id for run in self._runs if run.status is Status.CANCELLED]

    @property
    def _runs(self) -> list[Run]:
        return [run for _, run in sorted(self.fakes.store.committed.runs.items())]
