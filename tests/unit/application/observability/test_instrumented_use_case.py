"""What is told of use cases and of what they commit."""

import importlib
import pkgutil

import pytest
from dependency_injector import providers

from application import commands
from application.commands.reports.report_results import ReportResult
from application.commands.runs.trigger_pipeline import TriggerCommand
from application.observability.instrumented_unit_of_work import instrument_unit_of_work
from application.observability.instrumented_use_case import instrument_use_case
from application.observability.metrics import TAGS, Metric
from application.observability.use_case_hooks import get_verdict
from application.ports.queries.health_metrics import HealthMetrics, PoolMetrics
from application.ports.telemetry.telemetry import get_trace_id
from application.services.feed.event_hub import EventHub
from application.services.maintenance.metrics_collector import MetricsCollector
from domain.errors import NotFound, Unavailable
from domain.reports.report import ReportOutcome
from tests.fakes.adapters import FakeAdapters
from tests.support.actions import worker_report
from tests.support.in_process import InProcessHeadgate


def watched() -> tuple[InProcessHeadgate, FakeAdapters]:
    """A system whose container was given telemetry, and a store that tells what is committed."""
    fakes = FakeAdapters()
    headgate = InProcessHeadgate(fakes=fakes)
    store = instrument_unit_of_work(fakes.telemetry, fakes.clock, fakes.open_unit_of_work)
    headgate.application.adapters.open_unit_of_work.override(providers.Object(store))
    headgate.application.telemetry.override(providers.Object(fakes.telemetry))
    return headgate, fakes


PARTS = {"ApplyRunAction", "OpenSession"}
"""Of other use cases, and within their spans."""


def test_every_use_case_is_observed() -> None:
    """Whatever class of the commands can be called, the container gives with eyes on it."""
    headgate = InProcessHeadgate()
    headgate.application.telemetry.override(providers.Object(FakeAdapters().telemetry))
    defined = {
        name
        for module in pkgutil.walk_packages(commands.__path__, f"{commands.__name__}.")
        for name, found in vars(importlib.import_module(module.name)).items()
        if isinstance(found, type) and found.__module__.startswith(commands.__name__) and "__call__" in vars(found)
    }

    watched_over = [each for each in headgate.application.providers.values() if getattr(each, "provides", None) is instrument_use_case]
    observed = {each().name for each in watched_over}

    assert defined - PARTS == observed
    assert defined >= PARTS, "and nothing here is named in vain"


async def test_a_run_is_told_from_its_opening_to_its_end() -> None:
    headgate, fakes = watched()
    await headgate.use_cases.create_pipeline(stages=2)
    run = await headgate.use_cases.trigger()
    await headgate.use_cases.claim(run.run_id)
    fakes.clock.advance(3)
    await headgate.use_cases.advance(run.run_id, ("a", "completed"))
    fakes.clock.advance(4)
    await headgate.use_cases.advance(run.run_id, ("b", "failed"))

    of = fakes.telemetry.of
    assert of(Metric.RUNS_OPENED) == [(1, {"pipeline": "nightly", "trigger": "api"})]
    assert of(Metric.RUN_START_LATENCY) == [(0.0, {"pipeline": "nightly"})]
    assert [(tags["stage"], tags["status"]) for _, tags in of(Metric.STAGES_FINISHED)] == [("a", "completed"), ("b", "failed")]
    assert [seconds for seconds, _ in of(Metric.STAGE_DURATION)] == [3.0, 4.0]
    assert of(Metric.RUNS_FINISHED) == [(1, {"pipeline": "nightly", "status": "failed"})]
    assert of(Metric.RUN_DURATION) == [(7.0, {"pipeline": "nightly", "status": "failed"})]
    assert [tags for _, tags in of(Metric.STATUS_UPDATES)] == [{"verdict": "applied"}] * 2


async def test_a_run_keeps_the_trace_it_was_triggered_in() -> None:
    headgate, fakes = watched()
    await headgate.use_cases.create_pipeline()

    run = await headgate.use_cases.trigger()

    (span,) = [span for span in fakes.telemetry.spans if span.resource == "TriggerPipeline"]
    assert (await headgate.use_cases.get_run(run.run_id)).trace == span.context
    assert get_trace_id(span.context) == f"{span.trace:032x}"
    assert span.tags == {"pipeline": "nightly", "run": run.run_id}


async def test_what_was_not_committed_is_not_told() -> None:
    headgate, fakes = watched()
    await headgate.use_cases.create_pipeline()
    await headgate.use_cases.trigger()
    fakes.telemetry.told.clear()

    async with headgate.application.adapters.open_unit_of_work()() as work:
        run = (await work.runs.lock([1]))[1]
        run.cancel(fakes.clock.now(), None)
        await work.runs.save(run)

    assert fakes.telemetry.told == []


