from typing import Any

import pytest

from application.ports.persistence.runs import RECENT_RUNS
from domain.access.actor import Actor
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.approvals import Decision, decide_approval
from domain.runs.retry import change_revision
from domain.runs.run import Run
from domain.runs.stage_actions import cancel_stage, skip_stage
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import (
    NOW,
    WORKER,
    a_definition,
    a_pipeline,
    a_run,
    a_run_of,
    a_stage,
    a_stored_run,
    an_hour_later,
    seconds_later,
)

LONE_SURROGATE = "\ud800"


async def loaded(store: StoreUnderTest, run_id: int) -> Run:
    async with store.open_unit_of_work() as work:
        return (await work.runs.lock([run_id]))[run_id]


async def test_a_new_run_is_read_back_unchanged(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "mixed", ["a", a_stage("b", "external", needs=["a"])])
    run = a_run_of(pipeline, parameters={"month": 3, "deep": {"list": [1, 2.5, None, "ü 😀"]}})

    async with store.open_unit_of_work() as work:
        run.id = await work.runs.add(run)
        await work.commit()

    assert run.new_events == [] and run.new_dispatch is None
    assert await loaded(store, run.id) == run


async def test_a_saved_run_is_read_back_unchanged(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "retried", [a_stage("a", retries=1, retry_delay=60), "b"])
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.claim(1, WORKER, seconds_later(1))
        run.start_ready_stages(1, WORKER, seconds_later(2))
        report = Report(Status.FAILED, "a", 1, records_processed=2**62, error_message="no", message="half", output={"n": [1, "ü"]})
        assert judge_report(run, report, Reporter(WORKER, WORKER, 1), None, seconds_later(3)).applied
        await work.runs.save(run)
        assert run.new_events == [] and run.new_dispatch is None
        await work.commit()

    stored = await loaded(store, run_id)
    assert stored == run
    assert [attempt.status for attempt in stored.stages["a"].attempts] == [Status.FAILED, Status.WAITING]
    assert stored.stages["a"].attempts[0].reason is Reason.ERROR


