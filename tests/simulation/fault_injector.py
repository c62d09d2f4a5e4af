"""Makes the trouble that a plan names, and ends all of it."""

import asyncio
from typing import TYPE_CHECKING, Any

from tests.simulation.plan import Fault
from tests.simulation.runtime.process import Process

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class FaultInjector:
    """Each fault is counted only when there was something to hit."""

    def __init__(self, world: "Simulation") -> None:
        self._world = world
        self._context = world.context
        self._is_over = False

    async def make(self) -> None:
        for fault in self._world.plan.faults:
            await asyncio.sleep(max(0.0, fault.at - self._world.loop.time()))
            if self._is_over:
                return
            if self._hit(fault):
                self._world.record_fault(fault.kind)
                self._world.note(fault.kind, fault.which, fault.seconds)

    def heal(self) -> None:
        """Everything that is down comes back."""
        self._is_over = True
        self._world.note("healed")
        world = self._world
        self._context.store.is_down = self._context.prefect.is_down = False
        for process in self._processes():
            process.thaw()
        for process in (*self._context.webs, *world.workers, *world.reporters):
            self._revive(process)

    def _processes(self) -> list[Process]:
        return [*self._context.webs, *self._world.workers, *self._world.flows, *self._world.reporters]

    def _hit(self, fault: Fault) -> bool:
        method = getattr(self, "_" + fault.kind.replace(" ", "_"))
        return bool(method(fault))

    def _later(self, fault: Fault, act: Any, *args: Any) -> None:
        self._world.loop.call_later(fault.seconds, act, *args)

    def _revive(self, process: Any) -> None:
        if not process.is_up:
            self._world.note("revived", process.name)
            process.boot()

    def _kill(self, fault: Fault, processes: Any, *, revived: bool = True) -> bool:
        alive = [process for process in processes if process.is_up]
        if not alive:
            return False
        process = alive[fault.which % len(alive)]
        process.kill()
        if revived:
            self._later(fault, self._revive, process)
        return True

    def _freeze(self, fault: Fault, processes: Any) -> bool:
        alive = [process for process in processes if process.is_up and not process.is_frozen]
        if alive:
            process = alive[fault.which % len(alive)]
            process.freeze()
            self._later(fault, process.thaw)
        return bool(alive)

    # -- one for each kind --------------------------------------------------------------------------------------------

    def _kill_web(self, fault: Fault) -> bool:
        return self._kill(fault, self._context.webs)

    def _kill_worker(self, fault: Fault) -> bool:
        return self._kill(fault, self._world.workers)

    def _kill_flow_process(self, fault: Fault) -> bool:
        return self._kill(fault, self._world.flows, revived=False)

    def _kill_reporter(self, fault: Fault) -> bool:
        return self._kill(fault, [reporter for reporter in self._world.reporters if not reporter.is_done])

    def _freeze_web(self, fault: Fault) -> bool:
        return self._freeze(fault, self._context.webs)

    def _freeze_worker(self, fault: Fault) -> bool:
        return self._freeze(fault, [*self._world.workers, *self._world.flows])

    def _drain_worker(self, fault: Fault) -> bool:
        """SIGTERM; the next life begins once it has left, or after its grace."""
        alive = [worker for worker in self._world.workers if worker.is_up and not worker.is_stopping]
        if not alive:
            return False
        worker = alive[fault.which % len(alive)]
        worker.stop()
        self._world.people.keep(self._see_off(worker))
        return True

    async def _see_off(self, worker: Any) -> None:
        life = worker.id
        for _ in range(20):
            await asyncio.sleep(1.0)
            if not worker.is_up or worker.id != life:
                break
        if worker.id == life:
            if worker.is_up:
                worker.kill()
            self._revive(worker)

    def _cut_stream(self, fault: Fault) -> bool:
        lines = [worker.transport.stream for worker in self._world.workers if worker.is_up and worker.transport.stream is not None]
        if lines:
            lines[fault.which % len(lines)].cut(min(20.0, fault.seconds))
        return bool(lines)

    def _cut_viewer(self, fault: Fault) -> bool:
        self._world.viewer.cut()
        return True

    def _store_away(self, fault: Fault) -> bool:
        self._context.store.is_down = True
        self._later(fault, setattr, self._context.store, "is_down", False)
        return True

    def _engine_away(self, fault: Fault) -> bool:
        self._context.prefect.is_down = True
        self._later(fault, setattr, self._context.prefect, "is_down", False)
        return True

    def _engine_emptied(self, fault: Fault) -> bool:
        had = bool(self._context.prefect.list_states())
        self._context.prefect.lose_all_flow_runs()
        return had

    def _flow_run_deleted(self, fault: Fault) -> bool:
        there = list(self._context.prefect.list_states())
        if there:
            self._context.prefect.lose(there[fault.which % len(there)])
        return bool(there)

    def _flow_run_cancelled(self, fault: Fault) -> bool:
        there = [id for id, state in self._context.prefect.list_states().items() if not state.is_terminal]
        if there:
            self._context.prefect.cancel_by_hand(there[fault.which % len(there)])
        return bool(there)

    def _run_cancelled(self, fault: Fault) -> bool:
        open_ones = [run.id for run in self._context.store.committed.runs.values() if not run.is_over]
        if open_ones:
            self._world.people.keep(self._world.cancel(open_ones[fault.which % len(open_ones)]))
        return bool(open_ones)

    def _stage_hangs(self, fault: Fault) -> bool:
        """A stage's process that would never end, and whose worker has to end it."""
        stages = [stage for worker in self._world.workers if worker.is_up for stage in worker.host.get_running()]
        if stages:
            stages[fault.which % len(stages)].hang()
        return bool(stages)