async def test_a_refusal_is_counted_and_its_span_is_no_error() -> None:
    headgate, fakes = watched()

    with pytest.raises(NotFound):
        await headgate.application.trigger_pipeline()(TriggerCommand("nothing"))

    assert fakes.telemetry.of(Metric.USE_CASE_ERRORS) == [(1, {"use_case": "TriggerPipeline", "kind": "NotFound"})]
    (span,) = fakes.telemetry.spans
    assert span.error is None
    assert "refused" in span.tags


async def test_an_outage_is_an_error() -> None:
    headgate, fakes = watched()
    fakes.store.is_down = True

    with pytest.raises(Unavailable):
        await headgate.use_cases.trigger()

    assert fakes.telemetry.spans[-1].error == ("Unavailable", "The database does not answer.", "")
    assert [tags["kind"] for _, tags in fakes.telemetry.of(Metric.USE_CASE_ERRORS)] == ["Unavailable"]


async def test_vital_signs_become_gauges() -> None:
    fakes = FakeAdapters()
    fakes.health_metrics.signs = HealthMetrics(4, 12.5, 1, 2, [PoolMetrics("headgate", 2, 8, 3)])
    hub = EventHub()

    with hub.subscribe():
        await MetricsCollector(fakes.health_metrics, hub, fakes.telemetry).run_once()

    told = {metric: value for metric, value, _ in fakes.telemetry.told}
    assert (told[Metric.OUTBOX_DEPTH], told[Metric.OUTBOX_AGE], told[Metric.RUNS_LATE]) == (4, 12.5, 2)
    assert (told[Metric.WORKERS], told[Metric.WORKER_SLOTS], told[Metric.WORKER_SLOTS_FREE]) == (2, 8, 3)
    assert (told[Metric.SSE_VIEWERS], told[Metric.SSE_LAG], told[Metric.DB_POOL_IN_USE]) == (1, 0, 3)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (ReportResult(ReportOutcome.APPLIED), "applied"),
        (ReportResult(ReportOutcome.IGNORED, "old"), "ignored"),
        (ReportResult(ReportOutcome.REFUSED, problem="not_yours"), "not_yours"),
    ],
)
def test_verdicts_are_few_words(answer: ReportResult, verdict: str) -> None:
    assert get_verdict(answer) == verdict


OF_REQUESTS = {Metric.REQUESTS, Metric.REQUEST_DURATION, Metric.REQUEST_ERRORS}


async def test_every_figure_is_told_with_all_its_tags() -> None:
    """A run by Prefect, a refusal and the vital signs: whatever a dashboard asks for is said by something."""
    headgate, fakes = watched()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    run = await headgate.use_cases.trigger()
    fakes.clock.advance(2)
    await headgate.application.outbox_relay().run_once()
    await headgate.use_cases.claim(run.run_id)
    fakes.clock.advance(3)
    await headgate.use_cases.advance(run.run_id, worker_report(run.run_id, "a", "completed", records_processed=7))
    with pytest.raises(NotFound):
        await headgate.application.trigger_pipeline()(TriggerCommand("nothing"))
    fakes.health_metrics.signs = HealthMetrics(4, 12.5, 1, 2, [PoolMetrics("processes", 2, 8, 3)])
    await MetricsCollector(fakes.health_metrics, EventHub(), fakes.telemetry).run_once()

    of = fakes.telemetry.of
    assert {metric for metric, _, _ in fakes.telemetry.told} == set(Metric) - OF_REQUESTS
    assert [(metric, tags) for metric, _, tags in fakes.telemetry.told if set(tags) != set(TAGS[metric])] == []
    assert of(Metric.RELAY_LATENCY) == [(2.0, {"pool": "processes"})]
    assert of(Metric.STAGE_QUEUE_WAIT) == [(2.0, {"pipeline": "nightly", "stage": "a"})]
    assert of(Metric.RUN_START_LATENCY) == [(2.0, {"pipeline": "nightly"})]
    assert of(Metric.RECORDS) == [(7, {"pipeline": "nightly", "stage": "a"})]
    assert of(Metric.RUNS_WAITING) == [(1, {})]
    assert of(Metric.DB_POOL_SIZE) == [(10, {})]


def test_every_figure_says_which_tags_it_takes() -> None:
    assert set(TAGS) == set(Metric)
    assert not any({"run", "run_id", "trace_id", "event_id"} & set(tags) for tags in TAGS.values())


async def test_a_delivery_belongs_to_the_trace_of_the_trigger_and_says_what_prefect_refused() -> None:
    headgate, fakes = watched()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.application.outbox_relay().run_once()
    fakes.orchestrator.refused = {"nightly #2"}
    await headgate.use_cases.trigger()
    await headgate.application.outbox_relay().run_once()

    told = fakes.telemetry.spans
    triggers = [span for span in told if span.resource == "TriggerPipeline"]
    relayed = [span for span in told if span.name == "headgate.relay"]

    assert [(span.resource, span.parent, span.over) for span in relayed] == [("processes", span.context, True) for span in triggers]
    assert relayed[0].tags == {"pipeline": "nightly", "run": run_id, "dispatch": 1}
    assert (relayed[0].error, relayed[1].error) == (None, ("refused", "Prefect answered 422: it will not have nightly #2.", ""))
