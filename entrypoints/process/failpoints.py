"""Failpoints for chaos tests: steps at which a process kills itself as `kill -9` would.

HEADGATE_FAILPOINTS lists their names, separated by commas: `relay.before_create`, `relay.after_create`, `relay.after_note`,
`delivery.before_send`, `delivery.after_send`, `flow_run.before_create`, `flow_run.after_create`, `flow_run.before_record`,
`flow_run.after_record`, `flow_run.before_end`.
They wrap the adapters; the adapters themselves have no code for them.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from dependency_injector import containers, providers

VARIABLE = "HEADGATE_FAILPOINTS"
ReachFailpoint = Callable[[str], None]


def enable_failpoints(adapters: containers.Container, environment: Mapping[str, str]) -> None:
    """Wrap the adapters with the failpoints that the environment names. Without the variable, change nothing."""
    names = frozenset(name.strip() for name in environment.get(VARIABLE, "").split(",") if name.strip())
    if not names:
        return

    def reach(name: str) -> None:
        if name in names:
            os.kill(os.getpid(), signal.SIGKILL)

    adapters.orchestrator.override(providers.Object(_FailingOrchestrator(adapters.orchestrator(), reach)))
    adapters.channel_sender.override(providers.Object(_FailingChannelSender(adapters.channel_sender(), reach)))
    adapters.deployments.override(providers.Object(_FailingDeployments(adapters.deployments(), reach)))
    open_unit_of_work = adapters.open_unit_of_work()
    adapters.open_unit_of_work.override(providers.Object(lambda: _FailingUnitOfWork(open_unit_of_work(), reach)))


class _Wrapper:
    """Delegates every attribute that it does not define to `inner`."""

    def __init__(self, inner: Any, reach: ReachFailpoint) -> None:
        self._inner, self._reach = inner, reach

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _FailingOrchestrator(_Wrapper):
    async def create_flow_run(self, request: Any) -> Any:
        self._reach("relay.before_create")
        created = await self._inner.create_flow_run(request)
        self._reach("relay.after_create")
        return created


class _FailingChannelSender(_Wrapper):
    async def send(self, channel: Any, message: Any) -> None:
        self._reach("delivery.before_send")
        await self._inner.send(channel, message)
        self._reach("delivery.after_send")


class _FailingDeployments(_Wrapper):
    async def create_flow_run(self, run: Any) -> Any:
        self._reach("flow_run.before_create")
        created = await self._inner.create_flow_run(run)
        self._reach("flow_run.after_create")
        return created

    async def read_log(self, flow_run_id: str, position: Any, *, is_over: bool) -> Any:
        page = await self._inner.read_log(flow_run_id, position, is_over=is_over)
        if is_over:
            self._reach("flow_run.before_end")
        return page


class _FailingUnitOfWork(_Wrapper):
    def __init__(self, inner: Any, reach: ReachFailpoint) -> None:
        super().__init__(inner, reach)
        self._flow_runs: _FailingFlowRuns | None = None

    async def __aenter__(self) -> _FailingUnitOfWork:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> Any:
        return await self._inner.__aexit__(kind, error, trace)

    @property
    def outbox(self) -> _FailingOutbox:
        return _FailingOutbox(self._inner.outbox, self._reach)

    @property
    def flow_runs(self) -> _FailingFlowRuns:
        self._flow_runs = self._flow_runs or _FailingFlowRuns(self._inner.flow_runs, self._reach)
        return self._flow_runs

    async def commit(self) -> None:
        await self._inner.commit()
        if self._flow_runs is not None and self._flow_runs.has_recorded:
            self._reach("flow_run.after_record")


class _FailingOutbox(_Wrapper):
    async def mark_delivered(self, run_id: int, epoch: int) -> None:
        self._reach("relay.after_note")
        await self._inner.mark_delivered(run_id, epoch)


class _FailingFlowRuns(_Wrapper):
    """`has_recorded` is True once the transaction has stored the id of a flow run."""

    has_recorded = False

    async def set_created(self, ref: Any, flow_run_id: str) -> None:
        self._reach("flow_run.before_record")
        await self._inner.set_created(ref, flow_run_id)
        self.has_recorded = True
