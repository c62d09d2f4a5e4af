"""The faults: how each is caused and how it is repaired."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.chaos.pipelines import PREFECT_POOL, RESILIENT_PIPELINES
from tests.chaos.process import Process, send
from tests.chaos.relay import Relay
from tests.chaos.stack import LEASE, Stack

SHORT, LONG = LEASE / 4, LEASE * 1.7
"""Seconds well within a lease, and well beyond it."""
_RESTART = 0.3
UNAFFECTED_PIPELINES = (*RESILIENT_PIPELINES, "fragile")
"""Pipelines whose runs must complete if no worker is silent for longer than its lease."""


@dataclass(slots=True)
class FaultContext:
    """The stack that a fault affects, and the random numbers that choose a process."""

    stack: Stack
    rng: random.Random

    def choose_web(self) -> Process:
        return self.rng.choice(self.stack.webs)

    def choose_worker(self) -> Process:
        """Return a worker that is running a stage, if there is one."""
        busy = [worker for worker in self.stack.workers if self.stack.find_stages(worker)]
        return self.rng.choice(busy or self.stack.workers)

    async def choose_stage(self) -> int | None:
        """Return the pid of a running stage. Wait up to three seconds for one."""
        for _ in range(100):
            if stages := [pid for worker in self.stack.workers for pid in self.stack.find_stages(worker)]:
                return self.rng.choice(stages)
            await asyncio.sleep(0.03)
        return None


Strike = Callable[[FaultContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and the pipelines whose runs must complete in spite of it. `points` is how often `make chaos` causes it."""

    name: str
    strike: Strike
    expected: tuple[str, ...] = RESILIENT_PIPELINES
    points: int = 2
    pipelines: tuple[str, ...] = ()


async def _kill_and_restart(process: Process) -> None:
    await asyncio.to_thread(process.kill)
    await asyncio.sleep(_RESTART)
    process.start()


async def _pause(pid: int | None, seconds: float) -> None:
    if pid is not None and send(pid, signal.SIGSTOP):
        try:
            await asyncio.sleep(seconds)
        finally:
            send(pid, signal.SIGCONT)


async def kill_web(scene: FaultContext) -> None:
    await _kill_and_restart(scene.choose_web())


async def kill_both_webs(scene: FaultContext) -> None:
    await asyncio.gather(*(_kill_and_restart(web) for web in scene.stack.webs))


async def kill_worker(scene: FaultContext) -> None:
    await _kill_and_restart(scene.choose_worker())


async def kill_all_workers(scene: FaultContext) -> None:
    await asyncio.gather(*(_kill_and_restart(worker) for worker in scene.stack.workers))


async def kill_all_but_postgres(scene: FaultContext) -> None:
    await asyncio.gather(*(_kill_and_restart(each) for each in (*scene.stack.webs, *scene.stack.workers)))


def stop_web(seconds: float) -> Strike:
    return lambda scene: _pause(scene.choose_web().pid, seconds)


def stop_every_web(seconds: float, *, dies: bool = False) -> Strike:
    """Stop all webs at once for that time. Then let them go on, or kill them and start them again."""

    async def strike(scene: FaultContext) -> None:
        await asyncio.gather(*(_pause(web.pid, seconds) for web in scene.stack.webs))
        if dies:
            await kill_both_webs(scene)

    return strike


def stop_worker(seconds: float) -> Strike:
    return lambda scene: _pause(scene.choose_worker().pid, seconds)


def stop_host(seconds: float) -> Strike:
    return lambda scene: _pause(scene.stack.find_stage_host(scene.choose_worker()), seconds)


async def stop_stage(scene: FaultContext) -> None:
    await _pause(await scene.choose_stage(), LONG)


async def kill_host(scene: FaultContext) -> None:
    if (host := scene.stack.find_stage_host(scene.choose_worker())) is not None:
        send(host, signal.SIGKILL)


async def kill_stage(scene: FaultContext) -> None:
    if (pid := await scene.choose_stage()) is not None:
        send(pid, signal.SIGKILL)


