"""Mutants of the services of flow runs."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from application.ports.persistence.flow_runs import FlowRunRef
from application.services.flow_runs import flow_run_requests
from application.services.flow_runs.flow_log_importer import FlowLogImporter
from application.services.flow_runs.flow_run_follower import FlowRunFollower
from application.services.flow_runs.flow_run_requests import PreparedRequest
from application.services.flow_runs.flow_run_submitter import FlowRunSubmitter
from domain.flow_runs.flow_run import FlowRunChange
from domain.runs import run_flow_runs
from domain.runs.run import Run
from domain.runs.stage_run import StageRun
from tests.fakes.persistence.flow_runs import FakeFlowRuns
from tests.simulation.flow_runs.simulated_deployments import SimulatedDeployments

Change = Callable[[], Iterator[None]]


@dataclass(frozen=True, slots=True)
class FlowRunMutant:
    """`remove_guard` opens the context; `first_seed` is tried first, since it is known to fail."""

    remove_guard: Callable[[], AbstractContextManager[None]]
    first_seed: int


FLOW_RUN_MUTANTS: dict[str, FlowRunMutant] = {}


def mutant(what: str, first_seed: int = 0) -> Callable[[Change], Change]:
    """Register a mutant."""

    def register(change: Change) -> Change:
        FLOW_RUN_MUTANTS[what] = FlowRunMutant(contextmanager(change), first_seed)
        return change

    return register


@mutant("the key does not name the attempt")
def keys_of_stages() -> Iterator[None]:
    with patch.object(flow_run_requests, "flow_run_key", lambda rules, run_id, stage, attempt: f"{run_id}:{stage}"):
        yield


@mutant("every try has a key of its own")
def keys_of_tries() -> Iterator[None]:
    with patch.object(flow_run_requests, "flow_run_key", lambda *names: str(uuid.uuid4())):
        yield


@mutant("a cancelled request is dropped at once", first_seed=16)
def cancelled_requests_are_dropped() -> Iterator[None]:
    async def drop(self: FlowRunSubmitter, prepared: PreparedRequest, run: object) -> None:
        async with self._open_unit_of_work() as work:
            await work.flow_runs.remove([prepared.ref])
            await work.commit()

    with patch.object(FlowRunSubmitter, "_settle_cancelled", drop):
        yield


@mutant("a flow run is forgotten when its attempt ends")
def ended_attempts_are_forgotten() -> Iterator[None]:
    def release(run: Run, stage: StageRun) -> None:
        if stage.current.flow_run is not None:
            run.flow_run_changes[list(run.stages).index(stage.name), stage.current.number] = FlowRunChange.FORGET

    with patch.object(run_flow_runs, "release_flow_run", release):
        yield


@mutant("no state is forced", first_seed=4)
def nothing_is_forced() -> Iterator[None]:
    async def force(self: SimulatedDeployments, flow_run_id: str) -> None: ...

    with patch.object(SimulatedDeployments, "force_cancelled", force):
        yield


@mutant("a cancellation is stored, but not sent", first_seed=10)
def cancels_are_not_sent() -> Iterator[None]:
    async def cancel(self: SimulatedDeployments, flow_run_id: str) -> None: ...

    with patch.object(SimulatedDeployments, "cancel", cancel), patch.object(SimulatedDeployments, "force_cancelled", cancel):
        yield


@mutant("a missing flow run is not lost", first_seed=1)
def missing_flow_runs_stay() -> Iterator[None]:
    async def handle(self: FlowRunFollower, missing: Sequence[object], now: object) -> None: ...

    with patch.object(FlowRunFollower, "_handle_missing", handle):
        yield


@mutant("the rest of a log is not copied")
def logs_are_cut() -> Iterator[None]:
    async def copy(self: FlowLogImporter, ref: FlowRunRef, flow_run_id: str) -> None: ...

    with patch.object(FlowLogImporter, "copy_rest", copy):
        yield


@mutant("the position in a log is not stored")
def positions_are_not_stored() -> Iterator[None]:
    async def set_log(self: FakeFlowRuns, ref: FlowRunRef, state: Any) -> None:
        await self._change([ref], lambda row: replace(row, log=replace(state, position=row.log.position)))

    with patch.object(FakeFlowRuns, "set_log", set_log):
        yield


@mutant("stages with flow runs do not count toward the parallelism", first_seed=1)
def flow_runs_do_not_count() -> Iterator[None]:
    with patch.object(run_flow_runs, "count_active_stages", lambda run: 0):
        yield


@mutant("the id of a created flow run is not stored")
def created_flow_runs_are_not_recorded() -> Iterator[None]:
    async def record(self: FlowRunSubmitter, ref: FlowRunRef, flow_run_id: str) -> None:
        async with self._open_unit_of_work() as work:
            await work.flow_runs.remove([ref])
            await work.commit()

    with patch.object(FlowRunSubmitter, "_record", record):
        yield


@mutant("a request that is refused after an earlier try is forgotten", first_seed=644)
def refused_requests_are_forgotten() -> Iterator[None]:
    real = run_flow_runs.fail_request

    def fail(*args: Any, may_exist: bool = False) -> None:
        real(*args)

    with patch("application.services.flow_runs.flow_run_submitter.fail_request", fail):
        yield
