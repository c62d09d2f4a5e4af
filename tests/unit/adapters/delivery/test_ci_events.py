"""What of a run and its attempts CI Visibility is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.delivery.ci_events import CiEventSink
from adapters.system.clock import SystemClock
from domain.errors import Unavailable
from domain.runs.status import Status
from tests.support.event_receiver import Receiver
from tests.support.event_sinks import KEY, PUBLIC_URL, a_ci_receiver, ci_problems, ci_resources
from tests.support.lifecycle_events import an_announced_attempt, an_announced_run, just_now


@pytest.fixture
async def datadog() -> AsyncIterator[Receiver]:
    async with a_ci_receiver().open() as receiver:
        yield receiver
        assert receiver.problems == []


@pytest.fixture
async def events(datadog: Receiver) -> AsyncIterator[CiEventSink]:
    events = CiEventSink(datadog.url, KEY, PUBLIC_URL, "prod", SystemClock())
    yield events
    await events.close()


async def test_a_run_is_a_pipeline_with_its_waiting_time_result_and_page(datadog: Receiver, events: CiEventSink) -> None:
    run = an_announced_run(status=Status.FAILED, records_processed=9, error_message="load: no such file")

    await events.send([run])

    (body,) = datadog.taken
    (pipeline,) = ci_resources(datadog)
    assert body["data"][0]["attributes"]["env"] == "prod"
    assert (pipeline["level"], pipeline["unique_id"], pipeline["name"], pipeline["status"]) == ("pipeline", str(run.id), "nightly", "error")
    assert (pipeline["queue_time"], pipeline["metrics"], pipeline["is_manual"]) == (2000, ["records:9"], True)
    assert pipeline["error"] == {"type": "failed", "message": "load: no such file"}
    assert pipeline["url"] == "https://headgate.example/ui/runs/7"


async def test_an_attempt_is_a_job_of_its_pipeline_on_its_worker(datadog: Receiver, events: CiEventSink) -> None:
    attempt = an_announced_attempt("load data", Status.COMPLETED, number=2, worker="worker-1")

    await events.send([attempt])

    (job,) = ci_resources(datadog)
    assert (job["level"], job["id"], job["name"], job["status"]) == ("job", str(attempt.id), "load data", "success")
    assert (job["pipeline_unique_id"], job["pipeline_name"]) == (str(attempt.run.id), "nightly")
    assert (job["node"], job["queue_time"]) == ({"name": "worker-1"}, 1000)
    assert job["url"] == "https://headgate.example/ui/runs/7?stage=load+data"
    assert "attempt:2" in job["tags"]


async def test_a_running_pipeline_has_no_end_and_the_id_of_the_one_that_ends(datadog: Receiver, events: CiEventSink) -> None:
    await events.send([an_announced_run(), an_announced_run(status=Status.CANCELLED)])

    running, over = ci_resources(datadog)
    assert (running["status"], over["status"]) == ("running", "canceled")
    assert "end" not in running and "end" in over
    assert running["unique_id"] == over["unique_id"]


async def test_a_skipped_stage_is_told_without_a_duration(datadog: Receiver, events: CiEventSink) -> None:
    await events.send([an_announced_attempt(status=Status.SKIPPED, started_at=None, queued_at=None)])

    (job,) = ci_resources(datadog)
    assert (job["status"], job["start"], job["queue_time"]) == ("skipped", job["end"], 0)


async def test_what_datadog_calls_too_old_is_not_sent(datadog: Receiver, events: CiEventSink) -> None:
    old = an_announced_run(1, Status.COMPLETED, now=just_now() - timedelta(hours=19))
    fresh = an_announced_run(2, Status.COMPLETED)

    refusals = await events.send([old, fresh])

    assert [(refusal.event, refusal.why) for refusal in refusals] == [(old, "It is older than 18 hours.")]
    assert [pipeline["pipeline_id"] for pipeline in ci_resources(datadog)] == ["2"]


async def test_many_go_in_few_requests(datadog: Receiver, events: CiEventSink) -> None:
    await events.send([an_announced_run(run_id) for run_id in range(1, 121)])

    assert [len(body["data"]) for body in datadog.taken] == [50, 50, 20]


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503])
async def test_what_may_pass_is_tried_again_later(datadog: Receiver, events: CiEventSink, status: int) -> None:
    datadog.answers.append(status)

    with pytest.raises(Unavailable, match=str(status)):
        await events.send([an_announced_run()])


async def test_nobody_there_is_tried_again_later(unused_address: str) -> None:
    events = CiEventSink(unused_address, KEY, PUBLIC_URL, None, SystemClock())

    with pytest.raises(Unavailable, match="does not answer"):
        await events.send([an_announced_run()])
    await events.close()


def test_the_stand_in_refuses_what_the_schema_does_not_have() -> None:
    assert ci_problems({"data": [{"type": "cipipeline_resource_request", "attributes": {"resource": {"level": "pipeline"}}}]}) != []
    assert ci_problems({"date": []}) != []