async def kill_prefect(scene: FaultContext) -> None:
    scene.stack.prefect.end()
    await asyncio.sleep(_RESTART)
    scene.stack.prefect.start()


async def stop_prefect(scene: FaultContext) -> None:
    group = scene.stack.prefect.pid
    os.killpg(group, signal.SIGSTOP)
    await asyncio.sleep(LONG)
    os.killpg(group, signal.SIGCONT)


async def reset_prefect(scene: FaultContext) -> None:
    await asyncio.to_thread(scene.stack.reset_prefect)


async def kill_a_backend(scene: FaultContext) -> None:
    await asyncio.to_thread(_end_sessions, scene, 1)


async def kill_every_backend(scene: FaultContext) -> None:
    await asyncio.to_thread(_end_sessions, scene, 1_000)


def _end_sessions(scene: FaultContext, limit: int) -> None:
    with scene.stack.postgres.connection() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = 'headgate'"
            " AND pid <> pg_backend_pid() ORDER BY (state = 'active') DESC, random() LIMIT %s) AS chosen",
            [limit],
        )


async def kill_postmaster(scene: FaultContext) -> None:
    pid = scene.stack.get_postmaster_pid()
    os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(_RESTART)
    await asyncio.to_thread(scene.stack.postgres.start)


def stop_postgres(seconds: float) -> Strike:
    async def strike(scene: FaultContext) -> None:
        await asyncio.gather(*(_pause(pid, seconds) for pid in scene.stack.list_postgres_pids()))

    return strike


async def restart_postgres(scene: FaultContext) -> None:
    await asyncio.to_thread(scene.stack.postgres.stop)
    await asyncio.sleep(_RESTART)
    await asyncio.to_thread(scene.stack.postgres.start)


def hold_database_network(seconds: float, hold: Callable[[Relay], None], *, is_cut: bool = False) -> Strike:
    """Hold up what webs and the database send to each other."""
    return lambda scene: _hold_network(scene.stack.database_relays, seconds, hold, is_cut)


def hold_worker_network(seconds: float, hold: Callable[[Relay], None], *, is_cut: bool = False) -> Strike:
    """Hold up what workers and webs send to each other."""
    return lambda scene: _hold_network(scene.stack.web_relays, seconds, hold, is_cut)


async def _hold_network(relays: Sequence[Relay], seconds: float, hold: Callable[[Relay], None], is_cut: bool) -> None:
    """Hold the relays for that time. Then let them go on, or cut their connections first."""
    assert relays, "the stack has no relays"
    for relay in relays:
        hold(relay)
    try:
        await asyncio.sleep(seconds)
    finally:
        for relay in relays:
            if is_cut:
                relay.cut()
            relay.resume()


async def roll_webs(scene: FaultContext) -> None:
    for index, web in enumerate(scene.stack.webs):
        await asyncio.to_thread(web.terminate, 30)
        web.start()
        await asyncio.to_thread(scene.stack.wait_for_web, index)


async def roll_workers(scene: FaultContext) -> None:
    for worker in scene.stack.workers:
        await asyncio.to_thread(worker.terminate, 30)
        worker.start()


async def roll_everything(scene: FaultContext) -> None:
    await roll_webs(scene)
    await roll_workers(scene)


def shift_web_clock(seconds: float) -> Strike:
    """Run a web with this many seconds added to its clock for longer than a lease."""

    async def strike(scene: FaultContext) -> None:
        index = scene.rng.randrange(len(scene.stack.webs))
        await asyncio.to_thread(scene.stack.restart_web, index, seconds)
        try:
            await asyncio.sleep(LONG)
        finally:
            await asyncio.to_thread(scene.stack.restart_web, index)

    return strike


def die_at(failpoint: str) -> Strike:
    """Run a single web, and so a single relay, that kills itself at the failpoint. Then start both webs without it."""

    async def strike(scene: FaultContext) -> None:
        scene.stack.start_prefect_worker(PREFECT_POOL)
        first, *others = scene.stack.webs
        for web in scene.stack.webs:
            await asyncio.to_thread(web.kill)
        first.start(HEADGATE_FAILPOINTS=failpoint)
        code = await asyncio.to_thread(first.wait, 60)
        assert code == -signal.SIGKILL, f"the web ended with {code} and not at {failpoint}\n{first.read_log()}"
        for web in (first, *others):
            web.start()

    return strike


