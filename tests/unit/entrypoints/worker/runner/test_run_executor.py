from __future__ import annotations

import json
from pathlib import Path

from domain.access.actor import Actor
from domain.runs.status import Reason, Status
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.running_worker import running_worker, sh


async def test_a_sequence_runs_in_order_and_the_dispatch_ends(web: ServedHeadgate, tmp_path: Path) -> None:
    order = tmp_path / "order"
    pipeline = await web.create_pipeline(*(sh(name, f"echo {name} >> {order}") for name in "abcde"))

    async with running_worker(web, tmp_path) as running:
        run = await web.wait_until_over(await web.trigger(pipeline))

        assert run.status is Status.COMPLETED
        assert order.read_text().split() == list("abcde")
        await eventually(lambda: running.slots.free == 4)


async def test_a_failed_stage_reports_its_exit_code_and_last_error_line(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("only", "echo fine; echo no such table >&2; exit 3"))

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.stages["only"].current.error_message == "Exited with code 3. no such table"
    assert run.stages["only"].current.reason is Reason.ERROR


async def test_a_killed_stage_reports_the_signal(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("only", "kill -9 $$"))

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.stages["only"].current.error_message == "Killed by signal 9 (SIGKILL)."


async def test_a_missing_program_fails_with_a_clear_message(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline({"name": "only", "kind": "command", "command": ["./nothing-here"]})

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert "No such program: ./nothing-here" in str(run.stages["only"].current.error_message)


async def test_the_result_of_a_callable_becomes_output_and_record_count(web: ServedHeadgate, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def main(month):\n    return {'records_processed': month * 10, 'month': month}\n")
    parameters = {"type": "object", "properties": {"month": {"type": "integer"}}}
    pipeline = await web.create_pipeline({"name": "only", "kind": "python", "callable": "mine:main"}, parameters=parameters)

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline, month=3))

    assert run.stages["only"].current.records_processed == 30
    assert run.stages["only"].current.output == {"records_processed": 30, "month": 3}


