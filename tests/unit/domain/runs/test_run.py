import pytest

from domain.errors import Conflict
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.deadlines import TIMEOUT_GRACE
from domain.runs.dispatch import DispatchState
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from tests.support.builders import NOW, WORKER, a_claimed_run, a_run, a_stage, a_started_run, an_hour_later, seconds_later

HOLDER = Reporter(WORKER, WORKER, 1)
DAY = 86_400


def end_stage(run: Run, stage: str, status: Status = Status.COMPLETED, at: float = 0, reason: Reason | None = None) -> None:
    assert judge_report(
        run, Report(status, stage, reason=reason), Reporter(WORKER, WORKER, run.dispatch.epoch), None, seconds_later(at)
    ).applied


def statuses(run: Run) -> str:
    return " ".join(stage.status for stage in run.stages.values())


def test_a_new_run_queues_stages_without_needs_and_requests_a_dispatch() -> None:
    run = a_run(["a", a_stage("b", needs=[]), "c"])

    assert statuses(run) == "queued queued pending"
    assert (run.status, run.dispatch.state, run.dispatch.epoch, run.new_dispatch) == (Status.QUEUED, DispatchState.REQUESTED, 1, 1)
    assert [event.seq for event in run.new_events] == list(range(1, run.last_seq + 1))


def test_an_all_external_run_has_no_dispatch() -> None:
    run = a_run([a_stage("a", "external"), a_stage("b", "external")])

    assert (statuses(run), run.status, run.dispatch.state, run.new_dispatch) == (
        "waiting waiting",
        Status.WAITING,
        DispatchState.NONE,
        None,
    )


def test_a_sequence_of_stages_runs_in_one_dispatch() -> None:
    run = a_claimed_run(3)

    for stage in "abc":
        assert [started.name for started in run.start_ready_stages(4, WORKER, NOW)] == [stage]
        assert run.end_dispatch(NOW) is False
        end_stage(run, stage)

    assert run.end_dispatch(NOW) is True
    assert (run.status, run.dispatch.state, run.dispatch.epoch) == (Status.COMPLETED, DispatchState.NONE, 1)


def test_capacity_and_parallelism_limit_the_stages_that_start() -> None:
    stages = [a_stage(name, needs=[]) for name in "abcd"]

    assert len(a_claimed_run(stages, parallelism=3).start_ready_stages(2, WORKER, NOW)) == 2
    run = a_claimed_run(stages, parallelism=3)
    assert len(run.start_ready_stages(9, WORKER, NOW)) == 3
    assert run.start_ready_stages(9, WORKER, NOW) == []


@pytest.mark.parametrize("worker", ["other", WORKER])
def test_a_dispatch_is_claimed_once_and_its_holder_can_claim_again(worker: str) -> None:
    run = a_claimed_run()
    seq = run.last_seq

    if worker == WORKER:
        run.claim(1, worker, NOW)
    else:
        with pytest.raises(Conflict):
            run.claim(1, worker, NOW)

    assert (run.dispatch.holder, run.last_seq) == (WORKER, seq)


def test_a_failure_skips_dependent_stages_and_runs_failure_handlers() -> None:
    run = a_started_run(
        [
            "a",
            a_stage("b", needs=["a"]),
            a_stage("c", needs=["b"]),
            a_stage("mail", needs=["a"], when="failed"),
            a_stage("clean", needs=["c"], when="always"),
        ]
    )

    end_stage(run, "a", Status.FAILED)

    assert statuses(run) == "failed skipped skipped queued queued"
    assert run.stages["c"].current.reason is Reason.UPSTREAM


def test_an_allowed_failure_satisfies_the_stages_that_need_it() -> None:
    run = a_started_run([a_stage("a", allow_failure=True), "b"])
    end_stage(run, "a", Status.FAILED)
    run.start_ready_stages(1, WORKER, NOW)
    end_stage(run, "b")

    assert (statuses(run), run.status) == ("failed completed", Status.COMPLETED)


def test_a_retry_waits_for_its_delay_and_is_then_queued() -> None:
    run = a_started_run([a_stage("a", retries=1, retry_delay=60)])

    end_stage(run, "a", Status.FAILED)
    assert (statuses(run), run.status, run.next_due_at()) == ("waiting", Status.RUNNING, seconds_later(60))
    assert run.end_dispatch(NOW) is True
    run.process_due(seconds_later(59))
    assert statuses(run) == "waiting"
    run.process_due(seconds_later(60))

    assert (statuses(run), run.dispatch.state, run.dispatch.epoch) == ("queued", DispatchState.REQUESTED, 2)
    assert [attempt.status for attempt in run.stages["a"].attempts] == [Status.FAILED, Status.QUEUED]