_RELAYED = ("away",)
_AWAY = (*RESILIENT_PIPELINES, "away")

FAULTS = (
    Fault("web killed", kill_web, points=4),
    Fault("both webs killed", kill_both_webs),
    Fault("web stopped, short", stop_web(SHORT), UNAFFECTED_PIPELINES),
    Fault("web stopped, long", stop_web(LONG)),
    Fault("worker killed", kill_worker, points=4),
    Fault("all workers killed", kill_all_workers),
    Fault("webs and workers killed", kill_all_but_postgres),
    Fault("worker stopped, short", stop_worker(SHORT), UNAFFECTED_PIPELINES),
    Fault("worker stopped, long", stop_worker(LONG), points=4),
    Fault("stage host killed", kill_host, points=3),
    Fault("stage host stopped, short", stop_host(SHORT), UNAFFECTED_PIPELINES),
    Fault("stage host stopped, long", stop_host(LONG), UNAFFECTED_PIPELINES),
    Fault("stage killed", kill_stage, points=3),
    Fault("stage stopped", stop_stage, UNAFFECTED_PIPELINES),
    Fault("Prefect killed", kill_prefect, UNAFFECTED_PIPELINES),
    Fault("Prefect stopped", stop_prefect, UNAFFECTED_PIPELINES),
    Fault("Prefect on an empty database", reset_prefect, UNAFFECTED_PIPELINES, points=1),
    Fault("a backend killed", kill_a_backend, UNAFFECTED_PIPELINES, points=4),
    Fault("every backend killed", kill_every_backend, UNAFFECTED_PIPELINES, points=3),
    Fault("postmaster killed", kill_postmaster, points=3),
    Fault("PostgreSQL restarted", restart_postgres, points=3),
    *(Fault(f"PostgreSQL stopped for {seconds} s", stop_postgres(seconds), points=1) for seconds in (1, 5, 15, 60)),
    *(Fault(f"a web stopped for {seconds} s", stop_web(seconds), points=1) for seconds in (15, 60)),
    *(Fault(f"every web stopped for {seconds} s", stop_every_web(seconds), points=1) for seconds in (1, 5, 15, 60)),
    *(Fault(f"every web dies after {seconds} s", stop_every_web(seconds, dies=True), points=1) for seconds in (5, 15)),
    *(
        Fault(f"network to database still {seconds} s", hold_database_network(seconds, Relay.freeze), points=1)
        for seconds in (1, 5, 15, 60)
    ),
    *(Fault(f"network to webs still {seconds} s", hold_worker_network(seconds, Relay.freeze), points=1) for seconds in (1, 5, 15, 60)),
    Fault("network to database still, cut", hold_database_network(15, Relay.freeze, is_cut=True), points=1),
    Fault("network to webs still, cut", hold_worker_network(15, Relay.freeze, is_cut=True), points=1),
    *(Fault(f"network to database cut {seconds} s", hold_database_network(seconds, Relay.cut), points=1) for seconds in (1, 15)),
    *(Fault(f"network to webs cut {seconds} s", hold_worker_network(seconds, Relay.cut), points=1) for seconds in (1, 15)),
    Fault("webs rolled", roll_webs),
    Fault("workers rolled", roll_workers, UNAFFECTED_PIPELINES),
    Fault("everything rolled", roll_everything, points=1),
    Fault("web two hours ahead", shift_web_clock(7_200)),
    Fault("web a minute ahead", shift_web_clock(60), points=1),
    Fault("web a minute behind", shift_web_clock(-60), points=1),
    Fault("web two hours behind", shift_web_clock(-7_200)),
    Fault("relay before create", die_at("relay.before_create"), _AWAY, points=1, pipelines=_RELAYED),
    Fault("relay after create", die_at("relay.after_create"), _AWAY, points=1, pipelines=_RELAYED),
    Fault("relay after note", die_at("relay.after_note"), _AWAY, points=1, pipelines=_RELAYED),
)
