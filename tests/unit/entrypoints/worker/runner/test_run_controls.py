"""Cancels, retries and approvals reach the stages."""

from __future__ import annotations

from pathlib import Path

from application.commands.runs.retry_run import RetryRunCommand
from domain.runs.approvals import Decision
from domain.runs.status import Status
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.running_worker import running_worker, sh


async def test_a_cancelled_stage_ends_and_the_others_run_on(web: ServedHeadgate, tmp_path: Path) -> None:
    go, term = tmp_path / "go", tmp_path / "term"
    long = f"trap 'echo > {term}; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    waits = f"until [ -e {go} ]; do sleep 0.02; done"
    pipeline = await web.create_pipeline(sh("long", long, needs=[]), sh("other", waits, needs=[]))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await eventually(lambda: bool(web.get_log(run_id, "long")))
        await web.application.cancel_stage()(run_id, "long")
        await eventually(lambda: web.get_stage_statuses(run_id)["long"] == "cancelled")
        still = web.get_stage_statuses(run_id)["other"]
        go.touch()
        run = await web.wait_until_over(run_id)

    assert term.exists()
    assert still == "running"
    assert (run.status, run.stages["other"].status) == (Status.CANCELLED, Status.COMPLETED)


async def test_a_retried_run_executes_on_the_same_worker(web: ServedHeadgate, tmp_path: Path) -> None:
    mended, starts = tmp_path / "mended", tmp_path / "starts"
    scripts = {"a": f"echo a >> {starts}", "b": f"echo b >> {starts}; test -e {mended}", "c": f"echo c >> {starts}"}
    pipeline = await web.create_pipeline(*(sh(name, script) for name, script in scripts.items()))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        failed = (await web.wait_until_over(run_id)).status
        mended.touch()
        await web.application.retry_run()(RetryRunCommand(run_id))
        run = await web.wait_until_over(run_id)

    assert failed is Status.FAILED
    assert run.status is Status.COMPLETED
    assert starts.read_text().split() == ["a", "b", "b", "c"]


async def test_stages_after_an_approval_get_its_parameters(web: ServedHeadgate, tmp_path: Path) -> None:
    output = tmp_path / "output"
    ask = {"name": "ask", "kind": "approval", "fields": {"type": "object", "properties": {"ticket": {"type": "string"}}}}
    pipeline = await web.create_pipeline(ask, sh("publish", f'echo "$HEADGATE_PARAM_TICKET" > {output}'))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        waiting = web.get_stage_statuses(run_id)
        await web.application.decide_approval()(run_id, "ask", Decision(True, None, {"ticket": "OPS-7; rm -rf /"}))
        run = await web.wait_until_over(run_id)

    assert waiting == {"ask": "waiting", "publish": "pending"}
    assert run.status is Status.COMPLETED
    assert output.read_text() == "OPS-7; rm -rf /\n"
