"""Injects the faults of a plan, and repairs them at the end."""

import asyncio
from typing import TYPE_CHECKING, Any

from tests.simulation.plan import Fault
from tests.simulation.runtime.process import Process

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class FaultInjector:
    """Counts a fault only if it had a target."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._context = simulation.context
        self._is_over = False

    async def run(self) -> None:
        for fault in self._simulation.plan.faults:
            await asyncio.sleep(max(0.0, fault.at - self._simulation.loop.time()))
            if self._is_over:
                return
            if self._inject(fault):
                self._simulation.record_fault(fault.kind)
                self._simulation.note(fault.kind, fault.which, fault.seconds)

    def heal(self) -> None:
        """Bring back everything that is down."""
        self._is_over = True
        self._simulation.note("healed")
        simulation = self._simulation
        self._context.store.is_down = self._context.prefect.is_down = False
        self._context.store.resume()
        for process in self._processes():
            process.thaw()
        for process in (*self._context.webs, *simulation.workers, *simulation.reporters):
            self._revive(process)

    def _processes(self) -> list[Process]:
        return [*self._context.webs, *self._simulation.workers, *self._simulation.flows, *self._simulation.reporters]

    def _inject(self, fault: Fault) -> bool:
        method = getattr(self, "_" + fault.kind.replace(" ", "_"))
        return bool(method(fault))

    def _later(self, fault: Fault, act: Any, *args: Any) -> None:
        self._simulation.loop.call_later(fault.seconds, act, *args)

    def _revive(self, process: Any) -> None:
        if not process.is_up:
            self._simulation.note("revived", process.name)
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

    # -- one method for each kind of fault --------------------------------------------------------------------------------------------

    def _kill_web(self, fault: Fault) -> bool:
        return self._kill(fault, self._context.webs)

    def _kill_worker(self, fault: Fault) -> bool:
        return self._kill(fault, self._simulation.workers)

    def _kill_flow_process(self, fault: Fault) -> bool:
        return self._kill(fault, self._simulation.flows, revived=False)

    def _kill_reporter(self, fault: Fault) -> bool:
        return self._kill(fault, [reporter for reporter in self._simulation.reporters if not reporter.is_done])

    def _freeze_web(self, fault: Fault) -> bool:
        return self._freeze(fault, self._context.webs)

    def _freeze_worker(self, fault: Fault) -> bool:
        return self._freeze(fault, [*self._simulation.workers, *self._simulation.flows])

    def _drain_worker(self, fault: Fault) -> bool:
        """Send SIGTERM; start the next process once it has ended, or kill it after 20 s."""
        alive = [worker for worker in self._simulation.workers if worker.is_up and not worker.is_stopping]
        if not alive:
            return False
        worker = alive[fault.which % len(alive)]
        worker.stop()
        self._simulation.clients.run_in_background(self._restart_after_drain(worker))
        return True

    async def _restart_after_drain(self, worker: Any) -> None:
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
        lines = [worker.transport.stream for worker in self._simulation.workers if worker.is_up and worker.transport.stream is not None]
        if lines:
            lines[fault.which % len(lines)].cut(min(20.0, fault.seconds))
        return bool(lines)

    def _cut_viewer(self, fault: Fault) -> bool:
        self._simulation.viewer.cut()
        return True

    def _store_away(self, fault: Fault) -> bool:
        self._context.store.is_down = True
        self._later(fault, setattr, self._context.store, "is_down", False)
        return True

    def _store_stands_still(self, fault: Fault) -> bool:
        self._context.store.stand_still()
        self._later(fault, self._context.store.resume)
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
            self._simulation.clients.run_in_background(self._simulation.cancel(open_ones[fault.which % len(open_ones)]))
        return bool(open_ones)

    def _installation_stopped(self, fault: Fault) -> bool:
        """Kill every process, and start them again after a time that passes at once."""
        simulation = self._simulation
        machines = (*self._context.webs, *simulation.workers, *simulation.reporters)
        for process in (*machines, *simulation.flows):
            if process.is_up:
                process.kill()
        self._context.clock.jump(fault.seconds)
        for process in machines:
            simulation.loop.call_later(1.0, self._revive, process)
        return True

    def _clock_set(self, fault: Fault) -> bool:
        self._context.clock.jump(fault.seconds)
        return True

    def _stage_hangs(self, fault: Fault) -> bool:
        """Make a stage's process hang, so that its worker has to end it."""
        stages = [stage for worker in self._simulation.workers if worker.is_up for stage in worker.host.get_running()]
        if stages:
            stages[fault.which % len(stages)].hang()
        return bool(stages)
