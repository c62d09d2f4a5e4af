"""What Headgate sends to OpenLineage about a run and its attempts."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.delivery.openlineage import OpenLineageSink
from domain.errors import Unavailable
from domain.runs.status import Status
from tests.support.event_receiver import Receiver
from tests.support.event_sinks import KEY, PUBLIC_URL, a_lineage_receiver
from tests.support.lifecycle_events import a_run_event, an_attempt_event
from tests.support.openlineage_schema import find_lineage_problems


@pytest.fixture
async def marquez() -> AsyncIterator[Receiver]:
    async with a_lineage_receiver().open() as receiver:
        yield receiver
        assert receiver.problems == []


@pytest.fixture
async def sink(marquez: Receiver) -> AsyncIterator[OpenLineageSink]:
    sink = OpenLineageSink(marquez.url, KEY, "prod", PUBLIC_URL)
    yield sink
    await sink.close()


def get_event_types(marquez: Receiver) -> list[tuple[str, str]]:
    return [(event["eventType"], event["job"]["name"]) for event in marquez.taken]


@pytest.mark.parametrize(
    ("status", "type"),
    [(Status.COMPLETED, "COMPLETE"), (Status.FAILED, "FAIL"), (Status.LOST, "FAIL"), (Status.CANCELLED, "ABORT")],
)
async def test_a_run_has_one_start_and_one_end(marquez: Receiver, sink: OpenLineageSink, status: Status, type: str) -> None:
    await sink.send([a_run_event(), a_run_event(status=status)])

    assert get_event_types(marquez) == [("START", "nightly"), (type, "nightly")]
    assert len({event["run"]["runId"] for event in marquez.taken}) == 1


async def test_records_are_sent_for_the_attempt_and_its_output(marquez: Receiver, sink: OpenLineageSink) -> None:
    await sink.send([an_attempt_event("load", Status.COMPLETED, records_processed=336_776, needs=("extract", "clean"))])

    (event,) = marquez.taken
    assert event["run"]["facets"]["headgate_execution"]["recordsProcessed"] == 336_776
    assert [dataset["name"] for dataset in event["inputs"]] == ["nightly.extract", "nightly.clean"]
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("prod", "nightly.load")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 336_776


async def test_the_parent_of_an_attempt_is_its_run(marquez: Receiver, sink: OpenLineageSink) -> None:
    attempt = an_attempt_event()

    await sink.send([attempt.run, attempt])

    run, stage = marquez.taken
    parent = stage["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == run["run"]["runId"] == str(attempt.run.id)
    assert parent["job"] == {"namespace": run["job"]["namespace"], "name": run["job"]["name"]}


async def test_a_failed_attempt_has_an_error_and_no_output(marquez: Receiver, sink: OpenLineageSink) -> None:
    await sink.send([an_attempt_event(status=Status.FAILED, error_message="no such file", records_processed=3)])

    (event,) = marquez.taken
    assert event["outputs"] == []
    assert event["run"]["facets"]["errorMessage"]["message"] == "no such file"


async def test_an_end_without_a_start_gets_a_start(marquez: Receiver, sink: OpenLineageSink) -> None:
    await sink.send([a_run_event(status=Status.CANCELLED, started_at=None)])

    assert [type for type, _ in get_event_types(marquez)] == ["START", "ABORT"]
    assert marquez.taken[0]["run"]["facets"]["headgate_execution"]["status"] == "running"


async def test_a_skipped_stage_is_not_sent(marquez: Receiver, sink: OpenLineageSink) -> None:
    assert await sink.send([an_attempt_event(status=Status.SKIPPED, started_at=None)]) == []

    assert marquez.requests == 0


@pytest.mark.parametrize("status", [401, 404, 429, 500])
async def test_temporary_failures_raise_unavailable(marquez: Receiver, sink: OpenLineageSink, status: int) -> None:
    marquez.answers.append(status)

    with pytest.raises(Unavailable, match=str(status)):
        await sink.send([a_run_event()])


async def test_a_url_with_a_path_is_used_unchanged(marquez: Receiver) -> None:
    sink = OpenLineageSink(f"{marquez.url}/api/v1/lineage", KEY, "prod", PUBLIC_URL)

    await sink.send([a_run_event()])
    await sink.close()

    assert len(marquez.taken) == 1


@pytest.mark.parametrize(
    "corrupt",
    [
        lambda event: event.pop("schemaURL"),
        lambda event: event.update(eventType="DONE"),
        lambda event: event.update(eventTime="yesterday"),
        lambda event: event["run"].update(runId="7"),
        lambda event: event["run"]["facets"]["parent"].pop("_producer"),
        lambda event: event["outputs"][0]["outputFacets"]["outputStatistics"].update(rowCount="many"),
        lambda event: event.update(extra=1),
    ],
)
async def test_the_test_receiver_rejects_what_breaks_the_schema(marquez: Receiver, sink: OpenLineageSink, corrupt: Any) -> None:
    await sink.send([an_attempt_event(status=Status.COMPLETED, records_processed=1)])
    event = copy.deepcopy(marquez.taken[0])
    assert find_lineage_problems(event) == []

    corrupt(event)

    assert find_lineage_problems(event) != []