def test_without_deadlines_retries_are_queued_and_no_stage_fails() -> None:
    run = a_started_run([a_stage("a", retries=1, retry_delay=60), a_stage("b", "external", timeout=60, needs=[])])
    end_stage(run, "a", Status.FAILED)

    run.process_due(seconds_later(60), with_deadlines=False)
    held = (statuses(run), run.next_due_at())
    run.process_due(seconds_later(90))

    assert held == ("queued waiting", seconds_later(60))
    assert statuses(run) == "queued failed"


def test_a_run_fails_after_the_last_retry() -> None:
    run = a_started_run([a_stage("a", retries=1)])
    end_stage(run, "a", Status.FAILED)
    run.start_ready_stages(1, WORKER, NOW)
    end_stage(run, "a", Status.FAILED)

    assert (statuses(run), run.status, len(run.stages["a"].attempts)) == ("failed", Status.FAILED, 2)


@pytest.mark.parametrize(("retry_on_loss", "status", "attempts"), [(True, "queued", 2), (False, "lost", 1)])
def test_a_lost_stage_is_retried_only_with_retry_on_loss(retry_on_loss: bool, status: str, attempts: int) -> None:
    run = a_started_run([a_stage("a", retries=1, retry_on_loss=retry_on_loss)])

    assert run.lose_dispatch(1, an_hour_later()) is True

    assert (statuses(run), len(run.stages["a"].attempts)) == (status, attempts)
    assert run.dispatch.state is (DispatchState.REQUESTED if retry_on_loss else DispatchState.NONE)
    assert run.lose_dispatch(1, an_hour_later()) is False


def test_a_fenced_attempt_uses_no_retry() -> None:
    run = a_started_run([a_stage("a", retries=1, retry_on_loss=True)])

    for _ in range(3):
        end_stage(run, "a", Status.LOST, reason=Reason.FENCED)
        run.start_ready_stages(1, WORKER, NOW)
    fenced = [(attempt.status, attempt.reason) for attempt in run.stages["a"].attempts[:-1]]
    end_stage(run, "a", Status.FAILED)
    after_a_failure = statuses(run)
    run.start_ready_stages(1, WORKER, NOW)
    end_stage(run, "a", Status.FAILED)

    assert fenced == [(Status.LOST, Reason.FENCED)] * 3
    assert after_a_failure == "queued"
    assert (statuses(run), len(run.stages["a"].attempts), run.status) == ("failed", 5, Status.FAILED)


@pytest.mark.parametrize(("retry_on_loss", "status"), [(True, "queued"), (False, "lost")])
def test_a_fenced_attempt_is_repeated_as_retry_on_loss_says(retry_on_loss: bool, status: str) -> None:
    run = a_started_run([a_stage("a", retries=0, retry_on_loss=retry_on_loss)])

    end_stage(run, "a", Status.LOST, reason=Reason.FENCED)

    assert statuses(run) == status


def test_the_queued_stages_of_a_lost_dispatch_get_the_next_dispatch() -> None:
    run = a_claimed_run([a_stage("a"), a_stage("b", needs=[])])
    run.start_ready_stages(1, WORKER, NOW)

    run.lose_dispatch(1, NOW)

    assert (statuses(run), run.dispatch.state, run.dispatch.epoch) == ("lost queued", DispatchState.REQUESTED, 2)
    with pytest.raises(Conflict):
        run.claim(1, WORKER, NOW)


def test_a_stage_that_no_worker_starts_fails_after_a_day() -> None:
    run = a_run(1)

    assert run.next_due_at() == seconds_later(DAY)
    run.process_due(seconds_later(DAY))

    assert (statuses(run), run.status, run.stages["a"].current.reason) == ("failed", Status.FAILED, Reason.TIMEOUT)
    assert run.stages["a"].current.error_message


def test_the_worker_has_a_grace_period_to_stop_a_stage_after_its_timeout() -> None:
    run = a_started_run([a_stage("a", timeout=60)])

    run.process_due(seconds_later(60 + TIMEOUT_GRACE - 1))

    assert statuses(run) == "running"
    assert not run.has_timed_out_attempt
    assert run.next_due_at() == seconds_later(60 + TIMEOUT_GRACE)