async def test_an_oversized_output_is_dropped_and_the_stage_completes(web: ServedHeadgate, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def main():\n    return {'text': 'x' * 600_000, 'records_processed': 7}\n")
    pipeline = await web.create_pipeline({"name": "only", "kind": "python", "callable": "mine:main"})

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    attempt = run.stages["only"].current
    assert (attempt.status, attempt.output, attempt.records_processed) == (Status.COMPLETED, None, 7)
    assert "not kept" in str(attempt.message)


async def test_a_retry_runs_until_it_succeeds(web: ServedHeadgate, tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    pipeline = await web.create_pipeline(
        sh("flaky", f"echo x >> {tries}; test $(wc -l < {tries}) -ge 3", retries=3, retry_delay=0), sh("after", "true")
    )

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert [attempt.status for attempt in run.stages["flaky"].attempts] == [Status.FAILED, Status.FAILED, Status.COMPLETED]
    assert run.status is Status.COMPLETED


async def test_a_delayed_retry_runs_in_a_later_dispatch(web: ServedHeadgate, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    pipeline = await web.create_pipeline(sh("flaky", f"test -e {flag} || {{ touch {flag}; exit 1; }}", retries=1, retry_delay=0.3))

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.status is Status.COMPLETED
    assert run.dispatch.epoch == 2


async def test_stages_with_the_same_needs_run_in_parallel(web: ServedHeadgate, tmp_path: Path) -> None:
    meet = "touch {0}; while ! test -e {1}; do sleep 0.01; done"
    left, right = tmp_path / "left", tmp_path / "right"
    pipeline = await web.create_pipeline(
        sh("left", meet.format(left, right), needs=[], timeout=10), sh("right", meet.format(right, left), needs=[], timeout=10)
    )

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.status is Status.COMPLETED


async def test_stages_beyond_the_slots_wait_and_all_run(web: ServedHeadgate, tmp_path: Path) -> None:
    script = (
        f"mkdir {tmp_path}/$HEADGATE_STAGE; ls -d {tmp_path}/s* | wc -l >> {tmp_path}/counts; sleep 0.05; rmdir {tmp_path}/$HEADGATE_STAGE"
    )
    pipeline = await web.create_pipeline(*(sh(f"s{n}", script, needs=[]) for n in range(8)), parallelism=8)

    async with running_worker(web, tmp_path, slots=2):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.status is Status.COMPLETED
    assert max(map(int, (tmp_path / "counts").read_text().split())) <= 2


async def test_parallelism_limits_a_run_without_idle_requests(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(*(sh(f"s{n}", "sleep 0.2", needs=[]) for n in range(4)), parallelism=1)

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.status is Status.COMPLETED
    assert len([path for path, _ in web.faults.requests if path.endswith("advance")]) < 12


async def test_twenty_runs_share_the_slots_and_all_complete(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(*(sh(name, "true") for name in "abcde"))

    async with running_worker(web, tmp_path) as running:
        runs = [await web.trigger(pipeline) for _ in range(20)]
        for run in runs:
            assert (await web.wait_until_over(run)).status is Status.COMPLETED
        await eventually(lambda: running.slots.free == 4)


async def test_a_stage_past_its_timeout_is_killed_and_fails(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("slow", "trap '' TERM; sleep 60 & wait; sleep 60", timeout=0.3))

    async with running_worker(web, tmp_path, grace=0.2):
        run = await web.wait_until_over(await web.trigger(pipeline), 10)

    attempt = run.stages["slow"].current
    assert (attempt.status, attempt.reason) == (Status.FAILED, Reason.TIMEOUT)
    assert attempt.error_message == "Exceeded its time limit of 0.3 s."


async def test_a_cancelled_run_ends_its_stages_quickly(web: ServedHeadgate, tmp_path: Path) -> None:
    started = tmp_path / "started"
    pipeline = await web.create_pipeline(sh("slow", f"touch {started}; sleep 60"), sh("after", "true"))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        await web.application.cancel_run()(run_id, Actor("tester"), None)
        run = await web.wait_until_over(run_id, 3)

    assert run.status is Status.CANCELLED
    assert run.stages["slow"].status is Status.CANCELLED


async def test_a_cancelled_program_that_exits_with_0_is_cancelled(web: ServedHeadgate, tmp_path: Path) -> None:
    started = tmp_path / "started"
    pipeline = await web.create_pipeline(sh("slow", f"trap 'exit 0' TERM; touch {started}; while :; do sleep 0.01; done"))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await eventually(started.exists)
        await web.application.cancel_run()(run_id, Actor("tester"), None)
        run = await web.wait_until_over(run_id, 3)

    assert run.stages["slow"].status is Status.CANCELLED


async def test_every_line_arrives_once_and_in_order(web: ServedHeadgate, tmp_path: Path) -> None:
    web.faults.lost_answers["logs"] = 3
    pipeline = await web.create_pipeline(sh("talks", "seq 1 3000"))

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))
        await eventually(lambda: len(web.get_log(run.id, "talks")) == 3001)

    lines = web.get_log(run.id, "talks")
    assert lines[0] == ("headgate", "$ seq 1 3000")
    assert [text for stream, text in lines if stream == "stdout"] == [str(n) for n in range(1, 3001)]


async def test_a_line_is_stored_while_its_stage_still_runs(web: ServedHeadgate, tmp_path: Path) -> None:
    go = tmp_path / "go"
    pipeline = await web.create_pipeline(sh("talks", f"echo hello; while ! test -e {go}; do sleep 0.01; done"))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await eventually(lambda: ("stdout", "hello") in web.get_log(run_id, "talks"))
        assert web.get_stage_statuses(run_id) == {"talks": "running"}
        go.touch()
        await web.wait_until_over(run_id)


async def test_a_silent_stage_that_succeeds_sends_no_lines(web: ServedHeadgate, tmp_path: Path) -> None:
    pipeline = await web.create_pipeline(sh("quiet", "true"))

    async with running_worker(web, tmp_path):
        await web.wait_until_over(await web.trigger(pipeline))

    assert "/worker/logs" not in [path for path, _ in web.faults.requests]


async def test_a_lost_answer_is_requested_again_with_the_same_bytes(web: ServedHeadgate, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    pipeline = await web.create_pipeline(*(sh(name, f"echo {name} >> {ran}") for name in "abc"))
    web.faults.lost_answers["advance"] = 2

    async with running_worker(web, tmp_path):
        run = await web.wait_until_over(await web.trigger(pipeline))

    assert run.status is Status.COMPLETED
    assert ran.read_text().split() == ["a", "b", "c"]
    first = [raw for path, raw in web.faults.requests if path.endswith("advance") and json.loads(raw)["reports"][0]["stage"] == "a"]
    assert len(first) == 3 and len(set(first)) == 1
