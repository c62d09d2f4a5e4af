"""What of a run and its attempts OpenLineage is told."""

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
from tests.support.lifecycle_events import an_announced_attempt, an_announced_run
from tests.support.openlineage_schema import lineage_problems


@pytest.fixture
async def marquez() -> AsyncIterator[Receiver]:
    async with a_lineage_receiver().open() as receiver:
        yield receiver
        assert receiver.problems == []


@pytest.fixture
async def lineage(marquez: Receiver) -> AsyncIterator[OpenLineageSink]:
    lineage = OpenLineageSink(marquez.url, KEY, "prod", PUBLIC_URL)
    yield lineage
    await lineage.close()


def kinds(marquez: Receiver) -> list[tuple[str, str]]:
    return [(event["eventType"], event["job"]["name"]) for event in marquez.taken]


@pytest.mark.parametrize(
    ("status", "type"),
    [(Status.COMPLETED, "COMPLETE"), (Status.FAILED, "FAIL"), (Status.LOST, "FAIL"), (Status.CANCELLED, "ABORT")],
)
async def test_a_run_has_one_start_and_one_end(marquez: Receiver, lineage: OpenLineageSink, status: Status, type: str) -> None:
    await lineage.send([an_announced_run(), an_announced_run(status=status)])

    assert kinds(marquez) == [("START", "nightly"), (type, "nightly")]
    assert len({event["run"]["runId"] for event in marquez.taken}) == 1


async def test_records_are_told_of_the_attempt_and_of_what_it_brought_forth(marquez: Receiver, lineage: OpenLineageSink) -> None:
    await lineage.send([an_announced_attempt("load", Status.COMPLETED, records_processed=336_776, needs=("extract", "clean"))])

    (event,) = marquez.taken
    assert event["run"]["facets"]["headgate_execution"]["recordsProcessed"] == 336_776
    assert [dataset["name"] for dataset in event["inputs"]] == ["nightly.extract", "nightly.clean"]
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("prod", "nightly.load")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 336_776


async def test_an_attempt_names_its_run_as_its_parent(marquez: Receiver, lineage: OpenLineageSink) -> None:
    attempt = an_announced_attempt()

    await lineage.send([attempt.run, attempt])

    run, stage = marquez.taken
    parent = stage["run"]["facets"]["parent"]
    assert parent["run"]["runId"] == run["run"]["runId"] == str(attempt.run.id)
    assert parent["job"] == {"namespace": run["job"]["namespace"], "name": run["job"]["name"]}


async def test_what_failed_brought_nothing_forth_and_says_why(marquez: Receiver, lineage: OpenLineageSink) -> None:
    await lineage.send([an_announced_attempt(status=Status.FAILED, error_message="no such file", records_processed=3)])

    (event,) = marquez.taken
    assert event["outputs"] == []
    assert event["run"]["facets"]["errorMessage"]["message"] == "no such file"


async def test_an_end_without_a_start_brings_its_own(marquez: Receiver, lineage: OpenLineageSink) -> None:
    await lineage.send([an_announced_run(status=Status.CANCELLED, started_at=None)])

    assert [type for type, _ in kinds(marquez)] == ["START", "ABORT"]
    assert marquez.taken[0]["run"]["facets"]["headgate_execution"]["status"] == "running"


async def test_nothing_is_told_of_a_skipped_stage(marquez: Receiver, lineage: OpenLineageSink) -> None:
    assert await lineage.send([an_announced_attempt(status=Status.SKIPPED, started_at=None)]) == []

    assert marquez.requests == 0


@pytest.mark.parametrize("status", [401, 404, 429, 500])
async def test_what_may_pass_is_tried_again_later(marquez: Receiver, lineage: OpenLineageSink, status: int) -> None:
    marquez.answers.append(status)

    with pytest.raises(Unavailable, match=str(status)):
        await lineage.send([an_announced_run()])


async def test_an_address_with_a_path_is_taken_as_it_is(marquez: Receiver) -> None:
    lineage = OpenLineageSink(f"{marquez.url}/api/v1/lineage", KEY, "prod", PUBLIC_URL)

    await lineage.send([an_announced_run()])
    await lineage.close()

    assert len(marquez.taken) == 1


@pytest.mark.parametrize(
    "spoil",
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
async def test_the_stand_in_refuses_what_breaks_the_schema(marquez: Receiver, lineage: OpenLineageSink, spoil: Any) -> None:
    await lineage.send([an_announced_attempt(status=Status.COMPLETED, records_processed=1)])
    event = copy.deepcopy(marquez.taken[0])
    assert lineage_problems(event) == []

    spoil(event)

    assert lineage_problems(event) != []