def test_a_stage_fails_after_the_grace_period_and_its_worker_is_notified() -> None:
    run = a_started_run([a_stage("a", timeout=60), a_stage("b", needs=[])])

    run.process_due(seconds_later(60 + TIMEOUT_GRACE))

    assert statuses(run) == "failed running"
    assert (run.stages["a"].current.reason, run.has_timed_out_attempt) == (Reason.TIMEOUT, True)
    assert run.find_finished_attempts([("a", 1), ("b", 1)]) == [("a", 1)]


def test_a_stage_that_timed_out_is_retried_like_a_failed_one() -> None:
    run = a_started_run([a_stage("a", timeout=60, retries=1)])

    run.process_due(seconds_later(60 + TIMEOUT_GRACE))

    assert statuses(run) == "queued"
    assert run.has_timed_out_attempt
    assert run.find_finished_attempts([("a", 1)]) == [("a", 1)]


def test_the_timeout_of_an_external_stage_starts_when_its_needs_are_met() -> None:
    run = a_started_run(["a", a_stage("b", "external", timeout=60)])
    assert run.stages["b"].current.deadline_at is None

    end_stage(run, "a", at=30)

    assert (run.next_due_at(), run.status) == (seconds_later(90), Status.WAITING)
    run.process_due(seconds_later(90))
    assert (run.stages["b"].current.reason, run.status) == (Reason.TIMEOUT, Status.FAILED)


def test_an_external_stage_that_started_before_its_needs_failed_has_a_deadline() -> None:
    run = a_started_run(["a", a_stage("b", "external", timeout=60)])
    judge_report(run, Report(Status.RUNNING, "b"), Reporter("ci"), None, NOW)

    end_stage(run, "a", Status.FAILED, at=30)

    assert (statuses(run), run.next_due_at()) == ("failed running", seconds_later(90))


def test_cancelling_cancels_idle_stages_and_closes_an_unclaimed_dispatch() -> None:
    run = a_run(["a", a_stage("b", "external", needs=[]), a_stage("c", needs=["a"], when="always")])

    run.cancel(NOW, "ada", "enough")

    assert (statuses(run), run.status, run.dispatch.state) == ("cancelled cancelled cancelled", Status.CANCELLED, DispatchState.NONE)
    with pytest.raises(Conflict):
        run.claim(1, WORKER, NOW)
    with pytest.raises(Conflict):
        run.cancel(NOW, "ada")


def test_a_running_stage_can_complete_but_the_run_stays_cancelled() -> None:
    run = a_started_run([a_stage("a", retries=2), "b", a_stage("c", needs=["b"], when="always")])

    run.cancel(NOW, None)
    assert (statuses(run), run.status, run.startable_stages) == ("running cancelled cancelled", Status.RUNNING, [])
    end_stage(run, "a", at=5)

    assert (statuses(run), run.status) == ("completed cancelled cancelled", Status.CANCELLED)
    assert run.finished_at == seconds_later(5)


def test_a_cancelled_run_whose_dispatch_is_lost_is_not_retried() -> None:
    run = a_started_run([a_stage("a", retries=2, retry_on_loss=True)])
    run.cancel(NOW, None)

    run.lose_dispatch(1, NOW)

    assert (statuses(run), run.status, len(run.stages["a"].attempts)) == ("lost", Status.CANCELLED, 1)


def test_an_unclaimed_dispatch_whose_flow_run_is_gone_is_replaced() -> None:
    run = a_run(1)

    assert run.close_unclaimed_dispatch(1, NOW, "gone") is True
    assert (run.dispatch.state, run.dispatch.epoch, run.new_dispatch) == (DispatchState.REQUESTED, 2, 2)
    assert run.close_unclaimed_dispatch(1, NOW, "gone") is False


def test_a_worker_that_shuts_down_returns_the_stages_it_did_not_start() -> None:
    run = a_claimed_run()

    run.give_back_dispatch(NOW)

    assert (run.dispatch.state, run.dispatch.epoch) == (DispatchState.REQUESTED, 2)


def test_the_record_count_of_a_run_is_that_of_its_last_stage_with_one() -> None:
    run = a_started_run(3)
    assert run.records_processed is None
    judge_report(run, Report(Status.COMPLETED, "a", records_processed=336_776), HOLDER, None, NOW)
    run.start_ready_stages(1, WORKER, NOW)
    judge_report(run, Report(Status.COMPLETED, "b", records_processed=16), HOLDER, None, NOW)

    assert run.records_processed == 16
