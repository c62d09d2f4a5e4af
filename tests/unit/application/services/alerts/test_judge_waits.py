"""What wakes the judges of alerts, and their spans."""

import asyncio

import pytest

from application.observability import delivery_tracer
from application.observability.alert_telemetry import SPAN_NAME
from application.ports.persistence.pipelines import StoredPipeline
from application.services.alerts import alert_judge
from domain.runs.status import Status
from tests.support.incidents import AlertingHeadgate
from tests.support.judged_alerts import RULE, end_run

LONG = 60.0
"""Seconds of a sleep that no test waits for."""


@pytest.fixture
async def headgate(monkeypatch: pytest.MonkeyPatch) -> AlertingHeadgate:
    monkeypatch.setattr(alert_judge, "POLL_SECONDS", LONG)
    monkeypatch.setattr(alert_judge, "MAX_SLEEP_SECONDS", LONG)
    headgate = AlertingHeadgate(is_observed=True)
    await headgate.add_channel("team")
    await headgate.application.alert_judge().run_once()
    return headgate


async def wait(headgate: AlertingHeadgate) -> None:
    async with asyncio.timeout(LONG / 2):
        await headgate.application.alert_judge().wait()


async def sleeps(headgate: AlertingHeadgate) -> bool:
    try:
        async with asyncio.timeout(0.3):
            await headgate.application.alert_judge().wait()
    except TimeoutError:
        return True
    return False


async def fail_a_run(headgate: AlertingHeadgate, pipeline: str) -> None:
    run = await headgate.use_cases.trigger(pipeline)
    await headgate.use_cases.claim(run.run_id)
    await headgate.use_cases.advance(run.run_id, ("a", "failed"))


async def add_expecting_pipeline(headgate: AlertingHeadgate) -> StoredPipeline:
    expect = [{"every": "1h", "max_duration": "30m"}]
    pipeline = await headgate.stories.add_pipeline("remote", [{"name": "load", "kind": "external"}], expect=expect, alerts=[RULE])
    async with headgate.fakes.open_unit_of_work() as work:
        await work.channels.set_uses(pipeline.id, ["team"])
        await work.commit()
    return pipeline


async def test_the_end_of_a_run_wakes_the_judge_and_an_opened_incident_the_delivery_service(headgate: AlertingHeadgate) -> None:
    await headgate.use_cases.create_pipeline(1, name="watched", alerts=[RULE])
    await wait(headgate)
    await headgate.application.alert_judge().run_once()
    assert await sleeps(headgate)

    await fail_a_run(headgate, "watched")
    await wait(headgate)
    await headgate.application.alert_judge().run_once()

    (incident,) = headgate.fakes.store.committed.incidents.values()
    assert incident.summary == "failed at a"
    assert headgate.application.wakeups().deliveries.is_set()
    (delivery,) = headgate.list_deliveries()
    assert delivery.incident_id == incident.id


async def test_without_rules_only_a_new_rule_wakes_the_judge(headgate: AlertingHeadgate) -> None:
    await headgate.use_cases.create_pipeline(1, name="plain")
    await headgate.application.alert_judge().run_once()
    await fail_a_run(headgate, "plain")
    assert await sleeps(headgate)

    await headgate.use_cases.create_pipeline(1, name="watched", alerts=[RULE])
    await wait(headgate)
    await headgate.application.alert_judge().run_once()
    await fail_a_run(headgate, "watched")
    await wait(headgate)


async def test_events_of_pipelines_without_rules_start_no_span(headgate: AlertingHeadgate) -> None:
    await headgate.use_cases.create_pipeline(1, name="watched", alerts=[RULE])
    await headgate.application.alert_judge().run_once()
    headgate.fakes.telemetry.spans.clear()
    await headgate.use_cases.create_pipeline(1, name="plain")
    await fail_a_run(headgate, "plain")

    await headgate.application.alert_judge().run_once()
    await headgate.application.expectation_judge().run_once()
    await headgate.application.delivery_service().run_once()

    names = {span.name for span in headgate.fakes.telemetry.spans}
    assert not names & {SPAN_NAME, delivery_tracer.SPAN_NAME}


async def test_expectations_that_are_met_start_no_span(headgate: AlertingHeadgate) -> None:
    await add_expecting_pipeline(headgate)

    await headgate.application.expectation_judge().run_once()
    assert SPAN_NAME not in [span.name for span in headgate.fakes.telemetry.spans]

    headgate.fakes.clock.advance(3 * 3600)
    await headgate.application.expectation_judge().run_once()
    (span,) = [span for span in headgate.fakes.telemetry.spans if span.name == SPAN_NAME]
    assert (span.resource, span.parent) == ("ExpectationJudge", {})


async def test_a_page_of_events_has_a_span_of_its_own(headgate: AlertingHeadgate) -> None:
    await headgate.use_cases.create_pipeline(1, name="watched", alerts=[RULE])
    await fail_a_run(headgate, "watched")
    await headgate.application.alert_judge().run_once()

    (span,) = [span for span in headgate.fakes.telemetry.spans if span.name == SPAN_NAME]
    assert (span.resource, span.parent) == ("AlertJudge", {})
    assert {name: span.tags[name] for name in ("judgements", "messages")} == {"judgements": 1, "messages": 1}


async def test_a_run_that_waits_for_an_approval_wakes_the_judge(headgate: AlertingHeadgate) -> None:
    stages = [{"name": "ask", "kind": "approval"}]
    await headgate.api.create_pipeline("asked", *stages, alerts=[RULE])
    await headgate.application.alert_judge().run_once()
    await headgate.use_cases.trigger("asked")
    await wait(headgate)
    await headgate.application.alert_judge().run_once()

    (incident,) = headgate.fakes.store.committed.incidents.values()
    assert incident.summary == "waits for an approval at ask"


async def test_the_expectation_judge_is_woken_by_the_run_of_a_pipeline_with_expectations(headgate: AlertingHeadgate) -> None:
    pipeline = await add_expecting_pipeline(headgate)
    headgate.application.wakeups().expectations.clear()
    run_id = await headgate.stories.open_run(pipeline)
    await headgate.stories.change_run(run_id, lambda run: end_run(run, Status.COMPLETED, headgate.fakes.clock.now()))
    await headgate.application.alert_judge().run_once()

    assert headgate.application.wakeups().expectations.is_set()
