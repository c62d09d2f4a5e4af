"""What a worker does when the web restarts, is away, forgets it or refuses it, and when it is told to leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from domain.status import Status
from entrypoints.worker.carrier import Carrier, Outcome
from entrypoints.worker.worker import Rhythm
from tests.worker.gate import Gate, eventually
from tests.worker.stages import lives
from tests.worker.working import at_work, sh


def until(flag: Path, started: Path) -> str:
    return f"echo $$ > {started}.part; mv {started}.part {started}; while ! test -e {flag}; do sleep 0.01; done"


async def test_a_stage_survives_a_restart_of_the_web_and_is_reported_after_it(gate: Gate, tmp_path: Path) -> None:
    go, started = tmp_path / "go", tmp_path / "started"
    pipeline = await gate.make(sh("long", until(go, started)), sh("after", "true"))

    async with at_work(gate, tmp_path) as at:
        run_id = await gate.run(pipeline)
        await eventually(started.exists)
        await gate.stop()
        go.touch()
        await eventually(lambda: not lives(int(started.read_text())))
        await gate.start()
        run = await gate.over(run_id)
        await asyncio.wait_for(at.worker.linked.wait(), 5)

    assert run.status is Status.COMPLETED
    assert gate.streams == 2


async def test_runs_triggered_while_the_web_refuses_everything_are_carried_once_it_is_back(gate: Gate, tmp_path: Path) -> None:
    pipeline = await gate.make(sh("only", "true"))

    async with at_work(gate, tmp_path):
        gate.away = True
        await gate.stop()
        run_id = await gate.run(pipeline)
        await gate.start()
        gate.away = False
        run = await gate.over(run_id)

    assert run.status is Status.COMPLETED


async def test_a_claim_whose_push_was_lost_comes_with_the_next_heartbeat(gate: Gate, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    pipeline = await gate.make(sh("only", f"echo x >> {ran}"))

    async with at_work(gate, tmp_path) as at:
        gate.links._links[at.link.identity.id].queue = asyncio.Queue()
        run = await gate.over(await gate.run(pipeline))

    assert run.status is Status.COMPLETED
    assert ran.read_text() == "x\n"


async def test_a_burst_that_is_another_workers_is_killed_and_not_spoken_of(gate: Gate, tmp_path: Path) -> None:
    go, started = tmp_path / "go", tmp_path / "started"
    pipeline = await gate.make(sh("long", until(go, started)))

    async with at_work(gate, tmp_path) as at:
        run_id = await gate.run(pipeline)
        await eventually(started.exists)
        async with gate.fakes.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            run.lose_burst(1, gate.fakes.clock.now())
            await work.leases.release(run_id, 1)
            await work.runs.save(run)
            await work.commit()
        await eventually(lambda: not lives(int(started.read_text())))
        await eventually(lambda: not at.worker.carriers and at.slots.free == 4)

    assert gate.statuses(run_id) == {"long": "lost"}
    assert not [path for path, _ in gate.requests if path.endswith("advance")]


async def test_what_may_be_tried_again_is_ended_before_its_lease_is(gate: Gate, tmp_path: Path) -> None:
    go = tmp_path / "go"
    again, alone = tmp_path / "again", tmp_path / "alone"
    pipeline = await gate.make(
        sh("again", until(go, again), needs=[], retries=1, retry_on_loss=True), sh("alone", until(go, alone), needs=[])
    )

    async with at_work(gate, tmp_path, rhythm=Rhythm(heartbeat=0.2, lease=2.0, drain=0.2)):
        await gate.run(pipeline)
        await eventually(lambda: again.exists() and alone.exists())
        gate.away = True
        await eventually(lambda: not lives(int(again.read_text())), 4)

        assert lives(int(alone.read_text()))


async def test_an_outage_costs_a_stage_one_attempt_and_not_its_retries(gate: Gate, tmp_path: Path) -> None:
    go, begun = tmp_path / "go", tmp_path / "begun"
    pipeline = await gate.make(sh("again", until(go, begun), retries=3, retry_on_loss=True))

    async with at_work(gate, tmp_path, rhythm=Rhythm(heartbeat=1.0, lease=2.0, drain=0.2)):
        run_id = await gate.run(pipeline)
        await eventually(begun.exists)
        first = int(begun.read_text())
        gate.away = True
        await eventually(lambda: not lives(first), 4)
        gate.faults["heartbeat"] = 2
        gate.away = False
        await eventually(lambda: begun.read_text().strip() not in ("", str(first)), 15)
        await eventually(lambda: gate.faults["heartbeat"] == 0, 15)
        go.touch()
        run = await gate.over(run_id)

    assert [attempt.status.value for attempt in run.stages["again"].attempts] == ["failed", "completed"]


async def test_a_worker_that_leaves_lets_its_stages_finish_and_hands_the_rest_back(gate: Gate, tmp_path: Path) -> None:
    go, started, second = tmp_path / "go", tmp_path / "started", tmp_path / "second"
    pipeline = await gate.make(sh("first", until(go, started)), sh("second", f"touch {second}"))

    async with at_work(gate, tmp_path) as at:
        run_id = await gate.run(pipeline)
        await eventually(started.exists)
        at.leave.set()
        await eventually(lambda: not at.worker.linked.is_set() or not gate.links.pools())
        go.touch()
        await asyncio.wait_for(at.life, 10)

    run = gate.peek(run_id)
    assert gate.statuses(run_id) == {"first": "completed", "second": "queued"}
    assert (run.burst.state, run.burst.epoch) == ("requested", 2)
    assert not second.exists()

    async with at_work(gate, tmp_path):
        assert (await gate.over(run_id)).status is Status.COMPLETED


async def test_a_worker_that_leaves_ends_what_takes_too_long_and_says_why(gate: Gate, tmp_path: Path) -> None:
    started = tmp_path / "started"
    pipeline = await gate.make(sh("long", until(tmp_path / "never", started)))

    async with at_work(gate, tmp_path, rhythm=Rhythm(heartbeat=0.5, drain=0.2), grace=0.3) as at:
        run_id = await gate.run(pipeline)
        await eventually(started.exists)
        at.leave.set()
        await asyncio.wait_for(at.life, 5)

    attempt = gate.peek(run_id).stages["long"].current
    assert (attempt.status, attempt.error_message) == (Status.FAILED, "The worker was stopped while this stage ran.")


async def test_a_wrong_token_is_not_a_crash(gate: Gate, tmp_path: Path) -> None:
    async with at_work(gate, tmp_path) as at:
        at.link._http.headers["Authorization"] = "Bearer wrong"
        await gate.stop()
        await gate.start()
        await eventually(lambda: gate.requests[-1][0] == "heartbeat")
        at.link._http.headers["Authorization"] = "Bearer worker-token"
        await asyncio.wait_for(at.worker.linked.wait(), 5)


async def test_a_refusal_that_crosses_its_bursts_own_end_does_not_make_it_one(gate: Gate, tmp_path: Path) -> None:
    pipeline = await gate.make(sh("only", "true"))
    gate.faults["advance"] = 1

    async with at_work(gate, tmp_path) as at:
        seen: list[Outcome] = []
        at.worker.record_with(_Watcher(seen))
        run_id = await gate.run(pipeline)
        await eventually(lambda: gate.peek(run_id).is_over and bool(at.worker.carriers))
        at.worker.carriers[0].refuse()
        await eventually(lambda: bool(seen))

    assert not seen[0].refused
    assert [report.status for report in seen[0].reports] == ["completed"]


async def test_what_had_ended_before_a_refusal_is_told_though_it_changes_nothing(gate: Gate, tmp_path: Path) -> None:
    go, started, sure = tmp_path / "go", tmp_path / "started", asyncio.Event()
    pipeline = await gate.make(sh("short", until(go, started)), sh("long", "exec sleep 60", needs=[]))

    async with at_work(gate, tmp_path) as at:
        await gate.run(pipeline)
        await eventually(started.exists)
        carrier = at.worker.carriers[0]
        carrier.lease_is_sure = _when(sure)
        go.touch()
        await eventually(lambda: carrier.holding[-1] == ("short", 1))
        carrier.refuse()
        sure.set()
        await eventually(lambda: not at.worker.carriers)

    steps = [json.loads(raw) for path, raw in gate.requests if path.endswith("/advance")]
    assert [(report["stage"], report["status"]) for step in steps for report in step["reports"]] == [("short", "completed")]
    assert at.slots.free == 4


def _when(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def waited() -> None:
        await event.wait()

    return waited


class _Watcher:
    def __init__(self, seen: list[Outcome]) -> None:
        self._seen = seen

    def record(self, carrier: Carrier, outcome: asyncio.Future[Outcome]) -> None:
        outcome.add_done_callback(lambda done: self._seen.append(done.result()))
