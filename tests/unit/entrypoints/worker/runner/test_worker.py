"""A worker during restarts, outages and rejections of the web, and when it stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from application.ports.dispatch.worker_messages import WorkerMessage
from domain.runs.status import Reason, Status
from entrypoints.worker.client.api_client import ApiClient, TokenRejected
from entrypoints.worker.runner import stage_attempt
from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor
from entrypoints.worker.runner.worker import WorkerTimings
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.running_worker import running_worker, sh
from tests.unit.entrypoints.worker.stage_runner import is_running


def wait_for(flag: Path, started: Path) -> str:
    """Return a script that writes its process id, then waits for a file."""
    return f"echo $$ > {started}.part; mv {started}.part {started}; while ! test -e {flag}; do sleep 0.01; done"


async def test_a_stage_survives_a_restart_of_the_web(web: ServedHeadgate, tmp_path: Path) -> None:
    go, started = tmp_path / "go", tmp_path / "started"
    pipeline = await web.create_pipeline(sh("long", wait_for(go, started)), sh("after", "true"))

    async with running_worker(web, tmp_path) as running:
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        await web.stop()
        go.touch()
        await eventually(lambda: not is_running(int(started.read_text())))
        await web.start()
        run = await web.wait_until_over(run_id)
        await asyncio.wait_for(running.worker.connected.wait(), 20)

    assert run.status is Status.COMPLETED
    assert web.faults.streams == 2


async def test_runs_triggered_during_an_outage_execute_after_it(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("only", "true"))

    async with running_worker(web, tmp_path):
        web.faults.is_down = True
        await web.stop()
        run_id = await web.trigger(pipeline)
        await web.start()
        web.faults.is_down = False
        run = await web.wait_until_over(run_id)

    assert run.status is Status.COMPLETED


async def test_a_lost_claim_arrives_with_the_next_heartbeat(web: ServedHeadgate, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    pipeline = await web.create_pipeline(sh("only", f"echo x >> {ran}"))

    async with running_worker(web, tmp_path):
        web.faults.lost_claims = 1
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.status is Status.COMPLETED
    assert ran.read_text() == "x\n"


async def test_a_revoked_dispatch_is_killed_and_not_reported(web: ServedHeadgate, tmp_path: Path) -> None:
    go, started = tmp_path / "go", tmp_path / "started"
    pipeline = await web.create_pipeline(sh("long", wait_for(go, started)))

    async with running_worker(web, tmp_path) as running:
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        async with web.fakes.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            run.lose_dispatch(1, web.fakes.clock.now())
            await work.leases.release(run_id, 1)
            await work.runs.save(run)
            await work.commit()
        await eventually(lambda: not is_running(int(started.read_text())))
        await eventually(lambda: not running.worker.executors and running.slots.free == 4)

    assert web.get_stage_statuses(run_id) == {"long": "lost"}
    assert not [path for path, _ in web.faults.requests if path.endswith("advance")]


async def test_a_repeatable_stage_ends_before_its_lease_expires(web: ServedHeadgate, tmp_path: Path) -> None:
    go = tmp_path / "go"
    again, alone = tmp_path / "again", tmp_path / "alone"
    pipeline = await web.create_pipeline(
        sh("again", wait_for(go, again), needs=[], retries=1, retry_on_loss=True), sh("alone", wait_for(go, alone), needs=[])
    )

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=0.2, lease=2.0, drain=0.2)):
        await web.trigger(pipeline)
        await eventually(lambda: again.exists() and alone.exists())
        web.faults.is_down = True
        await eventually(lambda: not is_running(int(again.read_text())), 4)

        assert is_running(int(alone.read_text()))


async def test_a_stage_that_holds_a_slot_ends_before_its_lease_expires_and_is_not_repeated(web: ServedHeadgate, tmp_path: Path) -> None:
    go, by_run, by_stage, free = (tmp_path / name for name in ("go", "by_run", "by_stage", "free"))
    await web.create_pipeline(sh("owner", "true"), concurrency=[{"group": "disk", "limit": 1}])
    limited = await web.create_pipeline(sh("work", wait_for(go, by_run), retries=1), concurrency=[{"limit": 1}])
    mixed = await web.create_pipeline(sh("uses", wait_for(go, by_stage), needs=[], uses=["disk"]), sh("free", wait_for(go, free), needs=[]))

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=0.2, lease=2.0, drain=0.2)):
        runs = [await web.trigger(limited), await web.trigger(mixed)]
        await eventually(lambda: by_run.exists() and by_stage.exists() and free.exists())
        web.faults.is_down = True
        await eventually(lambda: not is_running(int(by_run.read_text())) and not is_running(int(by_stage.read_text())), 4)
        assert is_running(int(free.read_text()))
        go.touch()
        web.faults.is_down = False
        await web.wait_until_over(runs[0])
        await web.wait_until_over(runs[1])

    assert [(each.status, each.reason) for each in web.get_run(runs[0]).stages["work"].attempts] == [(Status.LOST, Reason.FENCED)]
    assert web.get_stage_statuses(runs[1]) == {"uses": "lost", "free": "completed"}


async def test_neither_a_long_grace_nor_a_cancellation_keeps_a_stage_with_a_slot_beyond_its_lease(
    web: ServedHeadgate, tmp_path: Path
) -> None:
    go, stubborn, cancelled = (tmp_path / name for name in ("go", "stubborn", "cancelled"))
    ignore_term = "trap '' TERM; "
    pipeline = await web.create_pipeline(
        sh("stubborn", ignore_term + wait_for(go, stubborn), needs=[]),
        sh("cancelled", ignore_term + wait_for(go, cancelled), needs=[]),
        concurrency=[{"limit": 1}],
    )

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=0.2, lease=3.0, drain=0.2), grace=60.0):
        run_id = await web.trigger(pipeline)
        await eventually(lambda: stubborn.exists() and cancelled.exists())
        await web.application.cancel_stage()(run_id, "cancelled")
        await eventually(lambda: any(path.endswith("advance") for path, _ in web.faults.requests), 5)
        web.faults.is_down = True
        await eventually(lambda: not is_running(int(stubborn.read_text())) and not is_running(int(cancelled.read_text())), 6)
        web.faults.is_down = False
        await web.wait_until_over(run_id)

    assert web.get_stage_statuses(run_id) == {"stubborn": "lost", "cancelled": "cancelled"}


async def test_a_stage_with_a_slot_is_killed_before_headgate_counts_its_timeout_as_missed(
    web: ServedHeadgate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_attempt, "MAX_TIMEOUT_GRACE", 0.2)
    go, started = tmp_path / "go", tmp_path / "started"
    pipeline = await web.create_pipeline(
        sh("stubborn", "trap '' TERM; " + wait_for(go, started), timeout=2, retries=0), concurrency=[{"limit": 1}]
    )

    async with running_worker(web, tmp_path, grace=60.0):
        run_id = await web.trigger(pipeline)
        await eventually(lambda: started.exists() and not is_running(int(started.read_text())))
        run = await web.wait_until_over(run_id)

    assert (run.status, run.stages["stubborn"].current.reason) == (Status.FAILED, Reason.TIMEOUT)


async def test_an_outage_costs_a_stage_one_attempt_only(web: ServedHeadgate, tmp_path: Path) -> None:
    go, started = tmp_path / "go", tmp_path / "started"
    pipeline = await web.create_pipeline(sh("again", wait_for(go, started), retry_on_loss=True))

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=1.0, lease=2.0, drain=0.2)):
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        first = int(started.read_text())
        web.faults.is_down = True
        await eventually(lambda: not is_running(first))
        web.faults.lost_answers["heartbeat"] = 2
        web.faults.is_down = False
        await eventually(lambda: started.read_text().strip() not in ("", str(first)), 15)
        await eventually(lambda: web.faults.lost_answers["heartbeat"] == 0, 15)
        go.touch()
        run = await web.wait_until_over(run_id)

    assert [(attempt.status, attempt.reason) for attempt in run.stages["again"].attempts] == [
        (Status.LOST, Reason.FENCED),
        (Status.COMPLETED, None),
    ]


class BreakingClient(ApiClient):
    """Its first stream cannot be closed without an error."""

    is_first = True

    async def stream_messages(self, free: int) -> AsyncIterator[WorkerMessage | None]:
        try:
            async for message in super().stream_messages(free):
                yield message
        except asyncio.CancelledError:
            if self.is_first:
                self.is_first = False
                raise httpx.ReadError("The connection is lost.") from None
            raise


async def test_a_worker_ends_whose_stream_breaks_when_it_is_stopped(web: ServedHeadgate, tmp_path: Path) -> None:
    async with running_worker(web, tmp_path, client=BreakingClient) as running:
        running.stop.set()
        await asyncio.wait({running.task}, timeout=15)

        assert running.task.done()
    assert not running.api.is_first  # type: ignore[attr-defined]


async def test_a_stopping_worker_finishes_its_stages_and_hands_back_the_rest(web: ServedHeadgate, tmp_path: Path) -> None:
    go, started, second = tmp_path / "go", tmp_path / "started", tmp_path / "second"
    pipeline = await web.create_pipeline(sh("first", wait_for(go, started)), sh("second", f"touch {second}"))

    async with running_worker(web, tmp_path) as running:
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        running.stop.set()
        await eventually(lambda: not running.worker.connected.is_set() or not web.fakes.worker_streams.pools_with_free_slots())
        go.touch()
        await asyncio.wait_for(running.task, 20)

    run = web.get_run(run_id)
    assert web.get_stage_statuses(run_id) == {"first": "completed", "second": "queued"}
    assert (run.dispatch.state, run.dispatch.epoch) == ("requested", 2)
    assert not second.exists()

    async with running_worker(web, tmp_path):
        assert (await web.wait_until_over(run_id)).status is Status.COMPLETED


async def test_a_stopping_worker_ends_slow_stages_and_reports_why(web: ServedHeadgate, tmp_path: Path) -> None:
    started = tmp_path / "started"
    pipeline = await web.create_pipeline(sh("long", wait_for(tmp_path / "never", started)))

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=0.5, drain=0.2), grace=0.3) as running:
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        running.stop.set()
        await asyncio.wait_for(running.task, 20)

    attempt = web.get_run(run_id).stages["long"].current
    assert (attempt.status, attempt.error_message) == (Status.FAILED, "The worker was stopped while the stage was running.")


async def test_a_worker_whose_token_is_rejected_ends_its_stages_and_reports_nothing(web: ServedHeadgate, tmp_path: Path) -> None:
    started = tmp_path / "started"
    pipeline = await web.create_pipeline(sh("long", wait_for(tmp_path / "never", started)))

    with pytest.raises(TokenRejected, match=r"^401: "):
        async with running_worker(web, tmp_path) as running:
            await web.trigger(pipeline)
            await eventually(started.exists)
            web.faults.is_token_wrong = True
            await asyncio.wait_for(asyncio.shield(running.task), 20)

    await eventually(lambda: not is_running(int(started.read_text())))
    steps = [json.loads(raw) for path, raw in web.faults.requests if path.endswith("/advance")]
    assert [step["reports"] for step in steps if step["reports"]] == []


async def test_a_refusal_during_the_last_step_does_not_revoke_the_dispatch(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("only", "true"))
    web.faults.lost_answers["advance"] = 1

    async with running_worker(web, tmp_path) as running:
        seen: list[DispatchResult] = []
        running.worker.set_recorder(RecordingRecorder(seen))
        run_id = await web.trigger(pipeline)
        await eventually(lambda: web.get_run(run_id).is_over and bool(running.worker.executors))
        running.worker.executors[0].revoke()
        await eventually(lambda: bool(seen))

    assert not seen[0].refused
    assert [report.status for report in seen[0].reports] == ["completed"]


async def test_results_from_before_a_revocation_are_still_reported(web: ServedHeadgate, tmp_path: Path) -> None:
    go, started, release = tmp_path / "go", tmp_path / "started", asyncio.Event()
    pipeline = await web.create_pipeline(sh("short", wait_for(go, started)), sh("long", "exec sleep 60", needs=[]))

    async with running_worker(web, tmp_path) as running:
        await web.trigger(pipeline)
        await eventually(started.exists)
        executor = running.worker.executors[0]
        executor.wait_for_lease = _wait_for_event(release)
        go.touch()
        await eventually(lambda: executor.holding[-1] == ("short", 1))
        executor.revoke()
        release.set()
        await eventually(lambda: not running.worker.executors)

    steps = [json.loads(raw) for path, raw in web.faults.requests if path.endswith("/advance")]
    assert [(report["stage"], report["status"]) for step in steps for report in step["reports"]] == [("short", "completed")]
    assert running.slots.free == 4


def _wait_for_event(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        await event.wait()

    return wait


class RecordingRecorder:
    def __init__(self, seen: list[DispatchResult]) -> None:
        self._seen = seen

    async def wait(self, seconds: float) -> bool:
        return True

    def record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        result.add_done_callback(lambda done: self._seen.append(done.result()))
