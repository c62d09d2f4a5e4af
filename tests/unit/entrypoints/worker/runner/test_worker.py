"""What a worker does when the web restarts, is away, forgets it or refuses it, and when it is told to leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from domain.runs.status import Status
from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor
from entrypoints.worker.runner.worker import WorkerTimings
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.running_worker import running_worker, sh
from tests.unit.entrypoints.worker.stage_runner import is_running


def until(flag: Path, started: Path) -> str:
    return f"echo $$ > {started}.part; mv {started}.part {started}; while ! test -e {flag}; do sleep 0.01; done"


async def test_a_stage_survives_a_restart_of_the_web_and_is_reported_after_it(web: ServedHeadgate, tmp_path: Path) -> None:
    go, started = tmp_path / "go", tmp_path / "started"
    pipeline = await web.create_pipeline(sh("long", until(go, started)), sh("after", "true"))

    async with running_worker(web, tmp_path) as at:
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        await web.stop()
        go.touch()
        await eventually(lambda: not is_running(int(started.read_text())))
        await web.start()
        run = await web.wait_until_over(run_id)
        await asyncio.wait_for(at.worker.connected.wait(), 5)

    assert run.status is Status.COMPLETED
    assert web.faults.streams == 2


async def test_runs_triggered_while_the_web_refuses_everything_are_carried_once_it_is_back(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("only", "true"))

    async with running_worker(web, tmp_path):
        web.faults.is_down = True
        await web.stop()
        run_id = await web.trigger(pipeline)
        await web.start()
        web.faults.is_down = False
        run = await web.wait_until_over(run_id)

    assert run.status is Status.COMPLETED


async def test_a_claim_whose_push_was_lost_comes_with_the_next_heartbeat(web: ServedHeadgate, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    pipeline = await web.create_pipeline(sh("only", f"echo x >> {ran}"))

    async with running_worker(web, tmp_path):
        web.faults.lost_claims = 1
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.status is Status.COMPLETED
    assert ran.read_text() == "x\n"


async def test_a_dispatch_that_is_another_workers_is_killed_and_not_spoken_of(web: ServedHeadgate, tmp_path: Path) -> None:
    go, started = tmp_path / "go", tmp_path / "started"
    pipeline = await web.create_pipeline(sh("long", until(go, started)))

    async with running_worker(web, tmp_path) as at:
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        async with web.fakes.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            run.lose_dispatch(1, web.fakes.clock.now())
            await work.leases.release(run_id, 1)
            await work.runs.save(run)
            await work.commit()
        await eventually(lambda: not is_running(int(started.read_text())))
        await eventually(lambda: not at.worker.executors and at.slots.free == 4)

    assert web.get_stage_statuses(run_id) == {"long": "lost"}
    assert not [path for path, _ in web.faults.requests if path.endswith("advance")]


async def test_what_may_be_tried_again_is_ended_before_its_lease_is(web: ServedHeadgate, tmp_path: Path) -> None:
    go = tmp_path / "go"
    again, alone = tmp_path / "again", tmp_path / "alone"
    pipeline = await web.create_pipeline(
        sh("again", until(go, again), needs=[], retries=1, retry_on_loss=True), sh("alone", until(go, alone), needs=[])
    )

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=0.2, lease=2.0, drain=0.2)):
        await web.trigger(pipeline)
        await eventually(lambda: again.exists() and alone.exists())
        web.faults.is_down = True
        await eventually(lambda: not is_running(int(again.read_text())), 4)

        assert is_running(int(alone.read_text()))


async def test_an_outage_costs_a_stage_one_attempt_and_not_its_retries(web: ServedHeadgate, tmp_path: Path) -> None:
    go, begun = tmp_path / "go", tmp_path / "begun"
    pipeline = await web.create_pipeline(sh("again", until(go, begun), retries=3, retry_on_loss=True))

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=1.0, lease=2.0, drain=0.2)):
        run_id = await web.trigger(pipeline)
        await eventually(begun.exists)
        first = int(begun.read_text())
        web.faults.is_down = True
        await eventually(lambda: not is_running(first), 4)
        web.faults.lost_answers["heartbeat"] = 2
        web.faults.is_down = False
        await eventually(lambda: begun.read_text().strip() not in ("", str(first)), 15)
        await eventually(lambda: web.faults.lost_answers["heartbeat"] == 0, 15)
        go.touch()
        run = await web.wait_until_over(run_id)

    assert [attempt.status.value for attempt in run.stages["again"].attempts] == ["failed", "completed"]


async def test_a_worker_that_leaves_lets_its_stages_finish_and_hands_the_rest_back(web: ServedHeadgate, tmp_path: Path) -> None:
    go, started, second = tmp_path / "go", tmp_path / "started", tmp_path / "second"
    pipeline = await web.create_pipeline(sh("first", until(go, started)), sh("second", f"touch {second}"))

    async with running_worker(web, tmp_path) as at:
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        at.stop.set()
        await eventually(lambda: not at.worker.connected.is_set() or not web.fakes.worker_streams.pools_with_free_slots())
        go.touch()
        await asyncio.wait_for(at.running, 10)

    run = web.get_run(run_id)
    assert web.get_stage_statuses(run_id) == {"first": "completed", "second": "queued"}
    assert (run.dispatch.state, run.dispatch.epoch) == ("requested", 2)
    assert not second.exists()

    async with running_worker(web, tmp_path):
        assert (await web.wait_until_over(run_id)).status is Status.COMPLETED


async def test_a_worker_that_leaves_ends_what_takes_too_long_and_says_why(web: ServedHeadgate, tmp_path: Path) -> None:
    started = tmp_path / "started"
    pipeline = await web.create_pipeline(sh("long", until(tmp_path / "never", started)))

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=0.5, drain=0.2), grace=0.3) as at:
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        at.stop.set()
        await asyncio.wait_for(at.running, 5)

    attempt = web.get_run(run_id).stages["long"].current
    assert (attempt.status, attempt.error_message) == (Status.FAILED, "The worker was stopped while this stage ran.")


async def test_a_wrong_token_is_not_a_crash(web: ServedHeadgate, tmp_path: Path) -> None:
    async with running_worker(web, tmp_path) as at:
        web.faults.is_token_wrong = True
        await web.stop()
        await web.start()
        await eventually(lambda: web.faults.requests[-1][0].endswith("/heartbeat"))
        web.faults.is_token_wrong = False
        await asyncio.wait_for(at.worker.connected.wait(), 5)


async def test_a_refusal_that_crosses_its_dispatches_own_end_does_not_make_it_one(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("only", "true"))
    web.faults.lost_answers["advance"] = 1

    async with running_worker(web, tmp_path) as at:
        seen: list[DispatchResult] = []
        at.worker.set_recorder(_Watcher(seen))
        run_id = await web.trigger(pipeline)
        await eventually(lambda: web.get_run(run_id).is_over and bool(at.worker.executors))
        at.worker.executors[0].revoke()
        await eventually(lambda: bool(seen))

    assert not seen[0].refused
    assert [report.status for report in seen[0].reports] == ["completed"]


async def test_what_had_ended_before_a_refusal_is_told_though_it_changes_nothing(web: ServedHeadgate, tmp_path: Path) -> None:
    go, started, sure = tmp_path / "go", tmp_path / "started", asyncio.Event()
    pipeline = await web.create_pipeline(sh("short", until(go, started)), sh("long", "exec sleep 60", needs=[]))

    async with running_worker(web, tmp_path) as at:
        await web.trigger(pipeline)
        await eventually(started.exists)
        executor = at.worker.executors[0]
        executor.wait_for_lease = _when(sure)
        go.touch()
        await eventually(lambda: executor.holding[-1] == ("short", 1))
        executor.revoke()
        sure.set()
        await eventually(lambda: not at.worker.executors)

    steps = [json.loads(raw) for path, raw in web.faults.requests if path.endswith("/advance")]
    assert [(report["stage"], report["status"]) for step in steps for report in step["reports"]] == [("short", "completed")]
    assert at.slots.free == 4


def _when(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def waited() -> None:
        await event.wait()

    return waited


class _Watcher:
    def __init__(self, seen: list[DispatchResult]) -> None:
        self._seen = seen

    def record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        result.add_done_callback(lambda done: self._seen.append(done.result()))