async def test_a_reopened_run_is_read_back_unchanged(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "reopened", ["a", a_stage("ask", "approval", fields={"type": "object"}), "c"])
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.claim(1, WORKER, NOW)
        run.start_ready_stages(1, WORKER, NOW)
        assert judge_report(
            run, Report(Status.FAILED, "a", 1, error_message="no room for 3"), Reporter(WORKER, WORKER, 1), None, NOW
        ).applied
        run.end_dispatch(NOW)
        await work.runs.save(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        skip_stage(run, "a", an_hour_later(), Actor("mara"), "by hand")
        decide_approval(run, "ask", Decision(True, "fine", {"ticket": "OPS-7"}), an_hour_later(), Actor("mara"))
        run.claim(2, WORKER, an_hour_later())
        run.start_ready_stages(1, WORKER, an_hour_later())
        cancel_stage(run, "c", an_hour_later(), Actor("mara"), None)
        await work.runs.save(run)
        await work.commit()

    stored = await loaded(store, run_id)
    assert stored == run
    assert (stored.attempts_to_stop, stored.finished_at) == ([("c", 2)], None)
    assert [attempt.by_person for attempt in stored.stages["a"].attempts] == [False, True]
    assert stored.stages["a"].attempts[0].fingerprint is not None


async def test_a_retried_run_keeps_its_new_revision_and_the_run_it_repeats(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "rebased", ["a"])
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        newer = await work.pipelines.revise(pipeline.id, a_definition("rebased", [a_stage("a", command=["new"])]), NOW)
        run = a_run_of(pipeline)
        run.trigger = Trigger("api", "mara", repeats=7)
        run_id = await work.runs.add(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        change_revision(run, newer.definition, newer.revision)
        run.claim(1, WORKER, NOW)
        await work.runs.save(run)
        await work.commit()

    stored = await loaded(store, run_id)
    assert (stored.revision, stored.stages["a"].definition.command, stored.trigger.repeats) == (2, ("new",), 7)


async def test_every_outcome_of_a_run_can_be_stored(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "lost", ["a", "b"])
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.claim(1, WORKER, NOW)
        run.start_ready_stages(1, WORKER, NOW)
        run.lose_dispatch(1, an_hour_later())
        await work.runs.save(run)
        await work.commit()

    stored = await loaded(store, run_id)
    assert stored.status is Status.LOST
    assert stored.stages["b"].current.reason is Reason.UPSTREAM


async def test_locking_ignores_unknown_ids(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    ids = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(2)]

    async with store.open_unit_of_work() as work:
        runs = await work.runs.lock([*reversed(ids), 404, ids[0]])
        nothing = await work.runs.lock([])

    assert list(runs) == ids
    assert nothing == {}


async def test_changes_that_are_not_saved_are_not_stored(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.cancel(NOW, None)
        await work.commit()

    assert (await loaded(store, run_id)).status is Status.QUEUED


async def test_a_run_keeps_the_revision_it_started_with(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly", 3)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_run(1).definition, NOW)
        await work.commit()

    run = await loaded(store, run_id)
    assert run.definition == pipeline.definition
    assert list(run.stages) == ["a", "b", "c"]


async def test_active_and_newest_runs_are_those_of_the_pipeline(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    other = await a_pipeline(store.open_unit_of_work, "other")
    first, second, third = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(3)]
    fourth = await a_stored_run(store.open_unit_of_work, other)

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([second]))[second]
        run.cancel(NOW, None)
        await work.runs.save(run)
        recent = await work.runs.find_recent([pipeline.id, other.id, 404])

    assert {each: list(runs.active) for each, runs in recent.items()} == {pipeline.id: [first, third], other.id: [fourth], 404: []}
    assert {each: list(runs.newest) for each, runs in recent.items()} == {pipeline.id: [third, second, first], other.id: [fourth], 404: []}
    assert [recent[each].latest for each in (pipeline.id, 404)] == [third, None]


async def test_only_the_newest_runs_are_listed_beside_the_active_ones(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    runs = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(RECENT_RUNS + 2)]

    async with store.open_unit_of_work() as work:
        recent = (await work.runs.find_recent([pipeline.id]))[pipeline.id]

    assert list(recent.active) == runs
    assert list(recent.newest) == runs[:1:-1]


async def test_run_numbers_are_unique_within_a_pipeline(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    await a_stored_run(store.open_unit_of_work, pipeline)

    async with store.open_unit_of_work() as work:
        with pytest.raises(store.refusals):
            await work.runs.add(a_run_of(pipeline, number=1))

    assert len(await store.reader.runs(pipeline_id=None, status=None, skip=0, limit=10)) == 1


async def test_a_run_needs_an_existing_pipeline_and_revision(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)

    for pipeline_id, revision in [(404, 1), (pipeline.id, 2)]:
        async with store.open_unit_of_work() as work:
            with pytest.raises(store.refusals):
                await work.runs.add(a_run(definition=pipeline.definition, pipeline_id=pipeline_id, revision=revision))
                await work.commit()


@pytest.mark.parametrize("seqs", [(1, 2), (3, 3)])
async def test_an_event_number_is_stored_once(store: StoreUnderTest, seqs: tuple[int, int]) -> None:
    """A run that is saved without its lock would repeat event numbers."""
    pipeline = await a_pipeline(store.open_unit_of_work)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        before = run.last_seq
        run.last_seq = before - seqs[0]
        run.cancel(NOW, None)
        with pytest.raises(store.refusals):
            await work.runs.save(run)
            await work.commit()

    assert (await loaded(store, run_id)).last_seq == before


@pytest.mark.parametrize("bad", ["a\0b", LONE_SURROGATE])
async def test_text_that_cannot_be_stored_is_refused_and_nothing_is_stored(store: StoreUnderTest, bad: str) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)

    for parameters in ({"key": bad}, {bad: 1}, {"deep": [{"key": bad}]}):
        async with store.open_unit_of_work() as work:
            with pytest.raises(store.refusals):
                await work.runs.add(a_run_of(pipeline, parameters=parameters))
                await work.commit()

    assert await store.reader.runs(pipeline_id=None, status=None, skip=0, limit=10) == []


@pytest.mark.parametrize(
    "details",
    [
        {"records_processed": 2**63},
        {"error_message": "a\0b"},
        {"message": LONE_SURROGATE},
        {"output": {"key": "a\0b"}},
        {"output": float("nan")},
        {"output": object()},
    ],
    ids=["64 bits", "NUL", "surrogate", "NUL in JSON", "NaN", "not JSON"],
)
async def test_a_report_that_cannot_be_stored_is_refused_and_nothing_is_stored(store: StoreUnderTest, details: dict[str, Any]) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        for key, value in details.items():
            setattr(run.stages["a"].current, key, value)
        run.cancel(NOW, None)
        with pytest.raises(store.refusals):
            await work.runs.save(run)
            await work.commit()

    assert (await loaded(store, run_id)).status is Status.QUEUED


async def test_runs_with_a_due_retry_or_a_passed_deadline_are_due(store: StoreUnderTest) -> None:
    retried = await a_pipeline(store.open_unit_of_work, "retried", [a_stage("a", retries=1, retry_delay=60)])
    external = await a_pipeline(store.open_unit_of_work, "external", [a_stage("a", "external", timeout=120)])
    queued = await a_pipeline(store.open_unit_of_work, "queued", 1)
    waits = await a_stored_run(store.open_unit_of_work, retried)
    reported = await a_stored_run(store.open_unit_of_work, external)
    untaken = await a_stored_run(store.open_unit_of_work, queued)
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([waits]))[waits]
        run.claim(1, WORKER, NOW)
        run.start_ready_stages(1, WORKER, NOW)
        judge_report(run, Report(Status.FAILED, "a"), Reporter(WORKER, WORKER, 1), None, NOW)
        await work.runs.save(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.runs.find_due(seconds_later(59), 10) == []
        assert await work.runs.find_due(seconds_later(60), 10) == [waits]
        assert sorted(await work.runs.find_due(seconds_later(120), 10)) == [waits, reported]
        assert sorted(await work.runs.find_due(seconds_later(86_400), 10)) == [waits, reported, untaken]
        assert len(await work.runs.find_due(seconds_later(86_400), 2)) == 2


async def test_without_deadlines_only_retries_and_reminders_are_due(store: StoreUnderTest) -> None:
    await_report = await a_pipeline(store.open_unit_of_work, "external", [a_stage("a", "external", timeout=30)])
    both = [a_stage("a", retries=1, retry_delay=60), a_stage("b", "external", timeout=30, needs=[])]
    retried = await a_pipeline(store.open_unit_of_work, "retried", both)
    asked = await a_pipeline(store.open_unit_of_work, "asked", [a_stage("a", "approval", timeout=400)])
    for _ in range(3):
        await a_stored_run(store.open_unit_of_work, await_report)
    waits = await a_stored_run(store.open_unit_of_work, retried)
    reminded = await a_stored_run(store.open_unit_of_work, asked)
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([waits]))[waits]
        run.claim(1, WORKER, NOW)
        run.start_ready_stages(1, WORKER, NOW)
        judge_report(run, Report(Status.FAILED, "a"), Reporter(WORKER, WORKER, 1), None, NOW)
        await work.runs.save(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.runs.find_due(seconds_later(59), 1, with_deadlines=False) == []
        assert await work.runs.find_due(seconds_later(60), 1, with_deadlines=False) == [waits]
        assert sorted(await work.runs.find_due(seconds_later(86_400), 10, with_deadlines=False)) == [waits, reminded]
        assert len(await work.runs.find_due(seconds_later(86_400), 1, with_deadlines=False)) == 1


async def test_a_finished_run_is_never_due(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "external", [a_stage("a", "external", timeout=120)])
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.cancel(NOW, None)
        await work.runs.save(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.runs.find_due(seconds_later(999_999), 10) == []
        assert await work.runs.find_due(seconds_later(999_999), 10, with_deadlines=False) == []


async def test_facts_of_runs_name_the_stages_that_failed_last_and_the_approval_that_is_awaited(store: StoreUnderTest) -> None:
    stages = [
        a_stage("a", retries=1),
        a_stage("b", needs=[], allow_failure=True),
        a_stage("c", needs=[]),
        a_stage("ask", "approval", needs=["b"]),
    ]
    pipeline = await a_pipeline(store.open_unit_of_work, "failing", stages)
    run = a_run_of(pipeline, parameters={"customer": "acme"})
    run.claim(1, WORKER, NOW)
    run.start_ready_stages(3, WORKER, NOW)
    run.idle_seconds, run.idle_since = 2.5, seconds_later(1)
    for second, (stage, attempt) in enumerate([("a", 1), ("b", 1)], 1):
        failed = Report(Status.FAILED, stage, attempt, error_message="x" * 2_000 + f"{stage} failed")
        assert judge_report(run, failed, Reporter(WORKER, WORKER, 1), None, seconds_later(second)).applied
    async with store.open_unit_of_work() as work:
        run_id = await work.runs.add(run)
        other = await work.runs.add(a_run_of(pipeline, 2))
        await work.commit()

    async with store.open_unit_of_work() as work:
        found = await work.runs.find_facts([run_id, other, other + 1], [pipeline.id])
        without_parameters = await work.runs.find_facts([run_id])
        nothing = await work.runs.find_facts([])

    facts = found[run_id]
    assert found.keys() == {run_id, other} and nothing == {}
    assert (found[other].number, found[other].failed, found[other].waits_for) == (2, (), None)
    assert (facts.pipeline_id, facts.number, facts.status, facts.parameters) == (pipeline.id, 1, run.status, {"customer": "acme"})
    assert (facts.created_at, facts.started_at, facts.finished_at) == (NOW, NOW, None)
    assert (facts.idle_seconds, facts.idle_since) == (run.idle_seconds, run.idle_since)
    assert [(stage.name, stage.status, stage.worker) for stage in facts.failed] == [("b", Status.FAILED, WORKER)]
    assert facts.failed[0].error_message == "x" * 1_992 + "b failed"
    assert facts.failed[0].fingerprint == run.stages["b"].attempts[0].fingerprint
    assert facts.waits_for == "ask"
    assert without_parameters[run_id].parameters is None
