"""A person's acts reach the processes."""

from __future__ import annotations

from pathlib import Path

from application.commands.retry_run import Retry
from domain.controls import Decision
from domain.status import Status
from tests.worker.gate import Gate, eventually
from tests.worker.working import at_work, sh


async def test_one_stage_is_ended_and_the_others_run_on(gate: Gate, tmp_path: Path) -> None:
    go, term = tmp_path / "go", tmp_path / "term"
    long = f"trap 'echo > {term}; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    waits = f"until [ -e {go} ]; do sleep 0.02; done"
    pipeline = await gate.make(sh("long", long, needs=[]), sh("other", waits, needs=[]))

    async with at_work(gate, tmp_path):
        run_id = await gate.run(pipeline)
        await eventually(lambda: bool(gate.log(run_id, "long")))
        await gate.cancel_stage(run_id, "long")
        await eventually(lambda: gate.statuses(run_id)["long"] == "cancelled")
        still = gate.statuses(run_id)["other"]
        go.touch()
        run = await gate.over(run_id)

    assert term.exists()
    assert still == "running"
    assert (run.status, run.stages["other"].status) == (Status.CANCELLED, Status.COMPLETED)


async def test_a_run_is_taken_up_again_on_the_same_worker(gate: Gate, tmp_path: Path) -> None:
    mended, began = tmp_path / "mended", tmp_path / "began"
    scripts = {"a": f"echo a >> {began}", "b": f"echo b >> {began}; test -e {mended}", "c": f"echo c >> {began}"}
    pipeline = await gate.make(*(sh(name, script) for name, script in scripts.items()))

    async with at_work(gate, tmp_path):
        run_id = await gate.run(pipeline)
        failed = (await gate.over(run_id)).status
        mended.touch()
        await gate.retry(Retry(run_id))
        run = await gate.over(run_id)

    assert failed is Status.FAILED
    assert run.status is Status.COMPLETED
    assert began.read_text().split() == ["a", "b", "b", "c"]


async def test_what_an_approval_says_reaches_the_stages_after_it(gate: Gate, tmp_path: Path) -> None:
    told = tmp_path / "told"
    ask = {"name": "ask", "kind": "approval", "fields": {"type": "object", "properties": {"ticket": {"type": "string"}}}}
    pipeline = await gate.make(ask, sh("publish", f'echo "$HEADGATE_PARAM_TICKET" > {told}'))

    async with at_work(gate, tmp_path):
        run_id = await gate.run(pipeline)
        waiting = gate.statuses(run_id)
        await gate.decide(run_id, "ask", Decision(True, None, {"ticket": "OPS-7; rm -rf /"}))
        run = await gate.over(run_id)

    assert waiting == {"ask": "waiting", "publish": "pending"}
    assert run.status is Status.COMPLETED
    assert told.read_text() == "OPS-7; rm -rf /\n"
