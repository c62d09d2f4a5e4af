"""Actions of people on runs, over fakes."""

import pytest

from application.commands.runs.repeat_run import RepeatRunCommand
from application.commands.runs.retry_run import RetryRunCommand
from application.ports.dispatch.worker_messages import StopRun, WakeRun
from application.ports.persistence.idempotency import IdempotencyKey
from domain.access.actor import Actor
from domain.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotAllowed, NotFound
from domain.runs.approvals import Decision
from domain.runs.status import Status
from tests.support.actions import WORKER, worker_report
from tests.support.builders import a_stage, some_stages
from tests.support.in_process import InProcessHeadgate

MARA = Actor("mara", ("operator",))
FIELDS = {
    "type": "object",
    "properties": {"ticket": {"type": "string"}, "copies": {"type": "integer", "default": 2}},
    "required": ["ticket"],
}
APPROVAL_STAGES = [a_stage("make"), a_stage("ask", "approval", fields=FIELDS, approvers=["mara"]), a_stage("publish")]


async def a_failed_run(headgate: InProcessHeadgate) -> int:
    await headgate.use_cases.create_pipeline(2)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    await headgate.use_cases.advance(run_id, ("b", "failed"))
    return run_id


async def a_waiting_run(headgate: InProcessHeadgate) -> int:
    await headgate.use_cases.create_pipeline(APPROVAL_STAGES)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, ("make", "completed"))
    return run_id


async def test_a_retried_run_goes_to_a_worker_as_the_next_dispatch() -> None:
    headgate = InProcessHeadgate()
    run_id = await a_failed_run(headgate)

    done = await headgate.application.retry_run()(RetryRunCommand(run_id, actor=MARA))
    claim = await headgate.use_cases.claim(run_id, epoch=2)
    last = await headgate.use_cases.advance(run_id, worker_report(run_id, "b", "completed", attempt=2, epoch=2), epoch=2)

    assert (done.status, done.stages, done.applied) == (Status.RUNNING, ["b"], True)
    assert [(start.stage, start.attempt) for start in claim.starts] == [("b", 2)]
    assert last.ended
    assert (await headgate.use_cases.get_run(run_id)).status is Status.COMPLETED


async def test_a_retry_with_the_same_key_is_applied_once() -> None:
    headgate = InProcessHeadgate()
    run_id = await a_failed_run(headgate)
    key = IdempotencyKey("retry", "k1", b"1")

    first = await headgate.application.retry_run()(RetryRunCommand(run_id, key=key))
    repeated = await headgate.application.retry_run()(RetryRunCommand(run_id, key=key))

    assert (first.replayed, repeated.replayed) == (False, True)
    assert repeated.as_json() == first.as_json()
    assert len((await headgate.use_cases.get_run(run_id)).stages[1].attempts) == 2
    with pytest.raises(IdempotencyKeyReused):
        await headgate.application.retry_run()(RetryRunCommand(run_id, key=IdempotencyKey("retry", "k1", b"2")))


async def test_a_refused_action_stores_nothing() -> None:
    headgate = InProcessHeadgate()
    run_id = await a_failed_run(headgate)
    before = await headgate.use_cases.get_run(run_id)

    with pytest.raises(Conflict):
        await headgate.application.retry_run()(RetryRunCommand(run_id, ["a"]))
    with pytest.raises(NotFound):
        await headgate.application.retry_run()(RetryRunCommand(404))

    assert await headgate.use_cases.get_run(run_id) == before


async def test_a_retry_can_use_the_newest_revision_if_it_has_the_same_graph() -> None:
    headgate = InProcessHeadgate()
    run_id = await a_failed_run(headgate)
    await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": [a_stage("a"), a_stage("b", command=["mended"])]})

    await headgate.application.retry_run()(RetryRunCommand(run_id, newest=True))
    claim = await headgate.use_cases.claim(run_id, epoch=2)

    assert claim.starts[0].spec["command"] == ["mended"]
    assert (await headgate.use_cases.get_run(run_id)).revision == 2


