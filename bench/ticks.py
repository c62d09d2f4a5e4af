"""Measure how soon the ticks of schedules open their runs: `python -m bench.ticks`.

One tick at a time beside a bare timer in the same process; a thousand ticks of one second with three web processes; and the share of a core
that a web process needs for ten thousand schedules while none is due. A run counts as open when another connection sees it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from adapters.persistence.database import Database
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.disk_space import HomeDiskSpace
from adapters.system.json_schema.validator import JsonSchemaValidator
from adapters.system.worker_streams import InMemoryWorkerStreams
from adapters.telemetry.null import NullTelemetry
from application.commands.runs.run_opener import RunOpener
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.loop import run_service
from application.services.schedules.schedule_sync import ScheduleSync
from application.services.schedules.schedule_times import ScheduleTimes
from application.services.schedules.tick_service import TickService
from bench.support.measurements import Measurement, latency, print_measurements, print_progress, quantity
from bench.support.web_process import WebProcess, postgres_server, web_process
from domain.pipelines.parsing import parse_definition
from domain.runs.run import Run

SINGLE_TICKS = 30
SINGLE_INTERVAL = timedelta(seconds=1)
STORM = 1_000
IDLE_SCHEDULES = 10_000
WEBS = 3
_STAGES = [{"name": "work", "kind": "command", "command": ["true"]}]
_TIMES = ScheduleTimes(CronsimExpressions())
_POLL_SECONDS = 0.02
_ADDING_SECONDS = 20.0


class TimedWakeups(LocalWakeups):
    """Records when the commit of each run is announced."""

    def __init__(self, database: Database) -> None:
        super().__init__(InMemoryWorkerStreams(), frozenset({"headgate"}))
        self._database = database
        self.delays: list[float] = []

    def notify_committed(self, runs: Sequence[Run] = (), *, skip_worker: str | None = None, log_run_ids: Sequence[int] = ()) -> None:
        now = self._database.clock.now()
        self.delays += [(now - run.trigger.scheduled_for).total_seconds() for run in runs if run.trigger.scheduled_for is not None]
        super().notify_committed(runs, skip_worker=skip_worker, log_run_ids=log_run_ids)


def main() -> None:
    with postgres_server() as server:
        print_measurements(measure(server))


def measure(server: EmbeddedPostgres, scale: float = 1.0) -> list[Measurement]:
    found = asyncio.run(_measure_single_ticks(server.url(), max(10, round(SINGLE_TICKS * scale))))
    with ExitStack() as stack:
        webs = [stack.enter_context(web_process(server)) for _ in range(WEBS)]
        found.append(asyncio.run(_measure_storm(server.url(), webs[0])))
        found += asyncio.run(_measure_idle(server.url(), webs[0], 40 * scale))
    return found


async def _measure_single_ticks(url: str, count: int) -> list[Measurement]:
    """Measure ticks that are a second apart, and timers of the event loop for the same times."""
    database = Database(url)
    await database.start()
    wakeups = TimedWakeups(database)
    opener = RunOpener(JsonSchemaValidator(), database.clock, wakeups, HomeDiskSpace(Path("/"), 0))
    service = TickService(database.open_unit_of_work, opener, _TIMES, wakeups, NullTelemetry())
    first = (database.clock.now() + timedelta(seconds=5)).replace(microsecond=0)
    due = [first + SINGLE_INTERVAL * number for number in range(count)]
    await _add_pipelines(database, [at.replace(tzinfo=None).isoformat() for at in due], "single")
    timers: list[float] = []
    loop = asyncio.get_running_loop()

    def record_timer(when: float) -> None:
        timers.append(loop.time() - when)

    ticking = asyncio.create_task(run_service(service, service.wait, _fail))
    for at in due:
        when = loop.time() + (at - database.clock.now()).total_seconds()
        loop.call_at(when, record_timer, when)
    while len(wakeups.delays) < count:
        print_progress("ticks", len(wakeups.delays), count)
        await asyncio.sleep(1)
    print_progress("ticks", count, count)
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)
    await database.stop()
    bare = latency("bare timer of the same process", timers)
    return [bare, latency("tick → run opened, one at a time", wakeups.delays, bare)]


async def _measure_storm(url: str, web: WebProcess) -> Measurement:
    """Measure when the runs of a thousand ticks of one second are seen, with three web processes."""
    database = Database(url)
    await database.start()
    due_at = (database.clock.now() + timedelta(seconds=_ADDING_SECONDS)).replace(microsecond=0)
    await _add_pipelines(database, [due_at.replace(tzinfo=None).isoformat()] * STORM, "storm")
    web.create_pipeline("wake", _STAGES)  # its event has every web look when the next schedule is due
    assert database.clock.now() < due_at - timedelta(seconds=1), "the pipelines were not added in time"
    delays: list[float] = []
    while len(delays) < STORM:
        await asyncio.sleep(_POLL_SECONDS)
        seen, distinct = await _count_runs(database, due_at)
        assert seen == distinct, "a tick opened two runs"
        delays += [(database.clock.now() - due_at).total_seconds()] * (seen - len(delays))
        assert database.clock.now() < due_at + timedelta(seconds=60), f"{len(delays)} of {STORM} ticks opened a run"
    await database.stop()
    return latency(f"{STORM:,} ticks of one second → runs seen, {WEBS} webs", delays)


async def _count_runs(database: Database, due_at: datetime) -> tuple[int, int]:
    async with database.engine.connect() as connection:
        query = "SELECT count(*), count(DISTINCT schedule_id) FROM run WHERE scheduled_for = :at"
        return tuple((await connection.execute(text(query), {"at": due_at})).one())


async def _measure_idle(url: str, web: WebProcess, seconds: float) -> list[Measurement]:
    """Compare the processor time of a web process without and with many schedules of which none is due."""
    await asyncio.sleep(5)
    before = await _measure_share(web, seconds)
    database = Database(url)
    await database.start()
    at = (database.clock.now() + timedelta(days=30)).replace(tzinfo=None).isoformat(timespec="seconds")
    await _add_pipelines(database, [at] * IDLE_SCHEDULES, "idle")
    await database.stop()
    await asyncio.sleep(5)
    after = await _measure_share(web, seconds)
    return [
        quantity("a web process, idle", before, "%"),
        quantity(f"the same with {IDLE_SCHEDULES:,} schedules, none due", after, "%"),
    ]


async def _measure_share(web: WebProcess, seconds: float) -> float:
    """Return the share of a core that the process uses, in percent."""
    used, started = _read_cpu(web.process.pid), time.perf_counter()
    await asyncio.sleep(seconds)
    return 100 * (_read_cpu(web.process.pid) - used) / (time.perf_counter() - started)


def _read_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _add_pipelines(database: Database, times: Sequence[str], prefix: str) -> None:
    """Store a pipeline with a one-time schedule for each of the times."""
    sync = ScheduleSync(_TIMES)
    for start in range(0, len(times), 500):
        async with database.open_unit_of_work() as work:
            for number, at in enumerate(times[start : start + 500], start):
                raw = {"name": f"{prefix}-{number}", "stages": _STAGES, "schedules": [{"name": "once", "at": at}]}
                now = database.clock.now()
                await sync.add_all(work, await work.pipelines.add(parse_definition(raw), now), now)
            await work.commit()


def _fail(service: str, error: Exception) -> None:
    raise error


if __name__ == "__main__":
    main()
