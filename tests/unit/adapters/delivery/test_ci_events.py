"""What Headgate sends to Datadog CI Visibility about a run and its attempts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.delivery.ci_events import CiEventSink
from adapters.system.clock import SystemClock
from domain.errors import Unavailable
from domain.runs.status import Status
from tests.support.event_receiver import Receiver
from tests.support.event_sinks import KEY, PUBLIC_URL, a_ci_receiver, find_ci_problems, get_ci_resources
from tests.support.lifecycle_events import a_minute_ago, a_run_event, an_attempt_event


@pytest.fixture
async def datadog() -> AsyncIterator[Receiver]:
    async with a_ci_receiver().open() as receiver:
        yield receiver
        assert receiver.problems == []


@pytest.fixture
async def sink(datadog: Receiver) -> AsyncIterator[CiEventSink]:
    sink = CiEventSink(datadog.url, KEY, PUBLIC_URL, "prod", SystemClock())
    yield sink
    await sink.close()


async def test_a_run_is_a_pipeline_with_queue_time_result_and_url(datadog: Receiver, sink: CiEventSink) -> None:
    run = a_run_event(status=Status.FAILED, records_processed=9, error_message="load: no such file")

    await sink.send([run])

    (body,) = datadog.taken
    (pipeline,) = get_ci_resources(datadog)
    assert body["data"][0]["attributes"]["env"] == "prod"
    assert (pipeline["level"], pipeline["unique_id"], pipeline["name"], pipeline["status"]) == ("pipeline", str(run.id), "nightly", "error")
    assert (pipeline["queue_time"], pipeline["metrics"], pipeline["is_manual"]) == (2000, ["records:9"], True)
    assert pipeline["error"] == {"type": "failed", "message": "load: no such file"}
    assert pipeline["url"] == "https://headgate.example/ui/runs/7"


async def test_an_attempt_is_a_job_of_its_pipeline_on_a_worker_node(datadog: Receiver, sink: CiEventSink) -> None:
    attempt = an_attempt_event("load data", Status.COMPLETED, number=2, worker="worker-1")

    await sink.send([attempt])

    (job,) = get_ci_resources(datadog)
    assert (job["level"], job["id"], job["name"], job["status"]) == ("job", str(attempt.id), "load data", "success")
    assert (job["pipeline_unique_id"], job["pipeline_name"]) == (str(attempt.run.id), "nightly")
    assert (job["node"], job["queue_time"]) == ({"name": "worker-1"}, 1000)
    assert job["url"] == "https://headgate.example/ui/runs/7?stage=load+data"
    assert "attempt:2" in job["tags"]


async def test_a_running_pipeline_has_the_same_id_as_the_finished_one(datadog: Receiver, sink: CiEventSink) -> None:
    await sink.send([a_run_event(), a_run_event(status=Status.CANCELLED)])

    running, finished = get_ci_resources(datadog)
    assert (running["status"], finished["status"]) == ("running", "canceled")
    assert "end" not in running and "end" in finished
    assert running["unique_id"] == finished["unique_id"]


async def test_a_skipped_stage_has_no_duration(datadog: Receiver, sink: CiEventSink) -> None:
    await sink.send([an_attempt_event(status=Status.SKIPPED, started_at=None, queued_at=None)])

    (job,) = get_ci_resources(datadog)
    assert (job["status"], job["start"], job["queue_time"]) == ("skipped", job["end"], 0)


async def test_events_too_old_for_datadog_are_not_sent(datadog: Receiver, sink: CiEventSink) -> None:
    old = a_run_event(1, Status.COMPLETED, now=a_minute_ago() - timedelta(hours=19))
    recent = a_run_event(2, Status.COMPLETED)

    rejected = await sink.send([old, recent])

    assert [(each.event, each.why) for each in rejected] == [(old, "The event is older than 18 hours.")]
    assert [pipeline["pipeline_id"] for pipeline in get_ci_resources(datadog)] == ["2"]


async def test_many_events_are_sent_in_few_requests(datadog: Receiver, sink: CiEventSink) -> None:
    await sink.send([a_run_event(run_id) for run_id in range(1, 121)])

    assert [len(body["data"]) for body in datadog.taken] == [50, 50, 20]


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503])
async def test_temporary_failures_raise_unavailable(datadog: Receiver, sink: CiEventSink, status: int) -> None:
    datadog.answers.append(status)

    with pytest.raises(Unavailable, match=str(status)):
        await sink.send([a_run_event()])


async def test_an_unreachable_receiver_raises_unavailable(unused_address: str) -> None:
    sink = CiEventSink(unused_address, KEY, PUBLIC_URL, None, SystemClock())

    with pytest.raises(Unavailable, match="does not respond"):
        await sink.send([a_run_event()])
    await sink.close()


def test_the_test_receiver_rejects_what_breaks_the_schema() -> None:
    assert find_ci_problems({"data": [{"type": "cipipeline_resource_request", "attributes": {"resource": {"level": "pipeline"}}}]}) != []
    assert find_ci_problems({"date": []}) != []