async def test_a_newest_revision_with_other_stages_is_refused() -> None:
    headgate = InProcessHeadgate()
    run_id = await a_failed_run(headgate)
    await headgate.application.change_pipeline()("nightly", {"name": "nightly", "stages": some_stages(3)})

    with pytest.raises(Conflict) as error:
        await headgate.application.retry_run()(RetryRunCommand(run_id, newest=True))

    assert error.value.kind == "graph_changed"
    assert (await headgate.use_cases.get_run(run_id)).revision == 1


async def test_a_repeated_run_has_the_same_or_new_parameters_and_names_the_first_run() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, parameters={"type": "object", "properties": {"month": {"type": "integer"}}})
    first = await headgate.use_cases.trigger(parameters={"month": 6})

    same = await headgate.application.repeat_run()(RepeatRunCommand(first.run_id, kind="dashboard", actor=Actor("mara")))
    other = await headgate.application.repeat_run()(RepeatRunCommand(first.run_id, {"month": 7}))

    runs = [await headgate.use_cases.get_run(run.run_id) for run in (same, other)]
    assert [(run.parameters, run.repeats) for run in runs] == [({"month": 6}, first.run_id), ({"month": 7}, first.run_id)]
    assert (runs[0].trigger, runs[0].actor) == ("dashboard", "mara")
    with pytest.raises(InvalidInput):
        await headgate.application.repeat_run()(RepeatRunCommand(first.run_id, {"month": "June"}))
    with pytest.raises(NotFound):
        await headgate.application.repeat_run()(RepeatRunCommand(404))


async def test_skipping_a_stage_lets_the_later_ones_run() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(3)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, ("a", "failed"))

    done = await headgate.application.skip_stage()(run_id, "a", MARA, "by hand")
    repeated = await headgate.application.skip_stage()(run_id, "a", MARA, "by hand")

    assert (done.applied, repeated.applied) == (True, False)
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.SKIPPED, "b": Status.QUEUED, "c": Status.PENDING}
    assert (await headgate.use_cases.get_run(run_id)).stages[0].newest.message == "by hand"


async def test_the_worker_is_asked_to_stop_a_cancelled_stage_and_the_run_continues() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", needs=[]), a_stage("b", needs=[])])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    headgate.fakes.worker_streams.link(WORKER)

    await headgate.application.cancel_stage()(run_id, "a", MARA, None)
    messages = [message for _, message in headgate.fakes.worker_streams.pushed]
    asked = await headgate.use_cases.advance(run_id, holding=frozenset({("a", 1), ("b", 1)}))
    await headgate.use_cases.advance(run_id, ("a", "cancelled"), holding=frozenset({("b", 1)}))

    assert WakeRun(run_id) in messages and StopRun(run_id) not in messages
    assert (asked.cancel, asked.stop, asked.kill) == ([("a", 1)], False, [])
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.CANCELLED, "b": Status.RUNNING}


async def test_an_approval_validates_its_fields_and_passes_them_on() -> None:
    headgate = InProcessHeadgate()
    run_id = await a_waiting_run(headgate)

    with pytest.raises(InvalidInput) as error:
        await headgate.application.decide_approval()(run_id, "ask", Decision(True, None, {"copies": "many"}), MARA)
    await headgate.application.decide_approval()(run_id, "ask", Decision(True, "fine", {"ticket": "OPS-7"}), MARA)
    claim = await headgate.use_cases.claim(run_id, epoch=2)

    assert error.value.problems and all(problem.field.startswith("fields") for problem in error.value.problems)
    assert claim.starts[0].given == {"ticket": "OPS-7", "copies": 2}


async def test_a_person_who_is_not_an_approver_cannot_decide() -> None:
    headgate = InProcessHeadgate()
    run_id = await a_waiting_run(headgate)

    with pytest.raises(NotAllowed):
        await headgate.application.decide_approval()(run_id, "ask", Decision(False), Actor("eve", ("viewer",)))

    assert (await headgate.use_cases.get_stage_statuses(run_id))["ask"] is Status.WAITING


async def test_the_fields_of_an_approval_are_validated_in_the_definition() -> None:
    headgate = InProcessHeadgate()

    with pytest.raises(InvalidInput) as error:
        await headgate.use_cases.create_pipeline([a_stage("ask", "approval", fields={"type": "array"})])

    assert [problem.field.split(".")[0] for problem in error.value.problems] == ["stages[0]"]
